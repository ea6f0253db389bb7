"""The examples are what the program reads, and what the page says of checking by hand is true of them."""

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_gitops import canonical
from mlops_gitops.evidence.admission import Evidence, admit, may_sign, signed_by
from mlops_gitops.manifests import reading
from mlops_gitops.manifests.release import Release
from mlops_gitops.manifests.trust import Trust
from mlops_gitops.promotion import layout, pointer, receipts
from prose import ROOT, fences

EXAMPLES = ROOT / "docs" / "reference" / "examples"
BY_HAND = (ROOT / "docs" / "how-to" / "check-by-hand.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def trust() -> Trust:
    return reading.read("trust", (EXAMPLES / "signers.yaml").read_bytes(), path="signers.yaml")


@pytest.fixture(scope="module")
def release() -> Release:
    return Release.parse((EXAMPLES / "release.yaml").read_bytes())


def test_the_pointer_is_that_of_the_release(release: Release) -> None:
    assert (EXAMPLES / "pointer.yaml").read_bytes() == pointer.render(release)


@pytest.mark.parametrize("kind", ["scan", "approval"])
def test_the_evidence_is_admitted(kind: str, trust: Trust, release: Release) -> None:
    data = (EXAMPLES / f"{kind}.json").read_bytes()
    found = admit(f"{kind}-{canonical.sha256(data)}.json", data, release=release.id, trust=trust)
    assert isinstance(found, Evidence), found


def test_the_receipt_is_one_and_is_signed(trust: Trust, release: Release) -> None:
    data = (EXAMPLES / "receipt.json").read_bytes()
    said = json.loads(base64.b64decode(json.loads(data)["payload"]))["predicate"]
    filed = receipts.parse(data, path=layout.receipt("prod", "flight-delays", said["promotion"]))
    assert filed.receipt.release == release.id
    assert filed.receipt.pointer == canonical.sha256((EXAMPLES / "pointer.yaml").read_bytes())
    signer = signed_by(filed.sealed, trust)
    assert signer is not None
    assert may_sign(signer, "promotion", "prod")


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLES, tmp_path / "examples"))


def python(program: str, at: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], cwd=at, capture_output=True, text=True, check=False)


def programs(word: str) -> str:
    (found,) = [body for body in fences(BY_HAND, "python") if word in body]
    return found


def test_the_id_by_hand(copies: Path, release: Release) -> None:
    assert python(programs("print(hashlib"), copies).stdout.strip() == release.id


def test_a_signature_by_hand(copies: Path) -> None:
    program = programs("Ed25519PublicKey")
    assert python(program, copies).stdout.startswith("signed by ")
    approval = copies / "approval.json"
    envelope = json.loads(approval.read_bytes())
    envelope["payload"] = base64.b64encode(base64.b64decode(envelope["payload"]) + b" ").decode()
    approval.write_text(json.dumps(envelope), encoding="utf-8")
    broken = python(program, copies)
    assert broken.returncode != 0
    assert "InvalidSignature" in broken.stderr


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
def test_a_signature_with_openssl(copies: Path) -> None:
    assert python(programs("signed.bin"), copies).returncode == 0
    (line,) = [body for body in fences(BY_HAND, "bash") if body.startswith("openssl")]
    done = subprocess.run(line.split(), cwd=copies, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "Signature Verified Successfully"
    (copies / "signed.bin").write_bytes(b"something else")
    assert subprocess.run(line.split(), cwd=copies, capture_output=True, check=False).returncode != 0


def test_the_chain_by_hand(copies: Path) -> None:
    assert python(programs("previousReceipt"), copies).returncode == 0
