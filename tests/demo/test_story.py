"""The demo says what the program understands: its commands, its policies and its manifests."""

import io
import os
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from mlops_gitops.cli.main import main, parser_of
from mlops_gitops.cli.world import World
from mlops_gitops.demo.folder import Folder
from mlops_gitops.demo.story import HERE, Story, environment
from mlops_gitops.demo.walk import Command

VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "1.3.0")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    root = tmp_path / "a demo"
    root.mkdir()
    return Story(Folder(root), lambda: NOW)


def run(words: list[str], at: Path) -> tuple[int, str]:
    printed = io.StringIO()
    world = World(environ=dict(os.environ), now=lambda: NOW, folder=at, out=printed, err=printed)
    return main(words, world), printed.getvalue()


def test_every_command_is_one_that_its_verb_takes(story: Story) -> None:
    story._remember()
    seen = set()
    for step in story.steps():
        for deed in step.deeds:
            if isinstance(deed, Command):
                words = deed.words() if callable(deed.words) else deed.words
                if words[0] == "mlops-gitops":
                    parser_of(words[1]).parse_args(words[2:])
                    seen.add(words[1])
    wanted = {"init", "validate", "release", "promote", "approve", "rollback", "status", "history", "explain", "verify"}
    assert seen == wanted


def test_refusals_are_expected_where_the_story_tells_of_them(story: Story) -> None:
    ends = [deed.expected for step in story.steps() for deed in step.deeds if isinstance(deed, Command)]
    assert ends.count(4) == 1, "prod waits for approvals"
    assert ends.count(1) == 5, "two releases fail their tests, two promotions are refused for it, one by the hold"


def test_what_is_trained_is_what_the_manifest_says(story: Story) -> None:
    shown = [
        list(deed.words)
        for step in story.steps()
        for deed in step.deeds
        if isinstance(deed, Command) and not callable(deed.words) and deed.words[1] == "train.py"
    ]
    said = [yaml.safe_load((HERE / "flights" / f"model-{version}.yaml").read_text()) for version in VERSIONS]
    assert shown == [one["spec"]["training"]["entrypoint"] for one in said]


def test_the_environment_is_what_the_manifests_ask_for(story: Story) -> None:
    exported = environment(story.folder)
    for version in VERSIONS:
        manifest = yaml.safe_load((HERE / "flights" / f"model-{version}.yaml").read_text())
        assert manifest["spec"]["training"]["environment"].items() <= exported.items()


def test_policies_and_manifests_pass_validate(story: Story) -> None:
    for name in ("ci", "grace", "katherine"):
        assert run(["init", "key", name, "--directory", "keys"], story.folder.root)[0] == 0
    assert run(["init", "environments", "environments"], story.folder.root)[0] == 0
    story._policies()
    assert run(["validate", "--strict"], story.folder.platform) == (0, "4 files, no findings\n")
    story._scripts()
    (story.folder.model / "artifact").mkdir()
    (story.folder.model / "data").mkdir()
    for name in ("train", "test"):
        (story.folder.model / "data" / f"{name}.parquet").write_bytes(name.encode())
    for version in VERSIONS:
        story._manifest(version)
        assert run(["validate", "--strict"], story.folder.models) == (0, "2 files, no findings\n")


def test_what_is_printed_last_can_be_followed(story: Story) -> None:
    shown = story.opening() + story.ending(31.4)
    assert "Done in 31 s" in shown
    assert f"MG_KEY={shlex.quote(f'file2:{story.folder.keys}/ci.pem')}" in shown
    assert str(story.folder.platform) in shown
