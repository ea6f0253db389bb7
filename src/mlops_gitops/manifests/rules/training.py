"""MG70x: is training something that can be run safely, and run again."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlops_gitops.manifests.rules.paths import escape
from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, items, mapping, text

SHELL_LINE = Rule(
    "MG701",
    "shell-line",
    ERROR,
    "The training command is written for a shell.",
    'write one argument an item, such as [python, train.py, --depth, "3"]',
    "The command is never given to a shell; one line in one item would be looked up as the name of a program.",
    'spec:\n  training: {entrypoint: ["python train.py && touch done"]}\n',
    "spec:\n  training: {entrypoint: [python, train.py]}\n",
)
SECRET = Rule(
    "MG702",
    "secret",
    ERROR,
    "A value looks like a secret.",
    "remove it from the file, revoke it, and give it to the runner as a secret of the platform",
    "Whatever is committed is readable by everyone who can read the repository, for ever.",
    "spec:\n  training:\n    environment: {DATABASE_PASSWORD: hunter2}\n",
    "spec:\n  training:\n    environment: {DATABASE_HOST: db.example.com}\n",
)
NETWORK = Rule(
    "MG703",
    "network-in-training",
    WARNING,
    "Training may use the network and still claims to be reproducible to the byte.",
    "set `network: false`, or claim the class `numeric` or `statistical`",
    "What a server answers next month is not known today.",
    "spec:\n  training: {network: true}\n  reproducibility: {class: bitwise}\n",
    "spec:\n  training: {network: true}\n  reproducibility: {class: numeric}\n",
)
ZERO_TIMEOUT = Rule(
    "MG704",
    "zero-timeout",
    ERROR,
    "The time limit is zero.",
    "write the longest time that training may take, such as PT30M",
    "Training would be stopped before it starts.",
    "spec:\n  training: {timeout: PT0S}\n",
    "spec:\n  training: {timeout: PT30M}\n",
)
NOT_A_LOCK = Rule(
    "MG705",
    "not-a-lock-file",
    ERROR,
    "The dependencies are ranges, not exact versions.",
    "name a lock file: uv.lock, poetry.lock, conda-lock.yml, or the output of `uv pip compile` or `pip-compile`",
    "A range means another set of packages every week.",
    "spec:\n  dependencies: {lock: pyproject.toml}\n",
    "spec:\n  dependencies: {lock: requirements.lock}\n",
)
UNPINNED = Rule(
    "MG706",
    "unpinned-dependency",
    ERROR,
    "A package in the lock file has no exact version.",
    "pin it with `==`, best by compiling the file: `uv pip compile --generate-hashes`",
    "The next build may get another version, and the model with it.",
    "spec:\n  dependencies: {lock: requirements.txt}\n",
    "spec:\n  dependencies: {lock: requirements.lock}\n",
)
NO_SEED = Rule(
    "MG707",
    "no-hash-seed",
    WARNING,
    "Training claims to be reproducible to the byte and does not fix Python's hash seed.",
    'add `PYTHONHASHSEED: "0"` to `spec.training.environment`',
    "Sets of text come in another order in every process unless the seed is fixed.",
    "spec:\n  training:\n    environment: {}\n  reproducibility: {class: bitwise}\n",
    'spec:\n  training:\n    environment: {PYTHONHASHSEED: "0"}\n  reproducibility: {class: bitwise}\n',
)

METRIC_ALONE = Rule(
    "MG708",
    "metric-alone",
    ERROR,
    "Statistical agreement is promised without both a share of decisions and a margin of a metric.",
    "write both: `churn`, the largest share of decisions that may change, and `metrics` with a margin each",
    "Another seed or another order of rows changes one to five decisions in a hundred while the metric hardly moves.",
    "spec:\n  reproducibility: {class: statistical, metrics: [{name: roc_auc, margin: 0.01}]}\n",
    "spec:\n  reproducibility: {class: statistical, churn: 0.02, metrics: [{name: roc_auc, margin: 0.01}]}\n",
)
UNKNOWN_NAME = Rule(
    "MG709",
    "unknown-probe",
    ERROR,
    "A promise names a metric or a data set that the manifest does not have.",
    "name one of spec.metrics, or one of spec.data",
    "What cannot be measured cannot be promised.",
    "spec:\n  reproducibility: {class: numeric, probe: tets}\n",
    "spec:\n  reproducibility: {class: numeric, probe: test}\n",
)

RULES = (
    *(SHELL_LINE, SECRET, NETWORK, ZERO_TIMEOUT, NOT_A_LOCK, UNPINNED, NO_SEED),
    *(METRIC_ALONE, UNKNOWN_NAME),
)

_AT = ("spec", "training")
_SHELLS = {"sh", "bash", "zsh", "dash", "/bin/sh", "/bin/bash", "cmd", "powershell"}
_SHELL_MARKS = ("&&", "||", "$(", "`", "|", ";", ">", "<")
_TELLING_NAMES = (
    "SECRET",
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "APIKEY",
    "API_KEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "CREDENTIAL",
)
_GIVEAWAY = (
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[abpr]-[\w-]{10,}"
    r"|sk-[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{20,}|-----BEGIN|://[^/\s:@]+:[^/\s:@]+@|eyJ[\w-]{10,}\.eyJ"
)
_SHORTEST_SECRET = 9
_NOT_LOCKS = {
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "environment.yml",
    "environment.yaml",
    "pipfile",
    "requirements.in",
}
_PINNED = r"(===?\s*[^\s*,;]+(?=\s|;|$|\\))|\s@\s.*(sha256[=:]|@[0-9a-f]{40})"


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one model manifest."""
    spec = mapping(subject.value, "spec")
    training = mapping(spec, "training")
    environment = mapping(training, "environment")
    repeatable = mapping(spec, "reproducibility").get("class")
    yield from _command(items(training, "entrypoint"))
    for name, value in environment.items():
        if _is_secret(name, value):
            yield SECRET.on((*_AT, "environment", name), f"the value of {name} looks like a secret")
    if training.get("network") is True and repeatable in {"bitwise", "canonical"}:
        yield NETWORK.on((*_AT, "network"), f"training may use the network and claims the class {repeatable}")
    if repeatable == "bitwise" and training and "PYTHONHASHSEED" not in environment:
        yield NO_SEED.on(_AT, "PYTHONHASHSEED is not set, and the class is bitwise")
    timeout = text(training, "timeout")
    if timeout is not None and not any(digit in timeout for digit in "123456789"):
        yield ZERO_TIMEOUT.on((*_AT, "timeout"), f"{timeout} is no time at all")
    yield from _lock(text(mapping(spec, "dependencies"), "lock"), subject)
    yield from _promise(spec, mapping(spec, "reproducibility"))


def _promise(spec: Mapping[str, Any], promised: Mapping[str, Any]) -> Iterator[Problem]:
    """What is promised about a second training must be something that can be found out."""
    at = ("spec", "reproducibility")
    margins = items(promised, "metrics")
    if (promised.get("class") == "statistical" or margins) and "churn" not in promised:
        yield METRIC_ALONE.on(at, "`churn` is missing: a metric can stay while its decisions change")
    elif promised.get("class") == "statistical" and not margins:
        yield METRIC_ALONE.on(at, "no metric has a margin: two metrics are never equal")
    known = [text(one, "name") for _, one in entries(spec, "metrics")]
    for index, one in entries(promised, "metrics"):
        name = text(one, "name")
        if name is not None and name not in known:
            yield UNKNOWN_NAME.on((*at, "metrics", index, "name"), f"there is no metric {name!r}")
    probe = text(promised, "probe")
    if probe is not None and probe not in [text(one, "name") for _, one in entries(spec, "data")]:
        yield UNKNOWN_NAME.on((*at, "probe"), f"there is no data set {probe!r}")


def _command(words: list[Any]) -> Iterator[Problem]:
    spoken = [(index, word) for index, word in enumerate(words) if word.__class__ is str]
    at = (*_AT, "entrypoint")
    if (
        len(words) > 1
        and spoken
        and spoken[0][1] in _SHELLS
        and any(word in {"-c", "-lc", "-ec", "/c"} for _, word in spoken)
    ):
        yield SHELL_LINE.on(
            (*at, 0), f"{spoken[0][1]} runs a command line", "call the program itself, one argument an item"
        )
        return
    for index, word in spoken:
        mark = next((mark for mark in _SHELL_MARKS if mark in word), None)
        if mark is not None and (" " in word or word == mark):
            yield SHELL_LINE.on((*at, index), f"{mark!r} means something to a shell only")
        elif len(words) == 1 and " " in word:
            yield SHELL_LINE.on((*at, index), f"{word!r} is a whole command line in one item")


def _is_secret(name: str, value: Any) -> bool:
    if value.__class__ is not str or not value or value.startswith(("${", "$")):
        return False
    named = any(word in name.upper() for word in _TELLING_NAMES) and not name.upper().endswith(("_FILE", "_PATH"))
    return named or (len(value) > _SHORTEST_SECRET and re.search(_GIVEAWAY, value) is not None)


def _lock(lock: str | None, subject: Subject) -> Iterator[Problem]:
    if lock is None:
        return
    at = ("spec", "dependencies", "lock")
    name = lock.rsplit("/", 1)[-1].lower()
    if name in _NOT_LOCKS:
        yield NOT_A_LOCK.on(at, f"{lock} holds ranges of versions, not exact ones")
    elif name.startswith("requirements") and not escape(lock, subject):
        found = _unpinned(os.path.join(subject.folder, lock))  # noqa: PTH118 - runs for every manifest
        if found is not None:
            line, requirement = found
            yield UNPINNED.on(at, f"{requirement!r} in line {line} of {lock} has no exact version")


def _unpinned(path: str) -> tuple[int, str] | None:
    """The first line of a requirements file without an exact version; ``None`` where all have one."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - runs for every manifest
            lines = file.read(1024 * 1024).splitlines()
    except (OSError, ValueError):
        return None
    continued = False
    for number, line in enumerate(lines, start=1):
        requirement = line.split(" #")[0].strip()
        starts = not continued and requirement and not requirement.startswith(("#", "-"))
        continued = line.rstrip().endswith("\\")
        if starts and not re.search(_PINNED, requirement):
            return number, requirement[:60]
    return None
