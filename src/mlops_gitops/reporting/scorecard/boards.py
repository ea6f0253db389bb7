"""Standings as people and programs read them.

Pull requests are named as code: a reference, or an address, would leave a mark on each of them whenever a board is
written.
"""

from __future__ import annotations

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.reporting.scorecard import charts, words
from mlops_gitops.reporting.scorecard.layout import folded, table
from mlops_gitops.reporting.scorecard.records import Score
from mlops_gitops.reporting.scorecard.standings import Entrant, Group, Standings
from mlops_gitops.reporting.scorecard.words import code

_MARKS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "❔"}
_SHOWN = 20


def markdown(board: Standings, *, mine: int | None) -> str:
    """One board, folded; ``mine`` is the pull request that is being read.  Empty where nobody is on it."""
    if not board.groups:
        return ""
    parts = [_group(one, mine) for one in board.groups[:_SHOWN]]
    if len(board.groups) > 1:
        parts.insert(0, "These were measured on different rows: **between the tables nothing can be compared.**")
    if board.absent:
        lines = [f"- {code(f'#{one.pull_request}')}: {code(one.reason)}" for one in board.absent[:_SHOWN]]
        lines += [f"- and {len(board.absent) - _SHOWN:,} more"] if len(board.absent) > _SHOWN else []
        parts.append("Not on the board:\n\n" + "\n".join(lines))
    count = sum(len(one.entrants) for one in board.groups)
    title = f"🏁 Leaderboard of {code(board.model, 80)}: {words.many(count, 'candidate')} on open pull requests"
    return folded(title, "\n\n".join(parts))


def _group(group: Group, mine: int | None) -> str:
    span = charts.reach([_score(group, one) for one in group.entrants])
    rows = [_row(index, one, group, mine, span) for index, one in enumerate(group.entrants, start=1)]
    way = {"higher": "higher is better", "lower": "lower is better"}[group.better]
    if group.leader is not None:
        told = f"{code(f'#{group.leader}')} is ahead of all others beyond noise."
    elif len(rows) > 1:
        told = "No one is ahead of all others beyond noise: do not choose by this order alone."
    else:
        told = "There is nobody to compare with."
    labels, values = [f"PR {one.pull_request}" for one in group.entrants], [one.value for one in group.entrants]
    picture = charts.bars(f"{group.metric}, {way}", labels, values) if len(rows) > 1 else ""
    note = (
        f"<sub>Intervals hold for all {len(rows)} together, at 95 % (Bonferroni). Same rows: "
        f"{code(words.release(group.data))}. From signed evidence.</sub>"
    )
    head = ("", "", "Pull request", words.plain(group.metric, 40) if group.metric.isidentifier() else "Value",
            "Change", "worse ◂ ▸ better")  # fmt: skip
    return "\n\n".join(part for part in (told, picture, table(head, rows, most=_SHOWN), note) if part)


def _row(index: int, one: Entrant, group: Group, mine: int | None, span: float) -> tuple[str, ...]:
    this = "&nbsp;👈&nbsp;this" if one.pull_request == mine else ""
    own = f"<b>{words.value(one.value)}</b><br>({words.between(one.wide)})"
    changed = ""
    if one.change is not None:
        changed = f"{words.signed(one.change)}<br>({words.between(one.change_interval, words.signed)})"
        changed += f"<br>against {code(words.release(one.champion))}" if one.champion else ""
    drawn = charts.whisker(_score(group, one), span)
    picture = f"<code>{drawn}</code>" if drawn else ""
    return str(index), _MARKS[one.verdict], code(f"#{one.pull_request}") + this, own, changed, picture


def _score(group: Group, one: Entrant) -> Score:
    return Score(group.metric, None, one.verdict, change=one.change, change_interval=one.change_interval)


def document(board: Standings) -> JSON:
    """The board for programs."""
    return {
        "model": board.model,
        "groups": [
            {
                "metric": group.metric,
                "better": group.better,
                "data": group.data,
                "leader": group.leader,
                "entrants": [_entrant(one) for one in group.entrants],
            }
            for group in board.groups
        ],
        "absent": [{"pullRequest": one.pull_request, "reason": one.reason} for one in board.absent],
    }


def _entrant(one: Entrant) -> JSON:
    return {
        "pullRequest": one.pull_request,
        "commit": one.commit,
        "release": one.release,
        "version": one.version,
        "verdict": one.verdict.value,
        "value": one.value,
        "interval": list(one.interval),
        "wide": list(one.wide),
        "change": one.change,
        "changeInterval": list(one.change_interval) if one.change_interval else None,
        "champion": one.champion,
    }
