"""Pull requests on a GitHub whose repositories are real: every method, every page, and every trick of an author."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fakehub
from fakehub import Fault, Hub
from hubs import BRANCH, NAME, Site, proposed
from mlops_gitops.adapters import github_pulls, github_queries
from mlops_gitops.adapters.github_failures import Purpose
from mlops_gitops.errors import WorldFailed
from mlops_gitops.promotion.forge import Forge, Pull


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with fakehub.serve(tmp_path / "hub") as served:
        served.create(NAME, {"a.txt": "one\n", "b.txt": "one\ntwo\nthree\nfour\n"})
        yield served


@pytest.fixture
def site(hub: Hub, tmp_path: Path) -> Site:
    return Site(hub, hub.token("app", repositories=(NAME,)), tmp_path / "runner")


def opened(site: Site, **what: Any) -> Pull:
    proposed(site.hub, **what)
    return site.forge.open_pull(BRANCH, base="main", title="Promote", body="Why")


def test_it_is_a_forge(site: Site) -> None:
    forge: Forge = site.forge
    assert forge.repository == NAME


@pytest.mark.parametrize("prefix", ["/api/v3", ""], ids=["enterprise server", "github.com"])
def test_one_pull_request_from_beginning_to_end_under_both_kinds_of_paths(tmp_path: Path, prefix: str) -> None:
    with fakehub.serve(tmp_path / "other", prefix=prefix) as hub:
        hub.create(NAME, {"a.txt": "one\n", "b.txt": "two\n"})
        hub.team("org/risk", "grace")
        site = Site(hub, hub.token("app", repositories=(NAME,)), tmp_path / "runner")
        first = opened(site)
        site.forge.update_pull(1, title="Other", body="Text")
        site.forge.close_pull(1, comment="Why")
        second = site.forge.open_pull(BRANCH, base="main", title="Again", body="")
        hub.review(NAME, second.number, "grace")
        found = site.forge.pull(second.number)
        assert found is not None
        assert (found.title, [one.login for one in found.voices], found.pusher) == ("Again", ["grace"], "ada")
        merged = site.forge.merge_pull(second.number, head=first.head, title="Promote", message="")
        assert merged == hub.tip(NAME)
        assert site.forge.members("org/risk") == {"grace"}
        site.forge.delete_branch(BRANCH)
        assert all(one.path.startswith(("/repos/", "/orgs/")) or one.operation for one in hub.calls)
        assert {one.status for one in hub.calls} <= {200, 201, 204}


def test_a_pull_request_is_opened_once_and_found_again(site: Site) -> None:
    head = proposed(site.hub)
    first = site.forge.open_pull(BRANCH, base="main", title="Promote", body="Why")
    again = site.forge.open_pull(BRANCH, base="main", title="Another", body="Word")
    assert (first.number, first.head, first.branch, first.base, first.state) == (1, head, BRANCH, "main", "open")
    assert (first.author, first.authors, first.paths) == ("promoter[bot]", ("ada",), ("new.txt",))
    assert first.title == "Promote"
    assert again.number == 1
    assert len(site.hub.repositories[NAME].pulls) == 1


def test_32_runners_open_one_pull_request(site: Site) -> None:
    proposed(site.hub)
    found, forges = [], [site.forge for _ in range(32)]
    ready = threading.Barrier(32)

    def race(number: int) -> None:
        ready.wait()
        found.append(forges[number].open_pull(BRANCH, base="main", title=f"Runner {number}", body="").number)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(32)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [1] * 32
    assert len(site.hub.repositories[NAME].pulls) == 1


def test_all_open_promotions_come_with_one_request(site: Site) -> None:
    for model in ("a", "b", "c"):
        proposed(site.hub, branch=f"promote/prod/{model}", path=f"{model}.txt")
        site.hub.open(NAME, f"promote/prod/{model}")
        site.hub.review(NAME, len(site.hub.repositories[NAME].pulls), "grace")
    proposed(site.hub, branch="feature")
    site.hub.open(NAME, "feature")
    proposed(site.hub, branch="promote/prod/no-pull-request")
    before = len(site.hub.calls)
    found = site.forge.open_pulls("promote/")
    assert [(one.branch, [voice.login for voice in one.voices]) for one in found] == [
        (f"promote/prod/{model}", ["grace"]) for model in ("a", "b", "c")
    ]
    assert site.hub.asked(since=before) == ["OpenPulls"]
    assert [one.branch for one in site.forge.open_pulls("promote/prod/b")] == ["promote/prod/b"]


def test_more_than_a_page_of_branches_is_paged(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = github_queries.OPEN_PULLS.replace(f"first: {github_queries.BRANCHES}", "first: 2")
    monkeypatch.setattr(github_queries, "OPEN_PULLS", listing)
    for number in range(5):
        proposed(site.hub, branch=f"promote/prod/m{number}", path=f"{number}.txt")
        site.hub.open(NAME, f"promote/prod/m{number}")
    before = len(site.hub.calls)
    assert [one.number for one in site.forge.open_pulls("promote/")] == [1, 2, 3, 4, 5]
    assert site.hub.asked(since=before) == ["OpenPulls"] * 3


def test_a_fork_with_the_same_branch_is_not_listed(site: Site) -> None:
    site.hub.fork(NAME, "mallory")
    proposed(site.hub)
    site.hub.commit("mallory/environments", {"evil.txt": "x\n"}, branch=BRANCH, by="mallory")
    there = site.hub.repository(NAME)
    fork = {"base": "main", "title": "Mine", "body": "", "head_repository": "mallory/environments"}
    fakehub.pulls.open_pull(site.hub, there, "mallory", BRANCH, **fork)
    assert site.forge.open_pulls("promote/") == ()
    ours = site.forge.open_pull(BRANCH, base="main", title="Ours", body="")
    assert ours.number == 2
    assert not ours.fork
    other = site.forge.pull(1)
    assert other is not None
    assert other.fork


def test_reviews_beyond_a_page_are_all_told_in_order(site: Site) -> None:
    pull = opened(site)
    for number in range(230):
        site.hub.review(NAME, pull.number, f"reviewer-{number}", "COMMENTED")
    site.hub.review(NAME, pull.number, "reviewer-0", "CHANGES_REQUESTED")
    found = site.forge.pull(pull.number)
    assert found is not None
    assert [one.login for one in found.voices] == [*(f"reviewer-{number}" for number in range(230)), "reviewer-0"]
    assert found.voices[-1].said == "changes-requested"
    listed = site.forge.open_pulls("promote/")
    assert listed[0].voices == found.voices


def test_what_a_review_says_and_on_which_head(site: Site) -> None:
    pull = opened(site)
    first = site.hub.review(NAME, pull.number, "grace")
    site.hub.review(NAME, pull.number, "katherine", "CHANGES_REQUESTED")
    site.hub.review(NAME, pull.number, "dependabot[bot]")
    head = proposed(site.hub, content="y\n")
    site.hub.review(NAME, pull.number, "katherine")
    site.hub.dismiss(NAME, pull.number, first.id)
    site.hub.pull(NAME, pull.number).reviews.append(
        fakehub.Review(9, "ada", "PENDING", "", head, "2026-01-01T00:00:00Z")
    )
    found = site.forge.pull(pull.number)
    assert found is not None
    assert found.head == head
    assert [(one.login, one.bot, one.said, one.commit) for one in found.voices] == [
        ("grace", False, "dismissed", pull.head),
        ("katherine", False, "changes-requested", pull.head),
        ("dependabot[bot]", True, "approved", pull.head),
        ("katherine", False, "approved", head),
    ]
    assert len({one.id for one in found.voices}) == 4


def test_the_review_of_an_account_that_was_deleted_counts_for_nobody(site: Site) -> None:
    pull = opened(site)
    site.hub.review(NAME, pull.number, "left-us")
    del site.hub.users["left-us"]
    found = site.forge.pull(pull.number)
    assert found is not None
    assert [(one.login, one.bot) for one in found.voices] == [("ghost", True)]


def test_authors_are_all_who_had_a_commit_in_their_hands(site: Site) -> None:
    site.hub.user("grace", "grace@example.com")
    message = (
        "Propose\n\nCo-authored-by: Grace <grace@example.com>\n"
        "co-authored-BY: Nobody <nobody@example.com>\n"
        "Co-Authored-By: Katherine <1234+katherine@users.noreply.github.com>\n"
        "Co-authored-by: bare@example.com\n"
    )
    site.hub.commit(NAME, {"new.txt": "x\n"}, branch=BRANCH, by="ada", message=message)
    site.hub.user("linus", "linus@example.com")
    site.hub.commit(NAME, {"new.txt": "y\n"}, branch=BRANCH, by="linus", message="More\n")
    found = site.forge.open_pull(BRANCH, base="main", title="Promote", body="")
    assert found.authors == ("ada", "bare@example.com", "grace", "katherine", "linus", "nobody@example.com")


def test_a_pull_request_that_github_tells_in_part_is_a_failure(site: Site) -> None:
    opened(site)
    site.hub.review(NAME, 1, "grace")
    variables = {"owner": "org", "name": "environments", "number": 1, "commits": 100}
    data = site.client.query(github_queries.ONE_PULL, Purpose("read it", "none"), **variables)
    node = data["repository"]["pullRequest"]
    assert github_pulls.pull_of(node).number == 1
    authors = node["commits"]["nodes"][0]["commit"]["authors"]
    for whole, name in ((node["commits"], "commits"), (node["reviews"], "reviews"), (authors, "authors")):
        whole["totalCount"] += 1
        with pytest.raises(WorldFailed, match=f"{name}, and GitHub tells") as caught:
            github_pulls.pull_of(node)
        assert (caught.value.code, caught.value.retry) == ("github-truncated", False)
        whole["totalCount"] -= 1
    node["changedFiles"] = 3001
    with pytest.raises(WorldFailed, match="3001 files"):
        github_pulls.pull_of(node)


def test_one_that_is_told_in_part_stops_no_other_in_the_list(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(site)
    other = f"{BRANCH}-too"
    site.hub.commit(NAME, {f"f{number}.txt": "x\n" for number in range(5)}, branch=other, by="mallory")
    site.hub.open(NAME, other)
    monkeypatch.setattr(github_queries, "LONGEST_IN_LIST", 4)
    found = {one.branch: one for one in site.forge.open_pulls("promote/")}
    assert found[BRANCH].partial is None
    assert found[BRANCH].paths
    assert (found[other].partial, found[other].paths, found[other].voices) == ("it has 5 commits or files", (), ())


def test_when_a_review_was_dismissed_and_what_it_had_said(site: Site) -> None:
    opened(site)
    first = site.hub.review(NAME, 1, "grace", "CHANGES_REQUESTED")
    site.hub.review(NAME, 1, "katherine")
    site.hub.dismiss(NAME, 1, first.id)
    (listed,) = site.forge.open_pulls("promote/")
    assert [one.said for one in listed.voices] == ["dismissed", "approved"]
    (gone,) = listed.dismissals
    assert (gone.review, gone.said) == (listed.voices[0].id, "changes-requested")
    assert gone.at >= listed.voices[0].at


def test_trailers_are_read_however_they_are_written_and_in_no_time(site: Site) -> None:
    message = "x\n\nCo-authored-by: a" + " " * 20_000 + "b\n  co-authored-by:c@example.com\nCo-Authored-By: <>\n"
    site.hub.commit(NAME, {"new.txt": "x\n"}, branch=BRANCH, by="ada", message=message)
    found = site.forge.open_pull(BRANCH, base="main", title="Promote", body="").authors
    assert {"ada", "c@example.com"} <= set(found)
    assert len(found) == 3


def test_an_author_hidden_behind_many_commits_is_told(site: Site) -> None:
    for number in range(130):
        by = "hidden" if number == 60 else "ada"
        site.hub.commit(NAME, {"new.txt": f"{number}\n"}, branch=BRANCH, by=by, message=f"{number}\n")
    site.hub.open(NAME, BRANCH)
    assert site.forge.open_pulls("promote/")[0].authors == ("ada", "hidden")


def test_the_old_path_of_a_rename_is_a_path_that_differs(site: Site) -> None:
    repository = site.hub.repositories[NAME]
    tip = site.hub.tip(NAME)
    content = site.hub.read(NAME, "b.txt") or b""
    tree = fakehub.objects.write_tree(repository.folder, tip, {"c.txt": content}, ["b.txt"])
    who = ("ada", "ada@example.com")
    made = fakehub.objects.write_commit(
        repository.folder, tree, [tip], message="Move\n", author=who, committer=who, date=site.hub.date()
    )
    fakehub.references.moved(site.hub, repository, [(BRANCH, fakehub.objects.ZERO, made)], "ada", check=True)
    assert site.forge.open_pull(BRANCH, base="main", title="Promote", body="").paths == ("b.txt", "c.txt")


def test_more_files_than_a_page(site: Site) -> None:
    site.hub.commit(NAME, {f"f{number:03}.txt": "x\n" for number in range(230)}, branch=BRANCH, by="ada")
    assert len(site.forge.open_pull(BRANCH, base="main", title="Promote", body="").paths) == 230


def test_who_pushed_last_is_asked_of_the_activity_where_the_committer_may_lie(site: Site) -> None:
    opened(site)
    repository = site.hub.repositories[NAME]
    old = site.hub.tip(NAME, BRANCH)
    tree = fakehub.objects.write_tree(repository.folder, old, {"new.txt": b"evil\n"}, [])
    who = ("ada", "ada@example.com")
    made = fakehub.objects.write_commit(
        repository.folder, tree, [old], message="x\n", author=who, committer=who, date=site.hub.date()
    )
    fakehub.references.moved(site.hub, repository, [(BRANCH, old, made)], "mallory", check=True)
    found = site.forge.pull(1)
    assert found is not None
    assert found.pusher == "mallory"
    (listed,) = site.forge.open_pulls("promote/")
    assert listed.pusher == "ada", "GraphQL tells the committer, and no more"
    assert site.forge.pusher(listed) == "mallory"


def test_a_push_by_force_names_who_did_it(site: Site) -> None:
    opened(site)
    site.hub.user("mallory")
    tip = site.hub.tip(NAME)
    repository = site.hub.repositories[NAME]
    tree = fakehub.objects.write_tree(repository.folder, tip, {"new.txt": b"evil\n"}, [])
    made = fakehub.objects.write_commit(
        repository.folder, tree, [tip], message="x\n", author=("ada", "ada@example.com"), date=site.hub.date()
    )
    fakehub.references.moved(site.hub, repository, [(BRANCH, site.hub.tip(NAME, BRANCH), made)], "mallory", check=True)
    assert site.forge.open_pulls("promote/")[0].pusher == "mallory"


def test_where_the_activity_is_not_told_the_committer_stands_in(site: Site) -> None:
    opened(site)
    site.hub.arm(Fault(status=404), path="*/activity")
    found = site.forge.pull(1)
    assert found is not None
    assert found.pusher == "ada"


def test_a_pull_request_that_is_not_there_is_none_and_a_repository_that_is_not_is_a_failure(site: Site) -> None:
    assert site.forge.pull(99) is None
    stranger = Site(site.hub, site.hub.token("stranger"), site.folder)
    with pytest.raises(WorldFailed) as caught:
        stranger.forge.pull(99)
    assert caught.value.code == "github-not-found"
    assert "App is not installed" in caught.value.hint


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_the_pull_request_that_brought_a_commit_is_found_for_every_way_to_merge(site: Site, method: Any) -> None:
    pull = opened(site)
    site.hub.commit(NAME, {"a.txt": "two\n"})
    made = site.hub.human_merge(NAME, pull.number, by="katherine", method=method)
    found = site.forge.pull_of(made)
    assert found is not None
    assert found.merged is not None
    assert (found.number, found.state, found.merged.commit, found.merged.by) == (1, "merged", made, "katherine")
    assert site.forge.pull_of(site.hub.commit(NAME, {"a.txt": "three\n"})) is None


def test_an_open_pull_request_has_brought_nothing(site: Site) -> None:
    pull = opened(site)
    assert site.forge.pull_of(pull.head) is None
    assert site.forge.pull_of("f" * 40) is None


def test_title_and_text_are_replaced(site: Site) -> None:
    opened(site)
    site.forge.update_pull(1, title="Other", body="Text with `$(id)`\n::error::no")
    assert (site.hub.pull(NAME, 1).title, site.hub.pull(NAME, 1).body) == ("Other", "Text with `$(id)`\n::error::no")


def test_closing_says_why_once(site: Site) -> None:
    opened(site)
    site.forge.close_pull(1, comment="superseded")
    site.forge.close_pull(1, comment="superseded")
    assert site.hub.pull(NAME, 1).state == "closed"
    assert [one.body for one in site.hub.pull(NAME, 1).comments] == ["superseded"]


@pytest.mark.parametrize("allowed", [("squash",), ("merge",), ("rebase",), ("squash", "merge", "rebase")])
def test_a_merge_takes_a_way_that_the_repository_allows(site: Site, allowed: Any) -> None:
    site.hub.repositories[NAME].methods = allowed
    pull = opened(site)
    base = site.hub.commit(NAME, {"a.txt": "two\n"})
    made = site.forge.merge_pull(1, head=pull.head, title="Promote", message="Why")
    assert made == site.hub.tip(NAME)
    commit = fakehub.objects.commit(site.hub.folder_of(NAME), made)
    assert commit.parents[0] == base
    assert len(commit.parents) == (2 if allowed == ("merge",) else 1)
    assert site.forge.merge_pull(1, head=pull.head, title="Promote", message="Why") == made


def test_a_head_that_moved_is_not_merged(site: Site) -> None:
    pull = opened(site)
    site.hub.arm(
        Fault(before=lambda: proposed(site.hub, content="moved\n")), method="PUT", path="*/merge"
    )  # fmt: skip
    assert site.forge.merge_pull(1, head=pull.head, title="Promote", message="") is None
    assert site.hub.pull(NAME, 1).state == "open"


def test_a_conflict_is_not_merged_and_not_tried_for_long(site: Site) -> None:
    pull = opened(site, path="a.txt")
    site.hub.commit(NAME, {"a.txt": "three\n"})
    before = len(site.hub.calls)
    assert site.forge.merge_pull(1, head=pull.head, title="Promote", message="") is None
    assert site.hub.asked(since=before)[1:] == ["MergeState"]


def test_a_closed_one_is_not_merged(site: Site) -> None:
    pull = opened(site)
    site.forge.close_pull(1, comment="no")
    assert site.forge.merge_pull(1, head=pull.head, title="Promote", message="") is None


def test_base_branch_was_modified_is_tried_again(site: Site) -> None:
    pull = opened(site)
    told = Fault(status=405, message="Base branch was modified. Review and try the merge again.")
    site.hub.arm(told, method="PUT", path="*/merge", times=2)
    assert site.forge.merge_pull(1, head=pull.head, title="Promote", message="") == site.hub.tip(NAME)
    assert site.pauses == [1.0, 2.0]


def test_a_rule_that_forbids_the_merge_is_told(site: Site) -> None:
    pull = opened(site)
    site.hub.repositories[NAME].protected_reviews = 1
    with pytest.raises(WorldFailed, match="At least 1 approving review") as caught:
        site.forge.merge_pull(1, head=pull.head, title="Promote", message="")
    assert caught.value.code == "github-not-mergeable"
    assert sum(site.pauses) < 60


def test_branches_are_read_and_deleted(site: Site) -> None:
    head = proposed(site.hub)
    assert site.forge.read_branch(BRANCH) == head
    site.forge.delete_branch(BRANCH)
    assert site.forge.read_branch(BRANCH) is None
    site.forge.delete_branch(BRANCH)
    stranger = Site(site.hub, site.hub.token("stranger"), site.folder)
    with pytest.raises(WorldFailed):
        stranger.forge.read_branch(BRANCH)


def test_the_members_of_a_team_are_told_where_the_token_may_read_it(site: Site) -> None:
    site.hub.team("org/risk", *(f"member-{number}" for number in range(130)))
    found = site.forge.members("org/risk")
    assert found is not None
    assert len(found) == 130
    assert site.forge.members("org/nobody") is None
    assert site.forge.members("no-team") is None
    assert site.forge.members("org/../../user") is None
    assert Site(site.hub, site.hub.token("actions"), site.folder).forge.members("org/risk") is None


def test_a_team_that_cannot_be_asked_for_is_no_empty_team(site: Site) -> None:
    site.hub.team("org/risk", "grace")
    site.hub.arm(Fault(status=502), path="*/members", times=9)
    with pytest.raises(WorldFailed):
        site.forge.members("org/risk")


def test_opening_takes_one_request_after_a_list_and_two_alone(site: Site) -> None:
    forge = site.forge
    proposed(site.hub)
    assert forge.open_pulls("promote/") == ()
    forge.open_pull(BRANCH, base="main", title="Promote", body="")
    assert site.hub.asked() == ["OpenPulls", "CreatePull"]
    site.forge.open_pull(BRANCH, base="main", title="Promote", body="")
    assert site.hub.asked(since=2) == ["Repository", "CreatePull", "PullOfBranch"]
