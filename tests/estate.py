"""A small environment repository for tests: real keys, real signatures, in memory or in a real bare git repository.

Three people (ada is the author, grace and katherine may approve), one CI identity, three environments.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from securesystemslib.signer import CryptoSigner

from mlops_gitops.evidence.signing import OpenSigner
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.environment import Environment
from mlops_gitops.manifests.reading import read
from mlops_gitops.manifests.release import Release
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout, publish
from mlops_gitops.promotion.store import MemoryTree

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
MODEL = "flight-delays"
AUTHOR = "ada@example.com"
REPOSITORY = "https://git.example.com/airline/models.git"


@cache
def key(name: str) -> CryptoSigner:  # noqa: ARG001 - the cache uses it
    """One key per name, made once per test run."""
    return CryptoSigner.generate_ed25519()


def signer(name: str) -> OpenSigner:
    """The signer with the key of ``name``."""
    return OpenSigner(key(name).public_key.keyid, lambda data: bytes.fromhex(key(name).sign(data).signature))


def pem(name: str) -> str:
    """The private key of ``name``."""
    private = key(name)._private_key
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public(name: str) -> dict[str, object]:
    """The public key of ``name`` as ``trust/`` writes it."""
    found = key(name).public_key
    return {"keyid": found.keyid, **found.to_dict()}


def trust(extra: tuple[dict[str, object], ...] = ()) -> dict[str, object]:
    """A trust document."""
    kinds = [
        "provenance",
        "scan",
        "data-tests",
        "model-tests",
        "history-tests",
        "comparison",
        "reproduction",
        "infra-tests",
        "monitoring",
    ]
    people = [
        {
            "name": name,
            "type": "person",
            "identities": [f"{name}@example.com"],
            "groups": groups,
            "keys": [public(name)],
            "signs": [{"kinds": ["approval", "waiver"], "environments": ["staging", "prod"]}],
        }
        for name, groups in (("ada", []), ("grace", ["risk"]), ("katherine", []))
    ]
    machine = {
        "name": "ci",
        "type": "machine",
        "keys": [public("ci")],
        "signs": [{"kinds": kinds, "environments": ["*"]}, {"kinds": ["promotion"], "environments": ["*"]}],
    }
    return {"apiVersion": "mlops-gitops/v1", "kind": "Trust", "spec": {"signers": [machine, *people, *extra]}}


def environment(name: str, **spec: object) -> dict[str, object]:
    """An environment document; ``spec`` replaces or adds fields."""
    owners = [{"name": "Grace Example", "email": "grace@example.com"}]
    return {
        "apiVersion": "mlops-gitops/v1",
        "kind": "Environment",
        "metadata": {"name": name, "description": "For tests.", "owners": owners},
        "spec": {"promotion": "manual", "gates": "none", **spec},
    }


def environments() -> dict[str, dict[str, object]]:
    """dev lets anything in; staging wants tests and a comparison; prod wants two approvals as well."""
    tests = [{"evidence": "data-tests", "maxAge": "P30D"}, {"evidence": "model-tests"}, {"evidence": "comparison"}]
    approvals = {"approvals": {"quorum": 2, "groups": [{"name": "risk", "min": 1}], "maxAge": "P7D"}}
    return {
        "dev": environment("dev", promotion="automatic"),
        "staging": environment("staging", after=["dev"], gates=tests),
        "prod": environment("prod", after=["staging"], gates=[*tests, approvals]),
    }


def release(
    version: str = "1.0.0", *, supersedes: str | None = None, content: str = "a", model: str = MODEL
) -> Release:
    """A release; ``content`` makes it another artifact."""
    digest = (content.encode().hex() * 64)[:64]
    document = {
        "apiVersion": "mlops-gitops/v1",
        "kind": "Release",
        "metadata": {"name": model, "version": version},
        "spec": {
            "supersedes": supersedes,
            "manifest": {"sha256": digest},
            "source": {"repository": REPOSITORY, "revision": "c" * 40, "author": AUTHOR, "dirty": False},
            "artifact": {
                "format": "mlflow",
                "uri": f"models:/{model}/1",
                "digest": {"sha256": digest},
                "files": [{"name": "model.skops", "digest": {"sha256": digest}, "size": 1}],
                "size": 1,
            },
            "image": None,
            "data": [
                {"name": "train", "role": "training", "digest": {"sha256": "d" * 64}, "uri": "data/train.parquet"}
            ],
            "dependencies": {"sha256": "e" * 64},
            "interface": {
                "inputs": [{"name": "distance", "type": "double", "required": True}],
                "outputs": [{"name": "probability", "type": "double"}],
            },
            "metrics": [{"name": "roc_auc", "dataset": "test", "threshold": {"min": 0.7}, "maxRegression": 0.005}],
            "serving": {"pattern": "rest"},
        },
    }
    return read("release", render(document), path="release.yaml")


def policy(document: Mapping[str, object]) -> Environment:
    """The record of an environment document."""
    return read("environment", render(dict(document)), path="environment.yaml")


def claim(kind: str, about: Release | str, **fields: object) -> Claim:
    """A passing claim about a release; ``fields`` replace its own."""
    said: dict[str, object] = {
        "kind": kind,
        "release": about if isinstance(about, str) else about.id,
        "verdict": Verdict.PASS,
        "issued_at": NOW - timedelta(hours=1),
        "summary": f"{kind} said so",
        **fields,
    }
    return Claim(**said)  # type: ignore[arg-type]


def approval(about: Release, env: Environment, **fields: object) -> Claim:
    """A claim of approval that names everything that an approval must name."""
    named = {"environment": env.name, "policy": env.policy_digest, "head": about.source.revision, **fields}
    return claim("approval", about, **named)


def evidence(what: Claim, *, by: str = "ci", model: str = MODEL) -> dict[str, bytes]:
    """The file of a claim, signed."""
    path, data = publish.sealed_evidence(what, model=model, signer=signer(by))
    return {path: data}


@dataclass(frozen=True)
class Estate:
    """Files of an environment repository that is being put together."""

    files: dict[str, bytes]

    @classmethod
    def new(cls, policies: Mapping[str, Mapping[str, object]] | None = None) -> Estate:
        """Trust and environments, no release."""
        files = {layout.TRUST: render(trust())}
        for name, document in (policies or environments()).items():
            files[layout.environment(name)] = render(dict(document))
        return cls(files)

    def with_release(self, about: Release, *, champion: str | None = None, **verdicts: Verdict) -> Estate:
        """And a release with passing evidence of every kind; ``verdicts`` by kind, with underscores."""
        files = dict(publish.release_files(about))
        for kind in ("data-tests", "model-tests", "comparison"):
            verdict = verdicts.get(kind.replace("-", "_"), Verdict.PASS)
            narrowed = {"champion": champion} if kind == "comparison" else {}
            files |= evidence(claim(kind, about, verdict=verdict, **narrowed), model=about.name)
        return Estate({**self.files, **files})

    def with_files(self, files: Mapping[str, bytes]) -> Estate:
        """And more files."""
        return Estate({**self.files, **files})

    def policy(self, name: str) -> Environment:
        """The record of one environment."""
        return read("environment", self.files[layout.environment(name)], path=layout.environment(name))

    def tree(self) -> MemoryTree:
        """As a tree of bytes."""
        return MemoryTree(self.files)

    def bare(self, folder: Path) -> Path:
        """As a real bare repository with one commit."""
        work = folder / "work"
        for path, data in self.files.items():
            target = work / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        bare = folder / "environments.git"
        git("init", "--quiet", "--initial-branch=main", cwd=work)
        git("add", "--all", cwd=work)
        git("commit", "--quiet", "--message", "Environments", cwd=work)
        git("clone", "--quiet", "--bare", str(work), str(bare), cwd=folder)
        return bare


def git(*arguments: str, cwd: Path) -> str:
    """A git command with an identity of its own."""
    identity = ["-c", "user.name=Ada Example", "-c", f"user.email={AUTHOR}", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout.strip()
