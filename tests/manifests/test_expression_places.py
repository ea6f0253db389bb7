"""A problem inside an expression is shown where it stands in the file, however YAML quotes or folds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifest_repository import base, build, findings
from mlops_gitops.findings import Location
from mlops_gitops.manifests.rendering import render

HEAD = "      - name: mine\n        expression"
STYLES = {
    "plain": ": release.nmae == 'x' && true",
    "plain over two lines": ": release.name == 'x' &&\n          release.nmae == 'x'",
    "double": ': "release.name == \\"x\\" && release.nmae == \'x\'"',
    "single": ": 'release.name == ''x'' && release.nmae == ''x'''",
    "literal": ": |\n          release.name == 'x' &&\n            release.nmae == 'x'",
    "folded": ": >-\n          release.name == 'x' &&\n\n          release.nmae == 'x'\n          && true",
}


@pytest.mark.parametrize("style", STYLES)
def test_it_is_shown_where_it_stands(tmp_path: Path, style: str) -> None:
    build(tmp_path)
    document = base("Environment")
    document["spec"]["gates"] = "HERE"
    text = render(document).decode().replace('gates: "HERE"', f"gates:\n{HEAD}{STYLES[style]}")
    path = "environments/prod/environment.yaml"
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text, encoding="utf-8")
    (found,) = findings(tmp_path, path)
    lines = text.split("\n")
    line = next(number for number, one in enumerate(lines) if "nmae" in one)
    column = lines[line].index("nmae")
    assert found.location == Location(path, line + 1, column + 1, line + 1, column + 2)
    assert found.rule == "MG841"
    assert "did you mean 'name'?" in found.message


def test_what_is_missing_at_the_end_is_shown_behind_the_last_word(tmp_path: Path) -> None:
    build(tmp_path)
    document = base("Environment")
    document["spec"]["gates"] = [{"name": "mine", "expression": "1 +"}]
    path = "environments/prod/environment.yaml"
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_bytes(render(document))
    (found,) = findings(tmp_path, path)
    line = render(document).decode().split("\n")[found.location.line - 1]
    assert found.location.column == line.index("1 +") + 4
