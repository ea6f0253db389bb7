"""Builds a Dockerfile of a model's own in a container engine, within a time that is stated.

Promises: a build that fails, hangs, prints for ever or is broken off is told with the line that it was at, and leaves
no container and none of the images that it made; what a killed one left goes at the next build.  Two builds of one
model at once do not meet.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_gitops.adapters import container_owners
from mlops_gitops.adapters.answer_limits import Limit, limited
from mlops_gitops.adapters.image_engine import broken, failing, writing
from mlops_gitops.adapters.predictions import printable
from mlops_gitops.errors import Refused, WorldFailed

LONGEST = 1800.0
"""Seconds that a build may take where nothing else is said."""
_LAYER = re.compile(r" ---> (?P<id>[0-9a-f]{12,64})\n")
_RUNNING = re.compile(r" ---> Running in (?P<id>[0-9a-f]{12,64})\n")
_SWEEP, _PAUSE = 20.0, 0.2
"""Seconds until the engine has let go of what a broken build held, and between two tries."""


@dataclass
class _Build:
    """What is known of a build so far: steps and their words, and the images and containers that it made."""

    step: int = 0
    words: str = ""
    last: str = ""
    found: str = ""
    error: str = ""
    images: list[str] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)
    cached: bool = False

    def hear(self, said: Mapping[str, Any]) -> None:
        """One message of the engine."""
        text = str(said.get("stream") or "")
        if text.startswith("Step "):
            self.step, self.words = self.step + 1, text.partition(" : ")[2].strip()
            self.cached = self.words.upper().startswith("FROM")  # whose image is not ours
        elif (layer := _LAYER.fullmatch(text)) is not None:
            self.images += [] if self.cached else [layer["id"]]
        elif (container := _RUNNING.fullmatch(text)) is not None:
            self.containers.append(container["id"])
        elif "Using cache" in text:
            self.cached = True
        elif text.strip():
            self.last = text[-400:]
        if isinstance(said.get("aux"), dict) and said["aux"].get("ID"):
            self.found = str(said["aux"]["ID"])
        self.error = str(said.get("error") or "")


def built(
    client: Any,
    folder: Path,
    recipe: str,
    *,
    labels: Mapping[str, str],
    name: str,
    platform: str,
    within: float = LONGEST,
) -> str:
    """Build ``recipe`` of ``folder`` and call it ``name``; the id of the image.

    Raises ``Refused`` with the line of the Dockerfile that fails or does not end ``within`` so many seconds,
    ``WorldFailed`` where the engine or the disk is at fault.
    """
    from docker.utils import build as contexts

    container_owners.remove_stale_tags(client)
    build, place = _Build(), Path(tempfile.gettempdir())
    with contextlib.ExitStack() as stack:
        with writing(place):
            context = contexts.tar(str(folder), exclude=_ignored(folder), dockerfile=(recipe, None), gzip=False)
        stack.callback(context.close)
        undo = stack.enter_context(contextlib.ExitStack())
        undo.callback(_swept, client, build, name)
        options = {"fileobj": context, "custom_context": True, "dockerfile": recipe, "tag": name, "platform": platform}
        with failing("build the image"), _within(client, within) as limit:
            lines = client.api.build(
                **options, rm=True, forcerm=True, labels=dict(labels), decode=True, timeout=within + 1
            )
            try:
                for said in lines:
                    build.hear(said)
                    if build.error:
                        raise _failed(build, folder / recipe, recipe, f"fails: {build.error} {build.last}")
            except broken():
                if not limit.up:
                    raise
            if limit.up:
                raise _failed(build, folder / recipe, recipe, f"was not done after {within:g} s: {build.last}")
        if not build.found:
            raise WorldFailed(
                "the engine stopped answering in the middle of the build",
                hint="`docker info` says whether it is well; then run the same command again",
                code="engine",
            )
        undo.pop_all()
    return build.found


def _failed(build: _Build, path: Path, recipe: str, how: str) -> Refused:
    line = line_of_step(path.read_text(encoding="utf-8", errors="replace"), build.step)
    return Refused(
        f"{recipe}:{line}: {printable(build.words, most=120)} {printable(how, most=400)}",
        hint="build it by hand to see all of it: `docker build`",
        code="dockerfile",
    )


@contextlib.contextmanager
def _within(client: Any, seconds: float) -> Iterator[Limit]:
    """The engine's answers in the block end when it is time."""
    with limited(seconds) as limit:
        hooks = client.api.hooks["response"]
        hooks.append(keep := lambda answer, *_, **__: limit.watch(answer))
        try:
            yield limit
        finally:
            hooks.remove(keep)


def line_of_step(text: str, step: int) -> int:
    """The line on which the n-th instruction of a Dockerfile starts; comments and continued lines are none."""
    count, continued = 0, False
    for number, line in enumerate(text.splitlines(), start=1):
        plain = line.strip()
        if plain and not plain.startswith("#"):
            count += not continued
            if count == max(step, 1):
                return number
            continued = plain.endswith("\\")
    return 1


def _ignored(folder: Path) -> list[str]:
    path = folder / ".dockerignore"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _swept(client: Any, build: _Build, name: str) -> None:
    """Remove what a broken build made, the last image first, once the engine has let go of it."""
    from docker.errors import APIError, NotFound

    end = time.monotonic() + _SWEEP
    for container in build.containers:
        with contextlib.suppress(*broken()):
            client.api.remove_container(container, force=True, v=True)
    left: Sequence[str] = (name, *reversed(build.images))
    while left and time.monotonic() < end:
        kept = []
        for one in left:
            try:
                client.images.remove(one, force=True)
            except NotFound:
                continue
            except APIError:
                kept.append(one)
            except broken():  # it is gone
                return
        left = kept
        time.sleep(_PAUSE if left else 0)
