"""A scorecard as people read it on a pull request: the verdict first, then what decides it, long parts folded.

Words of others stand in ``<code>`` with every sign as an entity, so that nothing in them is a mention, a link, a tag or
an expression; in pictures only letters and digits are left of them.  The same scorecard gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mlops_gitops.evidence.gates import Answer
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.findings import DOCUMENTATION
from mlops_gitops.reporting.scorecard import charts, words
from mlops_gitops.reporting.scorecard.layout import Block, fitted, folded, table
from mlops_gitops.reporting.scorecard.records import Asked, Card, Move, Reading, Remark, Score, Scorecard
from mlops_gitops.reporting.scorecard.words import code

ANSWERS = {Answer.PASS: "✅", Answer.FAIL: "❌", Answer.PENDING: "❔"}
VERDICTS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "❔"}
_OUTCOMES = {
    "better": "🟢&nbsp;better",
    "worse": "🔴&nbsp;worse",
    "unclear": "⚪&nbsp;within&nbsp;noise",
    "unknown": "",
}
_MOVES = {
    "move": "moves to",
    "nothing": "stays: it runs there already, or nothing changes for",
    "pending": "waits with",
    "refused": "refuses",
    "failed": "could not be asked about",
}
LATENCY = "infra.latency"
"""The check of a quantile of the latency, in seconds."""
_SECONDS = {LATENCY, "infra.start", "infra.stop"}
_BYTES = {"infra.size", "infra.memory"}
_OPEN = 5
_ROWS = 40
_GATES = 4


def render(found: Scorecard, *, room: int, boards: Sequence[str] = (), rows: int = _ROWS) -> str:
    """The whole in at most ``room`` bytes; tables of at most ``rows`` rows.  ``boards`` are Markdown of ours."""
    single = len(found.cards) == 1
    blocks = [Block(f"### {ANSWERS[found.answer]} {words.headline(found, code)}", 100)]
    blocks += [Block(_troubles(found), 95, "checks that came to no answer")]
    for index, card in enumerate(found.cards):
        heavy = 20 if card.answer is not Answer.PASS else 0
        blocks += _card(card, weight=heavy + max(0, 20 - index), rows=rows, single=single)
    blocks += [
        Block(_remarks(found.remarks, "Other files", rows), 55, "remarks on other files"),
        Block(_approvals(found.asked), 85, "approvals"),
        *(Block(one, 35, "leaderboards") for one in boards),
        Block(_reading(found, rows), 5, "what was read"),
        Block(_foot(found), 99),
    ]
    return fitted(blocks, room=room, whole=_whole(found))


def _whole(found: Scorecard) -> str:
    link = words.repository_link(found.run.link)
    where = f"[the summary of this run]({link})" if link else "the summary of the run"
    return f"All of it is in {where}, and in its artifact."


def _card(card: Card, *, weight: int, rows: int, single: bool) -> Iterator[Block]:
    head = "" if single else f"#### {ANSWERS[card.answer]} {words.named(card, code)}\n\n"
    name = words.plain(card.model, 40) if re.fullmatch(r"[a-z0-9-]{1,40}", card.model) else "a model"
    yield Block(head + _overview(card, rows), 50 + weight, name)
    yield Block(_metrics(card, rows), 48 + weight, "metrics")
    yield Block(_remarks(card.remarks, "What to do", rows), 45 + weight, "remarks")
    yield Block(_slices(card.scores, rows), 20 + weight, "slices")
    yield Block(_readings(card.drift, "Data drift", charts.drift(card.drift), rows), 22 + weight, "drift")
    yield Block(_readings(card.serving, "Serving", "", rows), 18 + weight, "serving")
    yield Block(_moves(card.moves), 47 + weight, "what happens on merge")


def _metrics(card: Card, rows: int) -> str:
    whole = [one for one in card.scores if one.slice is None]
    tables = []
    for champion in dict.fromkeys(one.against for one in whole):
        title = f"Candidate against champion (release {code(words.release(champion))})" if champion else "Metrics"
        tables.append(_scores([one for one in whole if one.against == champion], title, rows))
    return "\n\n".join([*tables, _NOTE]) if any(one.against for one in card.scores) else "\n\n".join(tables)


def _overview(card: Card, rows: int) -> str:
    lines = [
        (VERDICTS[one.verdict], words.KINDS.get(one.kind) or code(one.kind, 40), code(one.summary))
        for one in card.parts
        if not (one.kind == "reproduction" and card.level)
    ]
    if card.level:
        level = card.level
        reached = f"reached <b>{code(level.reached, 20)}</b>" if level.reached else "no level reached"
        told = f"{reached}, promised {code(level.promised, 20)}"
        if level.verdict is not Verdict.PASS:
            told += f"<br>{code(level.summary)}"
        lines.append((VERDICTS[level.verdict], "Reproducibility", told))
    for image in card.images:
        said = f"<b>{words.size(image.size)}</b> {code(image.pattern, 20)} {code(words.release(image.digest))}"
        lines.append(("📦", "Image", said))
    slowest = [one for one in card.serving if one.id == LATENCY][:3]
    lines += [(VERDICTS[one.verdict], "Latency", f"{code(one.subject, 60)} {_against(one)}") for one in slowest]
    return table(("", "Looked at", "Found"), lines, most=rows) if lines else "Nothing was looked at."


def _against(one: Reading) -> str:
    limit = f" (limit {_amount(one, one.limit)})" if one.limit is not None else ""
    return f"<b>{_amount(one, one.observed)}</b>{limit}"


def _amount(one: Reading, number: float | None) -> str:
    if number is not None and one.id in _BYTES:
        return words.size(int(number))
    return words.amount(number) if number is None or one.id not in _SECONDS else words.duration(number)


def _what(one: Reading) -> str:
    """What was measured.  Of a column it is drift, which the title says; of an image it can be many things."""
    about = one.id.partition(".")[2] if one.id.startswith("infra.") else ""
    return code(f"{about}: {one.subject}" if about else one.subject, 80)


def _remarks(remarks: Sequence[Remark], title: str, rows: int) -> str:
    if not remarks:
        return ""
    first, rest = remarks[:_OPEN], remarks[_OPEN : rows + _OPEN]
    text = f"**{title}**\n\n" + "\n".join(map(_remark, first))
    if rest:
        hidden = len(remarks) - len(first)
        body = "\n".join(map(_remark, rest))
        beyond = f"\n\nand {hidden - len(rest):,} more" if hidden > len(rest) else ""
        text += "\n\n" + folded(f"{hidden:,} more", body + beyond)
    return text


def _remark(one: Remark) -> str:
    place = f" {code(f'{one.file}:{one.line}' if one.line else one.file, 120)}" if one.file else ""
    known = words.RULE.fullmatch(one.id)
    rule = f"[{one.id}]({DOCUMENTATION}/{one.id}.md)" if known else code(one.id, 60)
    fix = f"<br>→ {code(one.fix)}" if one.fix else ""
    return f"- {'❌' if one.error else '❔'} {rule}{place}: {code(one.message)}{fix}"


_NOTE = (
    "<sub>Change: 95 % interval, paired on the same rows. Candidate: 90 % interval. "
    "│ is the champion, ┆ the largest loss allowed.</sub>"
)


def _scores(scores: Sequence[Score], title: str, rows: int) -> str:
    """What changed stands first: on a phone, the rest is off the screen."""
    if not scores:
        return ""
    spans = {one.metric: charts.reach([other for other in scores if other.metric == one.metric]) for one in scores}
    name = "Metric" if scores[0].slice is None else "Slice"
    lines = [_score(one, spans[one.metric]) for one in scores]
    if all(one.change is None for one in scores):
        return f"**{title}**\n\n" + table(("", name, "Value"), [(*line[:2], line[4]) for line in lines], most=rows)
    head = ("", name, "Change", "worse ◂ ▸ better", "Candidate", "Champion")
    return f"**{title}**\n\n" + table(head, lines, most=rows)


def _score(one: Score, span: float) -> tuple[str, ...]:
    way = {"higher": "&nbsp;↑", "lower": "&nbsp;↓"}.get(one.better or "", "")
    name = code(one.metric, 60) + way if one.slice is None else code(one.slice, 60)
    own = f"<b>{words.value(one.candidate)}</b>" + (f"<br>({words.between(one.interval)})" if one.interval else "")
    changed = ""
    if one.change is not None:
        arrow = "▲" if one.change > 0 else "▼" if one.change < 0 else "="
        changed = f"<b>{arrow}&nbsp;{words.signed(one.change)}</b>&nbsp;{_OUTCOMES[one.outcome]}"
        if one.change_interval:
            changed += f"<br>({words.between(one.change_interval, words.signed)})"
    drawn = charts.whisker(one, span)
    picture = f"<code>{drawn}</code>" if drawn else ""
    return VERDICTS[one.verdict], name, changed, picture, own, words.value(one.champion)


def _slices(scores: Sequence[Score], rows: int) -> str:
    found = [one for one in scores if one.slice is not None]
    if not found:
        return ""
    several = len({one.against for one in found}) > 1
    parts = []
    for metric, champion in dict.fromkeys((one.metric, one.against) for one in found):
        own = [one for one in found if (one.metric, one.against) == (metric, champion)]
        way = {"higher": ", higher is better", "lower": ", lower is better"}.get(own[0].better or "", "")
        who = f", against release {code(words.release(champion))}" if several and champion else ""
        parts += [charts.slices(own), _scores(own, f"{code(metric, 60)}{way}{who}", rows)]
    bad = len({(one.metric, one.slice) for one in found if one.verdict is not Verdict.PASS})
    told = f", {bad} not passed" if bad else ", all passed"
    count = len({(one.metric, one.slice) for one in found})
    return folded(f"{words.many(count, 'slice')}{told}", "\n\n".join(part for part in parts if part))


def _readings(readings: Sequence[Reading], title: str, picture: str, rows: int) -> str:
    if not readings:
        return ""
    ordered = sorted(readings, key=lambda one: (one.verdict is Verdict.PASS, -abs(one.observed)))
    lines = [
        (VERDICTS[one.verdict], _what(one), f"<b>{_amount(one, one.observed)}</b>", _amount(one, one.limit))
        for one in ordered
    ]
    bad = sum(one.verdict is not Verdict.PASS for one in readings)
    body = table(("", "What", "Measured", "Limit"), lines, most=rows, right=(2, 3))
    told = f"{bad} of {len(readings)} beyond" if bad else f"{len(readings)} within limits"
    return folded(f"{title}: {told}", f"{picture}\n\n{body}" if picture else body, open_=bool(bad))


def _approvals(asked: Sequence[Asked]) -> str:
    if not asked:
        return ""
    lines = []
    for one in asked[:_ROWS]:
        given = f", approved by {', '.join(code(who, 60) for who in one.approved[:_GATES])}" if one.approved else ""
        mark = "⏳" if one.answer is Answer.PENDING else ANSWERS[one.answer]
        lines.append(f"- {mark} {code(one.about, 120)}{given}")
        for gap in one.missing[:_ROWS]:
            group = f" of group {code(gap.group, 60)}" if gap.group else ""
            who = " or ".join(code(name, 60) for name in gap.ask[:10]) or code(gap.why)
            lines.append(f"  - {gap.count} more{group}: {who}")
        if one.answer is not Answer.PASS and not one.missing:
            lines.append(f"  - {code(one.reason)}")
    return "**Approvals**\n\n" + "\n".join(lines)


def _moves(moves: Sequence[Move]) -> str:
    if not moves:
        return ""
    lines = []
    for one in moves[:_ROWS]:
        mark = {"move": "➡️", "nothing": "▫️", "pending": "⏳"}.get(one.outcome, "❌")
        version = code(one.version, 40) if one.version else "it"
        lines.append(f"- {mark} {code(one.environment, 60)} {_MOVES[one.outcome]} {version}")
        lines += [f"  - {code(gate, 40)}: {code(reason)}" for gate, _, reason in one.reasons[:_GATES]]
    return "**When this is merged and released**\n\n" + "\n".join(lines)


def _troubles(found: Scorecard) -> str:
    if not found.troubles:
        return ""
    lines = [
        f"- {'❔' if one.retry else '❌'} {code(one.message)}<br>→ {code(one.hint)}" for one in found.troubles[:_ROWS]
    ]
    return "**Came to no answer**\n\n" + "\n".join(lines)


def _reading(found: Scorecard, rows: int) -> str:
    """What the report rests on; open where something was left out."""
    lines = [f"- ⚠️ {code(one.file, 120)} was left out: {code(one.reason)}" for one in found.left_out[:rows]]
    lines += [f"- ⚠️ no report of {code(one, 40)} is there" for one in found.missing]
    lines += [f"- {code(one.kind, 40)}: {code(one.file, 120)}" for one in found.sources[:rows]]
    over = max(0, len(found.left_out) - rows) + max(0, len(found.sources) - rows)
    lines += [f"- and {over:,} more"] if over else []
    title = words.many(len(found.sources), "report") + " read"
    if found.left_out or found.missing:
        title += f", {len(found.left_out) + len(found.missing)} missing"
    return folded(title, "\n".join(lines), open_=bool(found.left_out or found.missing))


def _foot(found: Scorecard) -> str:
    run, parts = found.run, []
    if run.head:
        parts.append(f"head {code(run.head[:12])}")
    link = words.repository_link(run.link)
    if run.id:
        number = f"run {run.id}" + (f", attempt {run.attempt}" if run.attempt > 1 else "")
        parts.append(f"[{number}]({link})" if link else number)
    parts.append("the reports were written by jobs of this pull request; gates ask signed evidence alone")
    return f"<sub>{' · '.join(parts)}</sub>"
