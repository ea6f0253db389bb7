"""From words to an exit code.

The table of verbs is all that is imported for ``--help`` and ``--version``; the module of a verb is imported when it is
called.  This is the one place where failures become exit codes: an expected failure is told in words with what to do, a
bug ends in a report that can be pasted.  Nothing else in the program prints a traceback or exits.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from mlops_gitops import __version__
from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_BUG, Failure, Misused

ISSUES = "https://github.com/mlops-gitops/mlops-gitops/issues"

VERBS = {
    "demo": "walk the whole path on real data, on this machine",
    "init": "write the first files of a model, an environment repository or a key",
    "validate": "check manifests, environments and policies: every problem with its line and its fix",
    "plan": "which models a change touches, and why: the jobs of a pull request",
    "test": "run the declared tests of data and models",
    "reproduce": "train again, say how far it agrees, and find what makes it differ",
    "build": "make the serving image of a model, by digest, with its bill of materials",
    "release": "assemble, sign and publish a release and its evidence",
    "score": "the ML Test Score of a release, from signed evidence, and what earns the next point",
    "approve": "sign an approval of a release for an environment, or withdraw one",
    "report": "show what a run found about a pull request: one comment, a summary, annotations, JSON",
    "gate": "judge the reviews of a pull request by the policy of its base branch",
    "promote": "move a release into an environment, if the evidence allows it",
    "reconcile": "do everything that the policies allow now, and propose what people have to approve",
    "rollback": "move an environment back to its last good release, and hold it there",
    "control": "write or lift a hold, a veto, a freeze or a waiver",
    "status": "what runs where, now or at any time in the past",
    "history": "how it came to run there: every promotion with its reasons",
    "explain": "why a release does not move, and who can change that",
    "drift": "what differs between environments, and between git and what is derived from it",
    "policy": "print what gates in CEL are asked about, or run the tests beside a policy",
    "verify": "check every receipt, signature and chain again, from git alone",
    "schema": "print the JSON Schema of a document, for editors",
    "doctor": "what is missing on this machine, and the command that installs it",
}


class Verb(Protocol):
    """What each module ``cli/<verb>.py`` offers."""

    EXAMPLE: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the verb's own options; ``--format`` is already there."""

    def run(self, arguments: argparse.Namespace, world: World) -> int:
        """Do it, print the result, and return the exit code."""


class _Interrupted(Failure):
    """Somebody pressed Ctrl-C."""

    exit_code = 130
    retry = True


class _Bug(Failure):
    """Whatever is not a ``Failure``, where JSON has to say that there is no answer."""

    exit_code = EXIT_BUG


class _Parser(argparse.ArgumentParser):
    """Wrong usage is an answer like any other: it goes through the one place that ends commands."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise Misused(message, hint=f"see `{self.prog} --help`", code="usage")


class _Help(argparse.RawDescriptionHelpFormatter):
    """A fixed width: help reads the same everywhere, and asking the terminal would import ``shutil`` on every start."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


def verb(name: str) -> Verb:
    """The module of one verb."""
    # not importlib.import_module: importing importlib costs a fifth of a bare interpreter start
    return cast("Verb", __import__(f"mlops_gitops.cli.{name}", fromlist=["run"]))


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of one verb, with its example at the end of its help."""
    module = verb(name)
    parser = _Parser(
        prog=f"mlops-gitops {name}",
        description=f"{VERBS[name][0].upper()}{VERBS[name][1:]}.",
        epilog="example:\n" + "\n".join(f"  {line}" for line in module.EXAMPLE.strip().splitlines()),
        formatter_class=_Help,
        allow_abbrev=False,
    )
    formats: tuple[str, ...] = getattr(module, "FORMATS", ("text", "json"))
    parser.add_argument("--format", choices=formats, default="text", help="how to print (default: text)")
    module.configure(parser)
    return parser


def overview() -> str:
    """What ``mlops-gitops --help`` prints."""
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{width}}  {purpose}" for name, purpose in VERBS.items())
    return (
        "usage: mlops-gitops VERB …\n\n"
        "A model reaches an environment only by a commit that signed evidence allows.\n\n"
        f"verbs:\n{verbs}\n\n"
        "`mlops-gitops VERB --help` explains one of them.  New here?  `mlops-gitops demo`\n\n"
        "exit codes: 0 done, 1 the answer is no, 2 wrong usage, 4 not yet, 5 the world failed, 70 a bug in us"
    )


def main(argv: Sequence[str], world: World) -> int:
    """Run one command and return its exit code."""
    words = list(argv)
    if not words or words[0] in {"-h", "--help", "help"}:
        world.print(overview())
        return 0 if words else Misused.exit_code
    if words[0] == "--version":
        world.print(f"mlops-gitops {__version__}")
        return 0
    name, json = words[0], _wants_json(words)
    try:
        return _dispatch(name, words[1:], world)
    except Failure as failure:
        _tell(failure, name=name, json=json, world=world)
        return failure.exit_code
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        interrupted = _Interrupted(
            "interrupted; nothing was left half-done", hint="run the same command again", code="interrupted"
        )
        _tell(interrupted, name=name, json=json, world=world)
        return interrupted.exit_code
    except Exception:  # noqa: BLE001 - the one place where a bug is caught
        _report_bug(name, world)
        if json:
            hint = f"paste what standard error holds at {ISSUES}"
            _tell(_Bug("this is a bug in mlops-gitops", hint=hint, code="bug"), name=name, json=json, world=world)
        return EXIT_BUG


def _wants_json(words: Sequence[str]) -> bool:
    """Whether failures are told as JSON: what the last ``--format`` says, also where the parser never came so far."""
    options = words[: words.index("--")] if "--" in words else words
    asked = "text"
    for word, following in zip(options, [*options[1:], ""], strict=True):
        if word == "--format":
            asked = following
        elif word.startswith("--format="):
            asked = word.removeprefix("--format=")
    return asked == "json"


def _dispatch(name: str, rest: Sequence[str], world: World) -> int:
    if name not in VERBS:
        import difflib

        near = difflib.get_close_matches(name, VERBS, n=1)
        hint = f"did you mean `mlops-gitops {near[0]}`?" if near else "`mlops-gitops --help` lists the verbs"
        raise Misused(f"there is no verb {name!r}", hint=hint, code="usage")
    parser = parser_of(name)
    try:
        arguments = parser.parse_args(rest)
    except SystemExit as done:  # argparse has printed the help that was asked for
        return int(done.code or 0)
    return verb(name).run(arguments, world)


def _tell(failure: Failure, *, name: str, json: bool, world: World) -> None:
    if json:
        from json import dumps

        from mlops_gitops.reporting.failures import failure_document

        world.print(dumps({"error": failure_document(failure)}, indent=2))
        return
    from mlops_gitops.reporting.inert import inert  # a remote's own words stand in some messages

    world.note(f"mlops-gitops {name}: {inert(failure.message)}")
    world.note(f"  what to do: {inert(failure.hint)}")


def _report_bug(name: str, world: World) -> None:
    import platform
    import traceback

    world.note("This is a bug in mlops-gitops, not in your files.  Nothing was left half-done.")
    world.note(f"Please paste what follows at {ISSUES} :\n")
    world.note(f"mlops-gitops {__version__} {name}, Python {platform.python_version()}, {sys.platform}")
    world.note("".join(f"| {line}\n" for line in traceback.format_exc().splitlines()))
