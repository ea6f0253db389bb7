"""A point needs a signed check about the digests of this very release: every way around that earns nothing."""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import estate
import outputs
import pages
from estate import NOW, Estate
from mlops_gitops.evidence.admission import file_name
from mlops_gitops.evidence.score import rubric, scoring
from mlops_gitops.evidence.score.rubric import BY_HAND, BY_ID, SECTIONS, TESTS, Criterion
from mlops_gitops.evidence.score.scoring import How, Line, Score
from mlops_gitops.evidence.statements import TEST_KINDS
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.release import Release
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout, publish
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting.score import badge, page, text

RELEASE = estate.release()
SHOWN = [one for one in TESTS if one.shown_by]
AGES = {"ages": [{"version": "0.9.0", "days": 30.0}, {"version": "0.1.0", "days": 200.0}], "maxAgeDays": 90.0}
"""What evidence about past releases says of age: the younger of the two lies within what is allowed."""


def signer(name: str, kind: str) -> dict[str, object]:
    grants = [{"kinds": [*TEST_KINDS, "approval"], "environments": ["*"]}]
    return {"name": name, "type": kind, "keys": [estate.public(name)], "signs": grants}


def where() -> Estate:
    extra = (signer("robot", "machine"), {**signer("ida", "person"), "identities": ["ida@example.com"]})
    files = {layout.TRUST: render(estate.trust(extra))}
    return Estate.new().with_files(files | publish.release_files(RELEASE))


def materials(release: Release = RELEASE, **other: str) -> list[dict[str, object]]:
    named = {"artifact": release.artifact.digest, "data/train": release.data[0].digest, **other}
    return [{"name": name, "digest": {"sha256": sha}} for name, sha in named.items()]


def said(
    kind: str, *ids: str, verdict: str = "pass", by: str = "robot", made_on: Any = None, **fields: Any
) -> dict[str, bytes]:
    checks = [{"id": one, "subject": "x", "verdict": verdict, "message": "m"} for one in ids]
    details = {"checks": checks, "materials": materials() if made_on is None else made_on, **fields.pop("told", AGES)}
    claim = estate.claim(kind, RELEASE, details=details, **{"verdict": Verdict(verdict), **fields})
    return estate.evidence(claim, by=by)


def scored(files: dict[str, bytes], **change: Any) -> Score:
    dossier = Snapshot(where().with_files(files).tree()).dossier(estate.MODEL, RELEASE.id)
    return scoring.score(replace(dossier.release, **change) if change else dossier.release, dossier.evidence, now=NOW)


def line(files: dict[str, bytes], test: str, **change: Any) -> Line:
    return next(one for one in scored(files, **change).lines if one.test.id == test)


def shows(test: Criterion, **fields: Any) -> dict[str, bytes]:
    """Evidence that shows a test, one check of each group."""
    files: dict[str, bytes] = {}
    for group in test.shown_by:
        kind, name = group[0]
        files |= said(kind, name, **fields)
    return files


def canary() -> dict[str, Any]:
    return {"serving": replace(RELEASE.serving, strategy="canary")}


def test_the_rubric_has_28_tests_in_four_sections_of_seven() -> None:
    assert len(BY_ID) == 28
    assert Counter(one.section for one in TESTS) == dict.fromkeys(SECTIONS, 7)
    assert all(one.by_hand and (one.automatic or not (one.shown_by or one.condition)) for one in TESTS)


def test_every_check_of_the_rubric_is_one_that_is_made() -> None:
    from prose import ROOT

    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/mlops_gitops").rglob("*.py"))
    source = source.replace((ROOT / "src/mlops_gitops/evidence/score/rubric.py").read_text(encoding="utf-8"), "")
    named = {name for one in TESTS for group in one.shown_by for _, name in group}
    assert {name for name in named if f'"{name}"' not in source} == set()
    assert {kind for one in TESTS for group in one.shown_by for kind, _ in group} <= set(TEST_KINDS)


@pytest.mark.parametrize("test", SHOWN, ids=lambda one: one.id)
def test_a_machine_earns_a_point_and_a_person_half_of_one(test: Criterion) -> None:
    machine, person = line(shows(test), test.id, **canary()), line(shows(test, by="ida"), test.id, **canary())
    assert (machine.how, machine.next) == (How.AUTOMATIC, "")
    assert person.how is How.BY_HAND
    assert "type `machine`" in person.next
    assert machine.evidence
    assert line({}, test.id, **canary()).how is How.NOT


@pytest.mark.parametrize("verdict", ["fail", "inconclusive"])
@pytest.mark.parametrize("test", SHOWN, ids=lambda one: one.id)
def test_a_check_that_did_not_come_out_well_earns_nothing(test: Criterion, verdict: str) -> None:
    found = line(shows(test) | shows(test, verdict=verdict), test.id, **canary())
    assert found.how is How.NOT
    assert "failed" in found.reason or "inconclusive" in found.reason


def test_every_group_of_a_test_is_needed() -> None:
    assert line(said("reproduction", "reproduction.level"), "infra-3").how is How.NOT
    assert line(said("infra-tests", "infra.start", "infra.parity"), "infra-3").how is How.NOT


def metric(**fields: Any) -> Line:
    return line(said("model-tests", "model.metric", **fields), "infra-4")


def test_evidence_counts_only_while_it_does() -> None:
    assert metric().how is How.AUTOMATIC
    expired = metric(expires_at=NOW)
    assert expired.how is How.NOT
    assert "expired at 2026-11-21T12:00:00Z" in expired.reason
    assert metric(expires_at=NOW + timedelta(seconds=1)).how is How.AUTOMATIC
    assert "dated in the future" in metric(issued_at=NOW + timedelta(hours=1)).reason


def test_evidence_about_other_bytes_does_not_count() -> None:
    other = materials(artifact="0b" * 32)
    assert "another artifact" in metric(made_on=other).reason
    assert metric(made_on=[]).how is How.NOT
    assert "another data/train" in metric(made_on=materials(**{"data/train": "0b" * 32})).reason
    types = said("data-tests", "data.type", made_on=materials(**{"data/train": "0b" * 32}))
    assert line(types, "data-1").how is How.NOT
    assert metric(made_on="nonsense").how is How.NOT


def test_evidence_about_another_release_does_not_count() -> None:
    other = estate.release("2.0.0", content="b")
    claim = estate.claim(
        "model-tests", other, details={"checks": [{"id": "model.metric", "subject": "x", "verdict": "pass"}]}
    )
    ((_, data),) = estate.evidence(claim, by="robot").items()
    moved = {f"{layout.evidence(RELEASE.id)}/model-tests-{'0' * 64}.json": data}
    assert line(moved, "infra-4").how is How.NOT


def test_forged_evidence_does_not_count() -> None:
    ((path, data),) = said("model-tests", "model.metric", verdict="fail").items()
    sealed = json.loads(data)
    payload = base64.b64decode(sealed["payload"]).replace(b'"verdict":"fail"', b'"verdict":"pass"')
    assert payload != base64.b64decode(sealed["payload"])
    forged = json.dumps({**sealed, "payload": base64.b64encode(payload).decode()}).encode()
    for name in (path, f"{layout.evidence(RELEASE.id)}/{file_name('model-tests', forged)}"):
        assert line({name: forged}, "infra-4").how is How.NOT
    assert line(said("model-tests", "model.metric", by="stranger"), "infra-4").how is How.NOT
    assert line(said("model-tests", "model.metric", by="grace"), "infra-4").how is How.NOT


def test_superseded_evidence_does_not_count_and_what_does_not_count_supersedes_nothing() -> None:
    before = said("model-tests", "model.metric", verdict="fail")
    (path,) = before
    digest = path.rpartition("-")[2].removesuffix(".json")
    assert line(before | said("model-tests", "model.metric", supersedes=(digest,)), "infra-4").how is How.AUTOMATIC
    stale = said("model-tests", "model.metric", supersedes=(digest,), expires_at=NOW)
    assert line(before | stale, "infra-4").how is How.NOT


def by_hand(test: str = "model-3", **fields: Any) -> dict[str, bytes]:
    return said(BY_HAND, f"score.{test}", **{"by": "ida", "made_on": [], **fields})


def test_a_person_signs_what_was_done_by_hand() -> None:
    found = line(by_hand(), "model-3")
    assert (found.how, found.how.points) == (How.BY_HAND, 0.5)
    assert "signed by ida" in found.reason
    assert line(by_hand(by="robot"), "model-3").how is How.NOT
    assert line(by_hand(verdict="fail"), "model-3").how is How.NOT
    assert line(by_hand(expires_at=NOW), "model-3").how is How.NOT
    assert line(by_hand("model-2"), "model-3").how is How.NOT


def test_a_person_does_not_outvote_a_machine_with_less() -> None:
    both = said("model-tests", "model.metric") | by_hand("infra-4")
    assert line(both, "infra-4").how is How.AUTOMATIC
    failed = said("model-tests", "model.metric", verdict="fail") | by_hand("infra-4")
    assert line(failed, "infra-4").how is How.BY_HAND


def test_a_review_is_an_approval_by_somebody_else_of_what_is_committed() -> None:
    def approved(by: str, **fields: Any) -> dict[str, bytes]:
        claim = estate.claim("approval", RELEASE, environment="staging", **fields)
        return estate.evidence(claim, by=by)

    assert line(approved("grace"), "model-1").how is How.AUTOMATIC
    assert line(approved("ada"), "model-1").how is How.NOT
    assert line(approved("robot"), "model-1").how is How.NOT
    assert line(approved("grace", verdict=Verdict.FAIL), "model-1").how is How.NOT
    assert line(approved("grace"), "model-1", source=replace(RELEASE.source, dirty=True)).how is How.NOT


def test_a_canary_is_declared_and_its_image_was_started() -> None:
    started = said("infra-tests", "infra.start")
    assert line(started, "infra-6").how is How.NOT
    assert line(started, "infra-6", **canary()).how is How.AUTOMATIC
    assert line({}, "infra-6", **canary()).how is How.NOT


def aged(days: float, *, made: float = 0, **told: Any) -> Line:
    """The line of a release so many days old, its past asked when it was ``made`` days old."""
    asked = said("history-tests", "model.staleness", issued_at=NOW - timedelta(days=days - made), told=told or AGES)
    born = said("scan", "scan.files", issued_at=NOW - timedelta(days=days), expires_at=NOW, told={})
    return line(asked | born, "monitoring-4")


def test_a_release_is_not_too_old_as_long_as_past_ones_were_as_old_and_had_lost_little() -> None:
    fresh = aged(30)
    assert fresh.how is How.AUTOMATIC
    assert "it is 30 days old; those that it was held against were 30 days old, and `maxAge` is 90 days" in fresh.reason
    late = aged(30.1)
    assert (late.how, "it is 30 days 2 hours old" in late.reason) == (How.NOT, True)
    assert "release anew before this one is older than `maxAge`" in late.next
    assert aged(91, ages=[{"days": 120.0}, {"days": 90.0}], maxAgeDays=90).how is How.NOT
    assert aged(90, ages=[{"days": 120.0}, {"days": 90.0}], maxAgeDays=90).how is How.AUTOMATIC


def test_asking_the_past_again_on_the_same_rows_makes_no_release_younger() -> None:
    later = {"ages": [{"days": 50.0}], "maxAgeDays": 90}
    assert aged(30, made=20, **later).how is How.AUTOMATIC
    assert aged(31, made=20, **later).how is How.NOT


@pytest.mark.parametrize(
    "told",
    [
        {"ages": [{"days": 30}]},
        {"ages": [], "maxAgeDays": 90},
        {"ages": {"days": 30}, "maxAgeDays": 90},
        {"ages": [7, {"days": "30"}, {"days": True}, {"days": -1}], "maxAgeDays": 90},
        {"ages": [{"days": 1e300}], "maxAgeDays": 1e300},
        {"ages": [{"days": 100}], "maxAgeDays": 90},
    ],
)
def test_what_says_no_age_shows_none(told: dict[str, Any]) -> None:
    found = aged(0, **told)
    assert (found.how, "how old it was" in found.reason) == (How.NOT, True)


def everything() -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for one in SHOWN:
        files |= shows(one)
    for one in TESTS:
        files |= by_hand(one.id)
    return files | estate.evidence(estate.claim("approval", RELEASE, environment="staging"), by="grace")


def test_the_score_is_that_of_the_weakest_section() -> None:
    assert scored({}).total == 0
    whole = scored(everything(), **canary())
    assert {name: whole.section(name) for name in SECTIONS} == {
        "data": 5.5, "model": 6.5, "infra": 6.5, "monitoring": 6.5
    }  # fmt: skip
    assert whole.total == 5.5
    assert whole.weakest == ("data",)
    assert rubric.meaning(whole.total).startswith("exceptionally")
    assert {one.test.id for one in text.upcoming(whole)} == set()


def test_what_is_missing_can_be_acted_on_and_would_raise_the_score() -> None:
    found = scored(said("model-tests", "model.metric"))
    wanted = text.upcoming(found)
    assert {one.test.section for one in wanted} == {"data", "model", "monitoring"}
    assert all(f"--attest {one.test.id}`" in one.next for one in wanted)
    assert "declare `slices` with the metric" in text.text(found)


def test_every_form_says_the_same() -> None:
    for files in ({}, said("model-tests", "model.metric") | by_hand(), everything()):
        found = scored(files)
        outputs.check("score", json.loads(json.dumps({"scores": [text.document(found)]})))
        read = pages.harmless(page.page(found, generated="2026-11-24T06:01:00Z"))
        assert rubric.meaning(found.total) in read.words
        assert all(one.title in read.words for one in TESTS)
        assert json.loads(badge.shields(found))["message"] == text.points(found.total)
        assert f">{text.points(found.total)} / 7<" in badge.svg(found)
