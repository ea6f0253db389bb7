"""An environment repository in good order, small: two environments, one release with its evidence, one CI key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from mlops_gitops.evidence import envelope, statements
from mlops_gitops.evidence.admission import file_name
from mlops_gitops.evidence.signing import OpenSigner, open_signer
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.release import Release

MODEL = "flight-delays"
DIGEST = {"sha256": "5" * 64}


class Airline(NamedTuple):
    """The files of the repository, the id of its release, and the private key of its CI."""

    files: dict[str, bytes]
    release: str
    pem: str


def airline(*, verdict: Verdict = Verdict.PASS, summary: str = "12 checks passed") -> Airline:
    """``dev`` asks for model tests; ``prod`` comes after it and wants an approval that nobody has given."""
    pem, signer, key = new_key()
    release = Release.from_value(release_document())
    claim = Claim("model-tests", release.id, verdict, datetime.now(UTC), summary)
    sealed = envelope.seal(statements.statement(claim, model=MODEL), signer)
    files = {
        "environments/dev/environment.yaml": environment("dev", "automatic", [], "- {evidence: model-tests}"),
        "environments/prod/environment.yaml": environment("prod", "manual", ["dev"], "- approvals: {quorum: 1}"),
        "trust/signers.yaml": trust(key),
        f"releases/{MODEL}/{release.id}.yaml": release.render(),
        f"evidence/{release.id}/{file_name(claim.kind, sealed)}": sealed,
    }
    return Airline(files=files, release=release.id, pem=pem)


def new_key() -> tuple[str, OpenSigner, dict[str, Any]]:
    """A new ed25519 key: private PEM, signer, and public part as ``trust/`` writes it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from securesystemslib.signer import SSlibKey

    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = SSlibKey.from_crypto(private.public_key())
    signer = open_signer("env:KEY", environ={"KEY": pem}, known=[])
    return pem, signer, {"keyid": public.keyid, **public.to_dict()}


def release_document() -> dict[str, Any]:
    """A release that fits the schema."""
    artifact = {
        "format": "onnx",
        "uri": "https://models.example.com/flight-delays.onnx",
        "digest": DIGEST,
        "files": [{"name": "model.onnx", "digest": DIGEST, "size": 7}],
        "size": 7,
    }
    source = {"repository": "https://git.example.com/airline/models.git", "revision": "1" * 40}
    return {
        "apiVersion": "mlops-gitops/v1",
        "kind": "Release",
        "metadata": {"name": MODEL, "version": "1.0.0"},
        "spec": {
            "supersedes": None,
            "manifest": DIGEST,
            "source": {**source, "author": "ada@example.com", "dirty": False},
            "artifact": artifact,
            "image": None,
            "data": [{"name": "train", "role": "training", "digest": DIGEST, "uri": "data/train.parquet"}],
            "dependencies": DIGEST,
            "interface": {
                "inputs": [{"name": "distance", "type": "double"}],
                "outputs": [{"name": "late", "type": "double"}],
            },
            "metrics": [{"name": "roc_auc", "dataset": "test", "threshold": {"min": 0.7}}],
            "serving": {"pattern": "rest"},
        },
    }


def environment(name: str, promotion: str, after: list[str], gate: str) -> bytes:
    """One policy."""
    return f"""\
apiVersion: mlops-gitops/v1
kind: Environment
metadata: {{name: {name}, description: An environment, owners: [{{name: Grace Example, email: grace@example.com}}]}}
spec:
  promotion: {promotion}
  after: [{", ".join(after)}]
  gates:
    {gate}
""".encode()


def trust(key: dict[str, Any]) -> bytes:
    """``ci`` may sign tests and promotions everywhere."""
    import json

    signer = {
        "name": "ci",
        "type": "machine",
        "identities": [],
        "groups": [],
        "keys": [key],
        "signs": [{"kinds": ["model-tests", "promotion"], "environments": ["*"]}],
    }
    document = {"apiVersion": "mlops-gitops/v1", "kind": "Trust", "spec": {"signers": [signer]}}
    return json.dumps(document).encode()
