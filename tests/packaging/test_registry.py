from __future__ import annotations

import pytest

from mlops_gitops.errors import Refused
from mlops_gitops.packaging.registry import Identity, Version, chosen, identity

VERSIONS = [
    Version("m", "9", "run-a", "models:/m-one"),
    Version("m", "10", "run-b", "models:/m-two"),
    Version("m", "2", "run-a", "mlflow-artifacts:/1/models/m-old/artifacts"),
]


def test_a_logged_model_is_found_by_its_id_before_its_run() -> None:
    assert chosen("m", Identity("m-one", "run-b"), VERSIONS).version == "9"
    assert chosen("m", Identity("m-old", None), VERSIONS).version == "2"


def test_without_an_id_the_newest_version_of_the_run_counts() -> None:
    assert chosen("m", Identity(None, "run-a"), VERSIONS).version == "9"


@pytest.mark.parametrize("who", [Identity("m-three", "run-a"), Identity(None, None), Identity(None, "run-c")])
def test_anything_else_is_refused(who: Identity) -> None:
    with pytest.raises(Refused):
        chosen("m", who, VERSIONS)


def test_the_identity_is_read_as_plain_data() -> None:
    assert identity(b"model_id: m-1\nrun_id: abc\n") == Identity("m-1", "abc")
    assert identity(b"model_id: null\nrun_id: [1]\n") == Identity(None, None)
    for broken in (b"", b"[", b"- a", b"a: !!python/name:os.system", b"\xff", b"a: &a [1]\nb: *a"):
        with pytest.raises(Refused) as refused:
            identity(broken)
        assert refused.value.code == "artifact-mlmodel"
