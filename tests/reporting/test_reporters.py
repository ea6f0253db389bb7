"""Every reporter has a golden file, and nothing that a file holds changes how a report is read.

``MG_GOLDEN=write pytest tests/reporting`` writes the golden files again; read them before committing.
"""

from __future__ import annotations

import html
import json as json_module
import os
import re
from functools import partial
from pathlib import Path

import pytest

import outputs
from mlops_gitops.findings import Finding, Location, Severity
from mlops_gitops.reporting import github, json, markdown, sarif, text
from mlops_gitops.reporting.result import Result

GOLDEN = Path(__file__).parent / "golden"
ERROR, WARNING = Severity.ERROR, Severity.WARNING
SOURCES = {"models/a b/model.yaml": ["kind: Model", "metadata:", "  version: 1.10", "  tags: {a: 2026-01-01}"]}
FINDINGS = (
    Finding("MG012", ERROR, Location("models/a b/model.yaml", 3, 12, 3, 16), "1.10 is a number", 'write "1.10"'),
    Finding("MG016", WARNING, Location("models/a b/model.yaml", 4, 13, 4, 23), "2026-01-01 is a date", "quote it"),
    Finding("MG020", ERROR, Location("trust/signers.yaml"), "the file cannot be opened", "check that it exists"),
)
HOSTILE = "a|b\r\n::error::x @ada <b>#1</b> `c` [l](http://e.example) %0A \x1b[31m **bold** www.example.com _e_"


def line(file: str, number: int) -> str | None:
    lines = SOURCES.get(file, [])
    return lines[number - 1] if number <= len(lines) else None


RENDERERS = {
    "text": partial(text.render, line=line),
    "json": json.render,
    "github": github.render,
    "sarif": sarif.render,
    "markdown": markdown.render,
}


@pytest.mark.parametrize("name", RENDERERS)
@pytest.mark.parametrize("case", ["some", "none"])
def test_golden(name: str, case: str) -> None:
    written = RENDERERS[name](Result(FINDINGS if case == "some" else (), 3)) + "\n"
    file = GOLDEN / f"{case}.{name}"
    if os.environ.get("MG_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(written, encoding="utf-8")
    assert written == file.read_text(encoding="utf-8")


def hostile() -> Result:
    return Result((Finding("MG001", ERROR, Location(f"models/{HOSTILE}", 1, 1, 1, 2), HOSTILE, HOSTILE),), 1)


def test_text_holds_no_control_characters() -> None:
    shown = text.render(hostile(), line=lambda _, __: f"a: {HOSTILE}")
    assert all(one.isprintable() or one == "\n" for one in shown)
    assert not any(one.startswith("::") for one in shown.splitlines())


def test_text_does_not_repeat_a_secret() -> None:
    found = Finding("MG702", ERROR, Location("a.yaml", 1, 1, 1, 2), "the value of A looks like a secret", "remove it")
    assert "hunter2" not in text.render(Result((found,), 1), line=lambda _, __: "A: hunter2")


def test_a_long_line_is_shown_around_the_mark() -> None:
    found = Finding("MG001", ERROR, Location("a.yaml", 1, 5001, 1, 5004), "x", "y")
    shown = text.render(Result((found,), 1), line=lambda _, __: "a" * 5000 + "bad" + "a" * 5000).splitlines()
    assert max(map(len, shown)) < 200
    assert shown[1][shown[2].index("^") : shown[2].rindex("^") + 1] == "bad"


def test_github_commands_cannot_be_made_by_a_file() -> None:
    lines = github.render(hostile()).splitlines()
    assert len(lines) == 2
    command = re.fullmatch(r"::error ([^:]*)::(.*)", lines[0])
    assert command is not None
    properties = dict(one.split("=", 1) for one in command[1].split(","))
    assert set(properties) == {"file", "line", "col", "endColumn", "title"}
    decoded = properties["file"].replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",")
    assert decoded.replace("%25", "%") == f"models/{HOSTILE}"


def test_github_shows_the_worst_ten_of_each_and_counts_the_rest() -> None:
    many = tuple(
        Finding("MG001", severity, Location("a.yaml", number), f"{severity.value} {number}", "fix")
        for number in range(1, 26)
        for severity in (WARNING, ERROR)
    )
    lines = github.render(Result(many, 1)).splitlines()
    assert [one.split(" ")[0] for one in lines[:20]] == ["::error"] * 10 + ["::warning"] * 10
    assert lines[20] == "::notice title=mlops-gitops::and 30 more; `mlops-gitops validate` shows all of them"


def test_markdown_from_a_file_is_letters_and_entities_only() -> None:
    shown = markdown.render(hostile())
    row = shown.splitlines()[-1]
    cells = re.findall(r"<code>(.*?)</code>", row)
    assert len(cells) == 3
    for cell in cells:
        assert re.fullmatch(r"(?:[A-Za-z0-9 ]|&#\d+;)*", cell)
    assert html.unescape(cells[1]) == " ".join(HOSTILE.split()).replace("\x1b", "\N{REPLACEMENT CHARACTER}")
    outside = re.sub(r"<code>.*?</code>", "", row)
    assert "ada" not in outside


def test_markdown_always_fits_a_job_summary() -> None:
    one = Finding("MG001", ERROR, Location("é" * 3000), "é" * 3000, "é" * 3000)
    assert len(markdown.render(Result((one,) * 5000, 1)).encode()) < 2**20 * 4


def test_json_fits_its_schema() -> None:
    for result in (Result(FINDINGS, 3), Result((), 0), hostile()):
        outputs.checked(["validate"], 1, json.render(result))


def test_sarif_names_every_rule_once_and_points_at_it() -> None:
    run = json_module.loads(sarif.render(Result((*FINDINGS, FINDINGS[0]), 3)))["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [one["id"] for one in rules] == ["MG012", "MG016", "MG020"]
    for one in run["results"]:
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "models/a%20b/model.yaml"
