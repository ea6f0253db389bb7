"""What a reader needs first: the verdict, the ladder, what went wrong, what caused it, and how to run it again."""

from __future__ import annotations

from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.reporting import reproduction_words as words
from mlops_gitops.reporting.page import pictures
from mlops_gitops.reporting.page.elements import badge, code, digest, folded, section, shown, table
from mlops_gitops.reproduction import checks, factors
from mlops_gitops.reproduction.levels import Agreement
from mlops_gitops.reproduction.reproductions import Cause, Experiment, Explanation, Reproduction

_KINDS = {Verdict.PASS: "holds", Verdict.FAIL: "broken", Verdict.INCONCLUSIVE: "open"}


def verdict(found: Reproduction) -> str:
    """The verdict, and what may be promised now."""
    answer = checks.verdict(found)
    tip = words.suggestion(found)
    return (
        f'<header class="{_KINDS[answer]}"><p class="kicker">Trained again, and compared</p>'
        f'<h1><span class="mark">{words.VERDICTS[answer]}</span>{shown(words.headline(found))}</h1>'
        f"<p>{shown(words.compared(found))}</p></header>" + (f'<p class="tip">{shown(tip)}</p>' if tip else "")
    )


def ladder(found: Reproduction, agreement: Agreement) -> str:
    """The four levels, strictest on top, each as a rung that holds, is broken or is not known."""
    rows = []
    for one in agreement.rungs:
        kind = one.answer.value
        marks = badge(kind, f"{words.MARKS[one.answer]} {words.ANSWERS[one.answer]}")
        marks += " " + badge("promise", "promised") if one.level is found.demanded else ""
        marks += " " + badge("plain", "reached") if one.level is found.reached else ""
        picture = (
            f'<svg viewBox="0 0 100 40" preserveAspectRatio="none" aria-hidden="true">{pictures.rung(one.answer)}</svg>'
        )
        rows.append(
            f'<li><div class="rung">{picture}</div><div class="words"><b>{one.level.value}</b>{marks}'
            f"<p>{shown(one.message)}</p></div></li>"
        )
    note = "Strictest on top. What holds on one rung holds on every rung below it."
    return section("ladder", "How far they agree", f'<ol class="ladder">{"".join(rows)}</ol>', note=note)


def problems(found: Reproduction) -> str:
    """What was wrong with a run."""
    blocks = []
    for one in found.problems[:100]:
        kind = badge("broken", "nothing to compare") if one.fatal else ""
        kind = kind or (badge("open", "compared all the same") if found.agreement else "")
        where = f"<p>{code(words.place(one.place), 200)}</p>" if one.place else ""
        blocks.append(
            f'<div class="card"><h3>{one.trouble.value} {kind}</h3><p>{shown(one.message, 1000)}</p>{where}'
            f"<p><b>What to do:</b> {shown(one.fix, 600)}</p></div>"
        )
    return section("problems", "What went wrong", "\n".join(blocks))


def causes(explanation: Explanation) -> str:
    """Where the difference comes from, and the fix."""
    cards = "\n".join(_cause(one) for one in explanation.causes[:50])
    return section("causes", "Where it comes from", f"<p>{shown(explanation.summary, 1000)}</p>{cards}")


def _cause(one: Cause) -> str:
    where = ""
    if one.place is not None:
        seen = badge("broken", "seen at work") if one.certain else badge("open", "read in the code")
        line = f"<pre>{one.place.line} | {shown(one.place.text.strip(), 300)}</pre>" if one.place.text else ""
        where = f"<p>{code(words.place(one.place), 200)} {seen}</p>{line}"
    stage = f"<p>The first stage that differs: <b>{shown(words.stage(one.stage), 80)}</b>.</p>" if one.stage else ""
    return (
        f'<div class="card"><h3>{shown(factors.title(one.factor), 120)}</h3>'
        f"<p>{shown(one.message, 600)}</p>{where}{stage}"
        f"<p><b>Fix:</b></p><pre>{shown(one.fix, 600)}</pre></div>"
    )


def experiments(explanation: Explanation) -> str:
    """What was varied, and what it changed."""
    rows = [
        (
            shown(factors.title(one.factor), 120),
            shown(one.left, 120),
            shown(one.right, 120),
            _outcome(one),
            shown(words.stage(one.first_stage), 80) if one.first_stage else "-",
        )
        for one in explanation.experiments[:200]
    ]
    heads = ("Varied", "One run", "The other", "Agreement", "First stage that differs")
    return section("experiments", "What was tried", table(heads, rows) if rows else "")


def _outcome(one: Experiment) -> str:
    if one.problem:
        return f"{badge('open', 'not made')} {shown(one.problem, 200)}"
    return badge("plain", one.level.value) if one.level else badge("broken", "none")


def runs(found: Reproduction) -> str:
    """The trainings themselves: how long, how kept apart, and where their logs are."""
    rows = [
        (
            shown(one.name, 60),
            "-" if one.exit_code is None else str(one.exit_code),
            f"{words.span(one.seconds)} (+ {words.span(one.overhead)} of ours)",
            shown(one.started, 40),
            digest(one.digest),
            code(f"{one.log.parent.name}/{one.log.name}", 160),
        )
        for one in words.runs(found)
    ]
    heads = ("Run", "Exit", "Time", "Started", "Artifact", "Log")
    kept = dict.fromkeys(one.isolation for one in words.runs(found) if one.isolation)
    isolation = "".join(f"<p><b>Kept apart:</b> {shown(one, 600)}</p>" for one in kept)
    return section("runs", "The trainings", (table(heads, rows) if rows else "") + isolation)


def again(found: Reproduction) -> str:
    """The commands that do it again."""
    lines = [f"git switch --detach {words.said(found.revision, 64)}", words.again(found)]
    explain = folded("and find what makes them differ", f"<pre>{shown(words.again(found, '--explain'))}</pre>")
    commands = "\n".join(shown(one) for one in lines)
    return section("again", "Run it again", f"<pre>{commands}</pre>{explain if found.explanation is None else ''}")
