"""Trainings in real containers of a real engine, from a real registry: what they can do, and what is left of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_gitops.adapters import container_owners, training_images
from mlops_gitops.adapters.training_images import Bind, Image
from mlops_gitops.errors import Misused, WorldFailed
from servers.docker_engine import Engine
from time_limits import until

WORK = Path("/run/training/work")
DIGEST = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def image(engine: Engine) -> Image:
    return training_images.opened(engine.image, environ=engine.environ)


@pytest.fixture(autouse=True)
def nothing_left(engine: Engine, image: Image) -> Iterator[None]:
    """After every test the engine holds what it held before: no container, volume, network or image more."""
    assert image.name == engine.image
    before = engine.left()
    yield
    assert engine.left() == before


class Ran:
    """A run of Python code in a work folder of its own."""

    def __init__(self, image: Image, folder: Path) -> None:
        self.image, self.folder, self.log = image, folder, folder.parent / "log"
        folder.mkdir()

    def __call__(self, code: str, *binds: Bind, words: tuple[str, ...] = (), **options: Any) -> int:
        with self.log.open("wb") as log:
            return training_images.run(
                self.image,
                words or ("python", "-c", code),
                folder=WORK,
                binds=[Bind(self.folder, WORK, writable=True), *binds],
                log=log,
                **{"environment": {}, **options},
            )

    @property
    def said(self) -> Any:
        return json.loads(self.log.read_text())


@pytest.fixture
def ran(image: Image, tmp_path: Path) -> Ran:
    return Ran(image, tmp_path / "work")


def test_an_image_that_is_not_there_is_pulled_and_one_that_is_there_is_not(engine: Engine) -> None:
    engine.client.images.remove(engine.image, force=True)
    for _ in range(2):
        opened = training_images.opened(engine.image, environ=engine.environ)
        assert engine.image in engine.client.images.get(opened.name).attrs["RepoDigests"]


def test_a_tag_beside_the_digest_changes_nothing(engine: Engine) -> None:
    name, digest = engine.image.split("@")
    assert training_images.opened(f"{name}:whatever@{digest}", environ=engine.environ).name == engine.image


@pytest.mark.parametrize("name", ["python", "python:3.12", "python@sha256:0", f"python@md5:{'0' * 64}", "", "-x"])
def test_an_image_is_named_by_its_digest_or_not_at_all(name: str, engine: Engine) -> None:
    with pytest.raises(Misused, match="not named by its digest") as refusal:
        training_images.opened(name, environ=engine.environ)
    assert "@sha256:" in refusal.value.hint


def test_what_the_registry_says_is_told(engine: Engine) -> None:
    with pytest.raises(WorldFailed, match=r"cannot be pulled: .*(unknown|not found)") as refusal:
        training_images.opened(f"{engine.registry}/python@{DIGEST}", environ=engine.environ)
    assert refusal.value.code == "image-pull"


def test_no_registry_at_all_is_told(engine: Engine) -> None:
    with pytest.raises(WorldFailed, match="refused"):
        training_images.opened(f"127.0.0.1:1/python@{DIGEST}", environ=engine.environ)


def test_no_engine_is_told(tmp_path: Path, engine: Engine) -> None:
    environ = {"DOCKER_HOST": f"unix://{tmp_path}/nobody"}
    with pytest.raises(WorldFailed, match="no container engine") as refusal:
        training_images.opened(engine.image, environ=environ)
    assert "DOCKER_HOST" in refusal.value.hint


SURROUNDINGS = """
import json, os, socket
def refused(what):
    try:
        what()
    except OSError as error:
        return error.strerror
print(json.dumps({
    "environment": dict(os.environ), "folder": os.getcwd(), "ids": [os.getuid(), os.getgid()],
    "host": socket.gethostname(), "interfaces": sorted(name for _, name in socket.if_nameindex()),
    "root": refused(lambda: open("/etc/new", "w")), "tmp": refused(lambda: open("/tmp/new", "w")),
    "work": refused(lambda: open("made", "w").write("here")),
    "input": refused(lambda: open("data/train.csv", "a")), "shim": refused(lambda: open("/run/training/shim/x", "w")),
    "read": open("data/train.csv").read(),
    "capabilities": [line.split()[1] for line in open("/proc/self/status") if line.startswith(("CapEff", "NoNewPriv"))],
}))
"""


def test_a_training_finds_what_it_was_given_and_nothing_else(ran: Ran, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b\n")
    (tmp_path / "train.csv").chmod(0o666)
    (ran.folder / "data").mkdir()
    (ran.folder / "data" / "train.csv").write_text("what is in the commit")
    (tmp_path / "shim").mkdir()
    (tmp_path / "shim").chmod(0o777)
    binds = (Bind(tmp_path / "train.csv", WORK / "data/train.csv"), Bind(tmp_path / "shim", WORK.parent / "shim"))
    assert ran(SURROUNDINGS, *binds, environment={"SEED": "7"}) == 0
    said = ran.said
    assert said["environment"].pop("HOME") == "/"
    assert said["environment"] == {"PATH": "/usr/bin", "FROM_IMAGE": "yes", "HOSTNAME": "training", "SEED": "7"}
    assert (said["folder"], said["host"], said["interfaces"]) == (str(WORK), "training", ["lo"])
    assert (said["root"], said["tmp"], said["work"]) == ("Read-only file system", None, None)
    assert (said["input"], said["shim"]) == ("Read-only file system", "Read-only file system")
    assert said["read"] == "a,b\n"
    assert said["capabilities"] == ["0000000000000000", "1"]
    assert 0 not in said["ids"]
    assert (ran.folder / "made").read_text() == "here"
    (ran.folder / "made").unlink()
    assert (tmp_path / "train.csv").read_text() == "a,b\n"


def test_what_root_hands_in_is_not_written_through_links(ran: Ran, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    (ran.folder / "link").symlink_to(outside)
    before = outside.stat()
    assert ran("import os; assert os.path.islink('link') and not os.path.exists('link')") == 0
    assert (outside.stat().st_uid, outside.read_text()) == (before.st_uid, "mine")


def test_a_training_has_a_network_only_where_it_asks_for_one(ran: Ran) -> None:
    names = "import json, socket; print(json.dumps(len(socket.if_nameindex())))"
    assert ran(names) == 0
    assert ran.said == 1
    assert ran(names, network=True) == 0
    assert ran.said > 1


def test_a_training_sees_as_many_processors_as_it_was_given(ran: Ran) -> None:
    assert ran("import json, os; print(json.dumps(len(os.sched_getaffinity(0))))", cpus=1) == 0
    assert ran.said == 1


def test_a_training_runs_as_whom_it_is_told(ran: Ran) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can hand its files to somebody else")
    code = "import json, os; open('made', 'w'); print(json.dumps([os.getuid(), os.getgid()]))"
    assert ran(code, user=(1234, 4321)) == 0
    assert ran.said == [1234, 4321]
    assert (ran.folder / "made").stat().st_uid == 1234


@pytest.mark.parametrize(("code", "expected"), [("raise SystemExit(3)", 3), ("import nothing_there", 1), ("", 0)])
def test_how_a_training_ends_is_told(code: str, expected: int, ran: Ran) -> None:
    assert ran(code) == expected


def test_a_command_that_the_image_lacks_ends_as_a_shell_would_say(ran: Ran) -> None:
    assert ran("", words=("no-such-program", "x")) == 127
    assert "no-such-program" in ran.log.read_text()


def test_processes_have_an_end(ran: Ran) -> None:
    code = """
from pathlib import Path
print(next(one for one in Path("/sys/fs/cgroup").rglob("pids.max")).read_text())
"""
    assert ran(code) == 0
    assert ran.said == 4096


KILLED = """
import sys
from pathlib import Path
from mlops_gitops.adapters import training_images
image = training_images.opened(sys.argv[1], environ={"DOCKER_HOST": sys.argv[2]})
work = training_images.Bind(Path(sys.argv[3]), Path("/work"), writable=True)
words = ("python", "-c", "import time; open('began', 'w').close(); time.sleep(60)")
training_images.run(image, words, folder=Path("/work"), binds=[work], environment={}, log=sys.stdout.buffer)
"""


def test_what_a_killed_process_left_is_removed_at_the_next_start(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    words = [sys.executable, "-c", KILLED, engine.image, engine.host, str(tmp_path / "work")]
    with subprocess.Popen(words) as process:
        try:
            until((tmp_path / "work" / "began").exists)
            ours = _ours(engine)
            assert len(ours) == 1
            training_images.opened(engine.image, environ=engine.environ)
            assert _ours(engine) == ours, "it lives, and so does its process"
        finally:  # also where it failed: the process would sleep for minutes
            process.send_signal(signal.SIGKILL)
    assert _ours(engine) == ours
    training_images.opened(engine.image, environ=engine.environ)
    assert _ours(engine) == []


def _ours(engine: Engine) -> list[Any]:
    found: list[Any] = engine.client.containers.list(
        all=True, filters={"label": container_owners.LABEL}, ignore_removed=True
    )
    return found


@pytest.mark.parametrize("label", ["", "x", "another-machine/pid:[1] 1 1", "another machine/pid:[1] 1 1 1"])
def test_the_containers_of_others_are_left_alone(label: str, engine: Engine) -> None:
    labels = {container_owners.LABEL: label}
    other = engine.client.containers.create(engine.image, entrypoint=["-"], labels=labels, network_mode="none")
    try:
        container_owners.remove_stale(engine.client)
        other.reload()
    finally:
        other.remove(v=True)


def test_an_engine_that_takes_the_container_away_is_at_fault(ran: Ran, engine: Engine) -> None:
    def take_away() -> None:
        until((ran.folder / "began").exists, seconds=50)
        for one in engine.client.containers.list(filters={"label": container_owners.LABEL}):
            one.remove(force=True, v=True)

    thief = threading.Thread(target=take_away)
    thief.start()
    try:
        with pytest.raises(WorldFailed, match="the container engine could not run") as failure:
            ran("import time; open('began', 'w').close(); time.sleep(60)")
    finally:
        thief.join()
    assert failure.value.code == "engine"


def test_the_clock_can_be_set_only_where_the_image_has_the_library(engine: Engine, ran: Ran) -> None:
    assert training_images.faketime(ran.image) is None
    assert "clock" not in training_images.supported(None)
    if engine.faked is None:
        pytest.skip("libfaketime is not installed here: `apt-get install libfaketime`")
    faked = training_images.opened(engine.faked, environ=engine.environ)
    try:
        library = training_images.faketime(faked)
        assert library is not None
        assert "clock" in training_images.supported(library)
        ran.image = faked
        environment = {"LD_PRELOAD": library, "FAKETIME": "@2031-05-06 07:08:09", "TZ": "UTC"}
        assert ran("import json, time; print(json.dumps(time.gmtime().tm_year))", environment=environment) == 0
        assert ran.said == 2031
    finally:
        engine.client.images.remove(engine.faked, force=True)


def test_the_hash_seed_is_a_variable_like_any_other(ran: Ran) -> None:
    answers = []
    for seed in ("1", "1", "2"):
        assert ran("import json; print(json.dumps(hash('x')))", environment={"PYTHONHASHSEED": seed}) == 0
        answers.append(ran.said)
    assert answers[0] == answers[1] != answers[2]
