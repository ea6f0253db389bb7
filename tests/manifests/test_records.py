"""Documents become frozen records, or say with their lines why not."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest

from mlops_gitops.manifests import reading, schema
from mlops_gitops.manifests.control import ControlFile
from mlops_gitops.manifests.environment import ApprovalsGate, EvidenceGate, Group
from mlops_gitops.manifests.reading import Invalid
from mlops_gitops.manifests.release import Release
from mlops_gitops.manifests.rendering import render

ENVIRONMENT = b"""\
apiVersion: mlops-gitops/v1
kind: Environment
metadata: {name: prod}
spec:
  promotion: manual
  gates:
    - {evidence: data-tests, maxAge: P30D}
    - approvals: {quorum: 2, groups: [{name: risk, min: 1}]}
"""


def release_bytes() -> bytes:
    return Release.from_value(schema.document("release")["examples"][0]).render()


@pytest.mark.parametrize("name", schema.KINDS.values())
def test_the_example_of_every_schema_is_read(name: str) -> None:
    data = render(schema.document(name)["examples"][0])
    assert reading.read(name, data, path="a.yaml") == reading.read(name, data, path="b.yaml")  # type: ignore[call-overload]


def test_a_model_says_what_the_file_says_and_defaults_are_applied() -> None:
    model = reading.read("model", render(schema.document("model")["examples"][0]), path="model.yaml")
    assert (model.name, model.version, model.risk_tier) == ("flight-delays", "1.0.0", "limited")
    assert model.primary.name == "roc_auc"
    assert model.primary.threshold.allows(0.7)
    assert not model.primary.threshold.allows(0.69)
    assert [one.name for one in model.of_role("training")] == ["train"]
    assert (model.training.network, model.training.timeout, model.serving.pattern) == (False, None, "rest")
    assert model.interface.target is not None
    assert model.interface.target.positive is True


def test_gates_are_a_list_or_the_word_none() -> None:
    prod = reading.read("environment", ENVIRONMENT, path="e.yaml")
    assert prod.gates == (EvidenceGate("data-tests", timedelta(days=30)), ApprovalsGate(2, (Group("risk", 1),)))
    assert not prod.ungated
    text = ENVIRONMENT.decode()
    none = reading.read("environment", (text[: text.index("gates:")] + "gates: none\n").encode(), path="e.yaml")
    assert (none.gates, none.ungated) == ((), True)
    with pytest.raises(Invalid) as caught:
        reading.read("environment", (text[: text.index("gates:")] + "gates: []\n").encode(), path="e.yaml")
    assert "e.yaml:6:3: `spec.gates` has 0 entries" in caught.value.message
    assert caught.value.exit_code == 1


def test_layout_and_comments_do_not_change_a_policy_and_every_value_does() -> None:
    digest = reading.read("environment", ENVIRONMENT, path="e.yaml").policy_digest
    commented = b"# reviewed\n" + ENVIRONMENT.replace(b"promotion: manual", b'"promotion":   "manual"  # stays')
    assert reading.read("environment", commented, path="other.yaml").policy_digest == digest
    for before, after in (
        (b"P30D", b"P31D"),
        (b"quorum: 2", b"quorum: 1"),
        (b"prod", b"production"),
        (b"min: 1", b"min: 2"),
    ):
        assert reading.read("environment", ENVIRONMENT.replace(before, after), path="e.yaml").policy_digest != digest


def test_a_date_that_no_calendar_has_is_refused() -> None:
    value = copy.deepcopy(schema.document("control")["examples"][0])
    value["spec"]["controls"][0]["since"] = "2026-02-30T00:00:00Z"
    with pytest.raises(Invalid):
        reading.read("control", render(value), path="c.yaml")


def test_controls_are_written_as_they_are_read() -> None:
    data = render(schema.document("control")["examples"][0])
    found = reading.read("control", data, path="c.yaml")
    assert isinstance(found, ControlFile)
    assert reading.read("control", found.render(), path="c.yaml") == found


def test_a_release_is_the_one_rendering_of_its_document() -> None:
    data = release_bytes()
    found = Release.parse(data)
    assert found.render() == data
    assert found.id == Release.parse(data, path="elsewhere.yaml").id


def test_no_byte_of_a_release_can_be_changed() -> None:
    data = release_bytes()
    for index in range(0, len(data), 3):
        for other in (data[index] ^ 1, data[index] ^ 32):
            changed = data[:index] + bytes([other]) + data[index + 1 :]
            try:
                found = Release.parse(changed)
            except Invalid:
                continue
            assert found.id != Release.parse(data).id


@pytest.mark.parametrize("extra", [b"\n", b"# comment\n", b"x-b: 1\nx-a: 1\n", b" ", b"...\n", b'"x-a": 1\n'])
def test_nothing_can_be_added_to_a_release_unnoticed(extra: bytes) -> None:
    data = release_bytes()
    with pytest.raises(Invalid):
        Release.parse(data + extra)


def test_an_invalid_document_names_its_first_findings() -> None:
    with pytest.raises(Invalid) as caught:
        reading.read("environment", b"kind: Environment\nspec: {gates: none, promotion: manul}\n", path="e.yaml")
    assert "e.yaml:2:32: `spec.promotion` is manul; did you mean `manual`? (MG104)" in str(caught.value)
    assert len(caught.value.findings) == 3


def test_warnings_do_not_stop_a_document_from_being_read() -> None:
    data = ENVIRONMENT.replace(b"name: prod", b"name: prod, x-reviewed: 2026-11-21")
    assert reading.read("environment", data, path="e.yaml").name == "prod"
