"""Attempts to get something past review by what a pull request touches, each by its name."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import estate
import reviewers
from estate import NOW, Estate
from forges import MemoryForge
from mlops_gitops.errors import Refused
from mlops_gitops.evidence.gates import Answer
from mlops_gitops.evidence.reviews import Voice
from mlops_gitops.manifests import schema
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout, looks, pointer, publish, pulls, scope
from mlops_gitops.promotion.forge import Merged, Pull
from mlops_gitops.promotion.pulls import Part, Question
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import MemoryTree
from reviewers import HEAD, RELEASE, REVIEW, project, start, voice

GRACE, KATHERINE, HEDY = voice("grace"), voice("katherine"), voice("hedy")
BASE = start().with_files(project())
PROMOTED = reviewers.with_receipt(BASE, RELEASE)
"""What a promotion of the release would leave."""
POLICY = layout.environment("prod")


def pull(*voices: Voice, **fields: Any) -> Pull:
    said: dict[str, Any] = {
        "number": 7, "url": "https://forge.example.com/7", "title": "Promote", "body": "", "state": "open",
        "draft": False, "branch": "promote/prod/flight-delays", "head": HEAD, "base": "main", "fork": False,
        "author": "promoter[bot]", "authors": ("promoter[bot]",), "pusher": "promoter[bot]",
        "paths": changed(BASE, PROMOTED), "voices": voices,
    }  # fmt: skip
    return Pull(**{**said, **fields})


def changed(before: Estate, after: Estate) -> tuple[str, ...]:
    paths = before.files.keys() | after.files.keys()
    return tuple(sorted(one for one in paths if before.files.get(one) != after.files.get(one)))


def judge(
    asked: Pull, *, base: Estate = BASE, head: Estate = PROMOTED, forge: MemoryForge | None = None
) -> tuple[Part, ...]:
    question = Question(asked, forge or MemoryForge(), "https://forge.example.com", base.tree(), NOW)
    return pulls.of_environments(question, head=lambda: MemoryTree(head.files, asked.head))


def only(parts: tuple[Part, ...]) -> Part:
    (one,) = parts
    return one


def refused(asked: Pull, words: str, *, base: Estate = BASE, head: Estate = PROMOTED) -> None:
    with pytest.raises(Refused, match=words):
        judge(asked, base=base, head=head)


def beside(*paths: str) -> Pull:
    """A promotion that everybody approved, and that touches something else."""
    return pull(GRACE, KATHERINE, paths=(*changed(BASE, PROMOTED), *paths))


def test_a_promotion_is_judged_by_its_environment() -> None:
    part = only(judge(pull(GRACE, KATHERINE)))
    assert (part.answer, part.environment, part.approved) == (Answer.PASS, "prod", ("grace", "katherine"))
    waiting = only(judge(pull(GRACE)))
    assert waiting.answer is Answer.PENDING
    assert [(gap.count, gap.group, gap.ask) for gap in waiting.missing] == [
        (1, None, ("github:katherine-example", "github:hedy-example"))
    ]
    assert only(judge(pull(GRACE, KATHERINE, voice("hedy", "changes-requested")))).answer is Answer.FAIL


@pytest.mark.parametrize(
    "path",
    [
        POLICY,
        "environments/new/environment.yaml",
        "trust/signers.yaml",
        "trust/old/signers.yaml",
        "controls/prod/flight-delays.yaml",
        ".github/workflows/promote.yaml",
        ".github/CODEOWNERS",
        "CODEOWNERS",
        "docs/CODEOWNERS",
        "mlops-gitops.yaml",
        ".gitattributes",
        "Environments/prod/Environment.YAML",
        "environments/prod/environment.yaml.",
        "Trust/signers.yaml",
        "trust\u200b/signers.yaml",
        "\uff54rust/signers.yaml",
        "MLOPS-GITOPS.yaml",
        "codeowners",
    ],
)
def test_a_pointer_together_with_the_rules(path: str) -> None:
    refused(beside(path), "together with")


def test_a_policy_that_is_renamed_counts_by_both_names() -> None:
    refused(beside("README.md", POLICY), "together with")
    refused(beside("environments/prod/environment.old", POLICY), "together with")


@pytest.mark.parametrize(
    "path", ["environments", "environments/prod", "trust", "controls", ".github", "evidence", "receipts/prod", "TRUST"]
)
def test_a_link_or_submodule_in_the_place_of_a_folder(path: str) -> None:
    refused(beside(path), "stands in the place of a folder")


@pytest.mark.parametrize("path", ["environments/PROD/flight-delays/release.yaml", "Evidence/x/y.json"])
def test_a_pointer_spelt_in_another_way(path: str) -> None:
    refused(beside(path), "spelt in another way")


@pytest.mark.parametrize("path", ["../trust/x", "a//b", "./trust/signers.yaml", "a\\b", ".git/config", ""])
def test_a_path_that_is_none(path: str) -> None:
    refused(beside(path), "no plain path")


def test_evidence_together_with_the_trust_that_believes_it() -> None:
    paths = ("trust/signers.yaml", f"evidence/{RELEASE.id}/review-{'0' * 64}.json")
    refused(pull(GRACE, KATHERINE, paths=paths), "together with")


def test_a_record_that_is_changed_or_removed() -> None:
    refused(beside(layout.release(RELEASE.name, RELEASE.id)), "is for ever")


def test_more_files_than_the_forge_lists() -> None:
    paths = tuple(f"docs/{one}.md" for one in range(scope.LISTED))
    refused(pull(HEDY, paths=paths), "3000 files or more")
    assert judge(pull(HEDY, paths=paths[:-1]))


def test_a_policy_that_the_head_lowers() -> None:
    """The head asks for one approval; the base branch, which decides, for two."""
    lower = estate.environment("prod", gates=[{"approvals": {"quorum": 1}}])
    head = PROMOTED.with_files({POLICY: render(lower)})
    assert only(judge(pull(GRACE), head=head)).answer is Answer.PENDING
    refused(pull(GRACE, paths=changed(BASE, head)), "together with", head=head)


def test_a_change_of_the_policy_alone_is_judged_by_the_base_branch() -> None:
    asked = pull(GRACE, KATHERINE, paths=(POLICY,))
    part = only(judge(asked))
    assert part.answer is Answer.PENDING, "grace and katherine may approve releases, and not this"
    assert "grace-example may not approve here" in part.reason
    assert "1 more of group platform (github:dorothy-example or github:hedy-example)" in part.reason.replace(
        "github:hedy-example or github:dorothy-example", "github:dorothy-example or github:hedy-example"
    )
    assert only(judge(replace(asked, voices=(HEDY,)))).answer is Answer.PASS
    assert only(judge(replace(asked, voices=(HEDY,), author="hedy-example"))).answer is Answer.PENDING
    assert only(judge(replace(asked, voices=(voice("hedy", "changes-requested"),)))).answer is Answer.FAIL


def test_a_repository_that_says_nothing_of_reviews() -> None:
    asked = pull(HEDY, paths=(POLICY,))
    for base in (start(), start().with_files(project(None))):
        refused(asked, "does not say what a change needs", base=base)
    assert only(judge(asked, base=start().with_files(project("none")))).answer is Answer.PASS


def test_somebody_who_makes_themselves_an_owner_on_the_head() -> None:
    owners = {"quorum": 1, "groups": [{"name": "owners", "min": 1, "codeowners": True}]}
    base = start().with_files({**project(owners), "CODEOWNERS": b"* @grace-example\n"})
    head = base.with_files({"CODEOWNERS": b"* @passer-by\n", "README.md": b"x"})
    asked = pull(voice("passer-by"), paths=changed(base, head))
    assert only(judge(asked, base=base, head=head)).answer is Answer.PENDING
    assert only(judge(replace(asked, voices=(GRACE,)), base=base, head=head)).answer is Answer.PASS


def test_an_owner_of_one_path_for_another() -> None:
    owners = {"quorum": 1, "groups": [{"name": "owners", "min": 1, "codeowners": True}]}
    file = b"/trust/ @example-org/platform\n/docs/ katherine@example.com\n"
    base = start().with_files({**project(owners), ".github/CODEOWNERS": file, "CODEOWNERS": b"* @passer-by\n"})
    forge = MemoryForge(teams={"example-org/platform": frozenset({"hedy-example"})})
    asked = pull(KATHERINE, paths=("docs/a.md", "trust/signers.yaml"))
    part = only(judge(asked, base=base, forge=forge))
    assert [(gap.group, gap.ask) for gap in part.missing] == [("owners", ("github:hedy-example",))]
    assert only(judge(replace(asked, voices=(KATHERINE, HEDY)), base=base, forge=forge)).answer is Answer.PASS
    unread = only(judge(replace(asked, voices=(KATHERINE, HEDY)), base=base))
    assert unread.answer is Answer.PENDING, "a team that cannot be read has no members"


def test_a_team_that_the_head_claims_to_be_in() -> None:
    team = {"quorum": 1, "groups": [{"name": "platform", "min": 1, "team": "example-org/platform"}]}
    base = start().with_files(project(team))
    head = base.with_files(project(REVIEW))
    asked = pull(HEDY, paths=changed(base, head))
    part = only(judge(asked, base=base, head=head))
    assert part.answer is Answer.PENDING
    assert "the token cannot read team example-org/platform" in part.reason
    forge = MemoryForge(teams={"example-org/platform": frozenset({"dorothy-example"})})
    assert only(judge(asked, base=base, head=head, forge=forge)).answer is Answer.PENDING
    assert only(judge(replace(asked, voices=(voice("dorothy"),)), base=base, forge=forge)).answer is Answer.PASS


def test_a_pull_request_from_a_fork() -> None:
    refused(pull(GRACE, KATHERINE, fork=True), "from a fork")
    assert only(judge(pull(HEDY, fork=True, paths=("README.md",)))).answer is Answer.PASS


def test_a_draft() -> None:
    first, second = judge(pull(GRACE, KATHERINE, draft=True))
    assert (first.answer, second.answer) == (Answer.PENDING, Answer.PASS)


def test_a_closed_or_merged_pull_request() -> None:
    refused(pull(GRACE, KATHERINE, state="closed"), "it is closed")
    refused(pull(GRACE, KATHERINE, state="merged", merged=Merged("d" * 40, "eve", NOW)), "it is merged")


def test_a_pointer_without_a_receipt() -> None:
    moved = layout.pointer("prod", RELEASE.name)
    refused(pull(GRACE, KATHERINE, paths=(moved,)), "with no receipts")
    refused(
        pull(GRACE, KATHERINE, paths=tuple(one for one in changed(BASE, PROMOTED) if one != moved)), "does not move"
    )


def test_a_pointer_to_another_release_than_the_receipt_says() -> None:
    other = estate.release("1.1.0", supersedes=RELEASE.id, content="b")
    head = PROMOTED.with_files({layout.pointer("prod", RELEASE.name): pointer.render(other)})
    refused(pull(GRACE, KATHERINE), "not the pointer that its receipt names", head=head)
    gone = Estate({path: data for path, data in PROMOTED.files.items() if not path.endswith("/release.yaml")})
    refused(pull(GRACE, KATHERINE), "not the pointer that its receipt names", head=gone)


def test_a_receipt_signed_by_somebody_who_may_not_promote() -> None:
    head = reviewers.with_receipt(BASE, RELEASE, by="grace")
    refused(pull(GRACE, KATHERINE), "nobody who may promote", head=head)


def test_a_receipt_of_an_older_state_of_the_slot() -> None:
    other = estate.release("1.1.0", supersedes=RELEASE.id, content="b")
    moved = reviewers.with_receipt(BASE.with_files(publish.release_files(other)), other)
    refused(pull(GRACE, KATHERINE), "does not follow the last receipt", base=moved)


def test_what_else_changes_beside_a_promotion_is_judged_by_its_own_policy() -> None:
    parts = judge(beside("README.md"))
    assert [one.answer for one in parts] == [Answer.PASS, Answer.PENDING]
    overlay = layout.overlay("prod", RELEASE.name)
    assert [one.answer for one in judge(beside(overlay))] == [Answer.PASS], "the overlay of the slot belongs to it"
    staging = layout.overlay("staging", RELEASE.name)
    assert [one.answer for one in judge(beside(staging))] == [Answer.PASS, Answer.PENDING]


def test_an_approval_before_the_policy_became_stricter() -> None:
    """A look that is on record under the old policy does not count under the new one."""
    recorded = reviewers.look(BASE, GRACE, KATHERINE)
    stricter = estate.environment("prod", gates=[{"approvals": {**reviewers.APPROVALS, "quorum": 3}}])
    base = recorded.with_files({POLICY: render(stricter)})
    assert only(judge(pull(GRACE, KATHERINE), base=base)).answer is Answer.PENDING


def models(asked: Pull, base: Estate, **fields: Any) -> tuple[Part, ...]:
    question = Question(asked, MemoryForge("airline/models"), "https://forge.example.com", base.tree(), NOW)
    return pulls.of_models(question, environments=Snapshot(BASE.tree()), **fields)


MERGED = {"state": "merged", "merged": Merged(RELEASE.source.revision, "eve", NOW - timedelta(hours=3))}


def test_a_pull_request_in_a_model_repository() -> None:
    base = Estate(project())
    asked = pull(HEDY, paths=("models/flight-delays/train.py", "mlops-gitops.yaml"), fork=True)
    part = only(models(asked, base))
    assert (part.answer, part.claim) == (Answer.PASS, None), "nothing was released from it yet"
    assert only(models(replace(asked, pusher="hedy-example"), base)).answer is Answer.PENDING
    with pytest.raises(Refused, match="it is closed"):
        models(replace(asked, state="closed"), base)


def test_the_merged_pull_request_of_a_release_is_recorded_about_it() -> None:
    part = only(models(pull(HEDY, paths=("README.md",), **MERGED), Estate(project())))
    assert part.claim is not None
    assert part.claim.review is not None
    assert (part.claim.release, part.claim.head, part.claim.environment) == (RELEASE.id, RELEASE.source.revision, None)
    assert (part.claim.review.promotion, part.claim.review.groups) == (None, ())


def test_the_trainer_of_the_base_branch_approves_the_change_of_their_model() -> None:
    value = copy.deepcopy(schema.document("model")["examples"][0])
    value["metadata"]["owners"] = [{"name": "Hedy Example", "email": "hedy@example.com", "role": "trainer"}]
    model = render(value)
    base = Estate({**project(), "models/flight-delays/model.yaml": model})
    asked = pull(HEDY, paths=("models/flight-delays/train.py",))
    part = only(models(asked, base))
    assert part.answer is Answer.PENDING
    assert "hedy-example trained the model" in part.reason
    assert only(models(replace(asked, paths=("models/other/train.py",)), base)).answer is Answer.PASS


def test_a_look_is_recorded_once_and_by_a_machine_that_may() -> None:
    from stores import MemoryStore

    store = MemoryStore.of(BASE.files, NOW)
    claim = only(judge(pull(GRACE, KATHERINE))).claim
    assert claim is not None
    record = [(RELEASE.name, claim)]
    first = looks.record(store, record, signer=estate.signer("reviews"), now=lambda: NOW)
    again = looks.record(store, record, signer=estate.signer("reviews"), now=lambda: NOW + timedelta(hours=1))
    assert (len(first.result), again.result, again.commit) == (1, (), None)
    assert reviewers.passes(Estate(dict(store.trees[store.tip].files)))
    later = only(judge(pull(GRACE), base=Estate(dict(store.trees[store.tip].files)))).claim
    assert later is not None
    looks.record(store, [(RELEASE.name, later)], signer=estate.signer("reviews"), now=lambda: NOW)
    assert not reviewers.passes(Estate(dict(store.trees[store.tip].files))), "katherine was withdrawn"
    for nobody in ("ci", "grace", "stranger"):
        with pytest.raises(Refused):
            looks.record(store, record, signer=estate.signer(nobody), now=lambda: NOW)


def test_a_person_whom_trust_lets_sign_reviews_records_none() -> None:
    from stores import MemoryStore

    eve = {**reviewers.person("eve"), "signs": [{"kinds": ["review"], "environments": ["*"]}]}
    base = start(trusted=reviewers.trust(*reviewers.MACHINES, *reviewers.PEOPLE, eve)).with_files(project())
    claim = only(judge(pull(GRACE, KATHERINE), base=base)).claim
    assert claim is not None
    with pytest.raises(Refused, match="eve is a person"):
        looks.record(
            MemoryStore.of(base.files, NOW), [(RELEASE.name, claim)], signer=estate.signer("eve"), now=lambda: NOW
        )
