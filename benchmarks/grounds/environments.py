"""Environment repositories of any size, as if years of releases and promotions had been written to them.

Everything in them is real: keys, signatures, digests, evidence, receipts, chains, so that ``verify`` finds nothing.  Of
the way they are made nothing is: the decisions are made in memory and written in a commit for each environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests")]

import estate  # noqa: E402
from estate import NOW  # noqa: E402
from mlops_gitops.canonical import sha256  # noqa: E402
from mlops_gitops.evidence import envelope  # noqa: E402
from mlops_gitops.evidence.admission import Evidence  # noqa: E402
from mlops_gitops.manifests.reading import read  # noqa: E402
from mlops_gitops.manifests.rendering import render  # noqa: E402
from mlops_gitops.manifests.trust import Trust  # noqa: E402
from mlops_gitops.promotion import apply, layout, overlay, plan, pointer, publish, receipts  # noqa: E402
from mlops_gitops.promotion.receipts import Filed  # noqa: E402
from mlops_gitops.promotion.slots import Slot  # noqa: E402
from mlops_gitops.promotion.snapshot import Dossier  # noqa: E402
from mlops_gitops.promotion.store import MemoryTree  # noqa: E402

ENVIRONMENTS = ("dev", "integration", "staging", "canary", "prod")
WORK = Path(os.environ.get("MG_BENCHMARKS", ROOT / ".venv" / "benchmarks"))
"""Where repositories are kept between runs: the largest takes minutes to make."""


def policies() -> dict[str, bytes]:
    """Five environments in a line; the first takes anything by itself, the last wants tests and an approval."""
    tests = [{"evidence": "data-tests"}, {"evidence": "model-tests"}, {"evidence": "comparison"}]
    gates: dict[str, object] = {
        "dev": "none",
        "integration": tests[:1],
        "staging": tests,
        "canary": tests,
        "prod": [*tests, {"approvals": {"quorum": 1}}],
    }
    before = dict(zip(ENVIRONMENTS[1:], ENVIRONMENTS, strict=False))
    return {
        name: render(
            estate.environment(
                name,
                promotion="manual" if name in before else "automatic",
                gates=gates[name],
                **({"after": [before[name]]} if name in before else {}),
            )
        )
        for name in ENVIRONMENTS
    }


@dataclass
class Writer:
    """Commits on ``main`` of a bare repository, one after the other."""

    folder: Path
    tip: str = ""

    def commit(self, files: Mapping[str, bytes], message: str) -> str:
        """A commit with more files; its id."""
        return self.commits([files], message)

    def commits(self, changes: Iterable[Mapping[str, bytes]], message: str) -> str:
        """A commit for each change, in one ``fast-import``; the id of the last."""
        text, stamp = message.encode(), f"Ada Example <ada@example.com> {int(NOW.timestamp())} +0000".encode()
        parts, parent = [], self.tip.encode()
        for files in changes:
            parts.append(b"commit refs/heads/main\nmark :1\ncommitter %b\ndata %d\n%b\n" % (stamp, len(text), text))
            parts.append(b"from %b\n" % parent if parent else b"")
            parts += [b"M 100644 inline %b\ndata %d\n%b\n" % (path.encode(), len(data), data)
                      for path, data in files.items()]  # fmt: skip
            parent = b":1"
        words = ["git", "--git-dir", str(self.folder), "fast-import", "--quiet", "--done", "--cat-blob-fd=1"]
        said = b"".join([*parts, b"\nget-mark :1\ndone\n"])
        self.tip = subprocess.run(words, input=said, stdout=subprocess.PIPE, check=True).stdout.decode().strip()
        return self.tip


@dataclass(frozen=True)
class Keys:
    """The private keys that signed a repository, as PEM text, so that a run after this one can sign, too."""

    folder: Path

    def pem(self, name: str) -> str:
        """One of them."""
        return (self.folder / f"{name}.pem").read_text()

    def write(self) -> None:
        """Keep those of this process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("ci", "ada", "grace", "katherine"):
            (self.folder / f"{name}.pem").write_text(estate.pem(name))


@dataclass(frozen=True)
class Ground:
    """A repository of ``models`` models; ``fresh`` of them have a release that runs nowhere yet."""

    bare: Path
    keys: Keys
    models: int
    fresh: int

    def environ(self, cache: Path, url: str | None = None) -> dict[str, str]:
        """The environment of a command that may promote there."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith("MG_")}
        plain.pop("PYTHONDONTWRITEBYTECODE", None)
        return {
            **plain,
            "MG_ENVIRONMENTS": url or str(self.bare),
            "MG_CACHE": str(cache),
            "MG_KEY": "env:KEY",
            "KEY": self.keys.pem("ci"),
        }


def name_of(number: int) -> str:
    """The name of a model."""
    return f"model-{number:05d}"


def ground(models: int, *, fresh: int = 0, commits: int = 0, work: Path = WORK) -> Ground:
    """The repository, made once and kept.  ``commits``: so many more by people before, each of one file."""
    folder = work / f"{models}-{fresh}-{commits}"
    made = Ground(folder / "environments.git", Keys(folder / "keys"), models, fresh)
    if not (folder / "complete").exists():
        _make(made, commits)
        (folder / "complete").touch()
    return made


def _make(made: Ground, commits: int) -> None:
    made.keys.write()
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(made.bare)], check=True)
    writer = Writer(made.bare)
    trust = render(estate.trust())
    texts = policies()
    writer.commit({layout.TRUST: trust} | {layout.environment(name): data for name, data in texts.items()}, "Start\n")
    if commits:
        writer.commits(({f"notes/{number % 50:02d}.md": b"%d\n" % number} for number in range(commits)), "A note\n")
    dossiers = _dossiers(range(made.models + made.fresh), read("trust", trust, path=layout.TRUST))
    files = {path: data for one in dossiers for path, data in one[1].items()}
    writer.commit(files, "Releases\n")
    _promote(writer, [one for one, _ in dossiers[: made.models]], texts, read("trust", trust, path=layout.TRUST))
    subprocess.run(["git", "--git-dir", str(made.bare), "repack", "-adq"], check=True)


def _dossiers(numbers: Iterable[int], trust: Trust) -> list[tuple[Dossier, dict[str, bytes]]]:
    """Releases with their evidence, as records and as files."""
    by_name = {one.name: one for one in trust.signers}
    prod = read("environment", policies()["prod"], path="environment.yaml")
    found = []
    for number in numbers:
        about = estate.release(model=name_of(number))
        said = [(estate.claim(kind, about), "ci") for kind in ("data-tests", "model-tests", "comparison")]
        said.append((estate.approval(about, prod), "grace"))
        files, evidence = dict(publish.release_files(about)), []
        for claim, by in said:
            path, data = publish.sealed_evidence(claim, model=about.name, signer=estate.signer(by))
            files[path] = data
            evidence.append(Evidence(sha256(data), claim, by_name[by]))
        evidence.sort(key=lambda one: f"{one.claim.kind}-{one.digest}")
        found.append((Dossier(about, tuple(evidence), ()), files))
    return found


def _promote(writer: Writer, dossiers: list[Dossier], texts: Mapping[str, bytes], trust: Trust) -> None:
    """Every release through all environments, in a commit for each."""
    signer = estate.signer("ci")
    upstream: dict[str, Slot] = {}
    for name, text in texts.items():
        policy = read("environment", text, path=layout.environment(name))
        tree, files, following = MemoryTree({}, writer.tip), {}, {}
        for dossier in dossiers:
            about = dossier.release
            slot = Slot(policy, about.name, None, (), ())
            before = (upstream[about.name],) if upstream else ()
            decision = plan.decide(plan.Situation(slot, before, dossier, trust), now=NOW)
            assert decision.outcome is plan.Outcome.MOVE, decision.blocking
            receipt = apply.move(decision, tree=tree, now=NOW, reason="")
            data = envelope.seal(receipts.statement(receipt), signer)
            files[receipt.path] = data
            files[layout.pointer(name, about.name)] = pointer.render(about)
            files |= overlay.files(name, about)
            filed = Filed(receipt, sha256(data), envelope.parse(data))
            following[about.name] = Slot(policy, about.name, about.id, (filed,), ())
        writer.commit(files, f"Move {len(dossiers)} releases\n")
        upstream = following
