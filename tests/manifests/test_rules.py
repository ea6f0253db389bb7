"""Every rule is broken by its own example, and by nothing in the corrected one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from manifest_repository import PLACES, base, build, findings, merged, write
from mlops_gitops.manifests import checking, schema
from mlops_gitops.manifests.rules.pages import pages
from mlops_gitops.manifests.rules.registry import rules

ROOT = Path(__file__).parents[2]
RULES = list(rules().values())
WITHOUT_TEXT = {"MG002", "MG003", "MG020"}
RAW = [one for one in RULES if one.id.startswith("MG0") and one.id not in WITHOUT_TEXT]
MERGED = [one for one in RULES if not one.id.startswith("MG0")]
OF_BUILD = {"MG790", "MG791", "MG792", "MG794", "MG795"}
"""What only ``build`` can find; tests/packaging/test_advisories.py breaks them by their examples."""


def parts(kind: str, example: str) -> dict[str, str]:
    """File → text of an example."""
    if not example.startswith("# file: "):
        return {PLACES[kind]: example}
    found = {}
    for part in example.split("# file: ")[1:]:
        path, _, text = part.partition("\n")
        found[path] = text
    return found


def lay_out(root: Path, kind: str, example: str) -> list[str]:
    """Write an example over the base documents; the paths written."""
    build(root)
    written = parts(kind, example)
    for path, text in written.items():
        fragment: dict[str, Any] = yaml.safe_load(text)
        place = checking.kind_of_place(f"/{path}")
        assert place is not None
        for name in ("train.py", "requirements.lock", "data/train.parquet", "data/test.parquet"):
            if place == "Model":
                file = (root / path).parent / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes((root / "models/flight-delays" / name).read_bytes())
        write(root, path, merged(base_at(place, path), fragment))
    return list(written)


def base_at(kind: str, path: str) -> dict[str, Any]:
    value = base(kind)
    if kind in {"Model", "Environment"}:
        value["metadata"]["name"] = path.split("/")[1]
    if path == "environments/dev/environment.yaml":
        value["spec"].pop("after")
        value["spec"].pop("soak")
    return value


@pytest.mark.parametrize("rule", [one for one in MERGED if one.id not in OF_BUILD], ids=lambda rule: rule.id)
def test_the_example_before_breaks_the_rule(tmp_path: Path, rule: Any) -> None:
    found = findings(tmp_path, *lay_out(tmp_path, rule.kind, rule.before))
    if rule.id in {"MG604", "MG605"}:  # about something that is missing, which the base documents have
        (tmp_path / PLACES["Model"]).write_text(rule.before)
        found = findings(tmp_path, PLACES["Model"])
    assert rule.id in {one.rule for one in found}


@pytest.mark.parametrize("rule", MERGED, ids=lambda rule: rule.id)
def test_the_example_after_breaks_nothing(tmp_path: Path, rule: Any) -> None:
    assert findings(tmp_path, *lay_out(tmp_path, rule.kind, rule.after)) == []


@pytest.mark.parametrize("rule", RAW, ids=lambda rule: rule.id)
def test_document_rules_see_the_text_itself(tmp_path: Path, rule: Any) -> None:
    build(tmp_path)
    seen = []
    for example in (rule.before, rule.after):
        (tmp_path / PLACES[rule.kind]).write_text(example)
        seen.append({one.rule for one in findings(tmp_path, PLACES[rule.kind])})
    assert rule.id in seen[0]
    assert rule.id not in seen[1]


@pytest.mark.parametrize(
    ("identity", "data"),
    [("MG002", b"kind: caf\xe9\n"), ("MG002", b"\xff\xfek\0"), ("MG003", b"#" * (1024 * 1024 + 1))],
)
def test_rules_about_bytes(tmp_path: Path, identity: str, data: bytes) -> None:
    (tmp_path / "model.yaml").write_bytes(data)
    assert [one.rule for one in findings(tmp_path, "model.yaml")] == [identity]


def test_a_dangling_link_and_a_pipe_are_findings(tmp_path: Path) -> None:
    import os

    (tmp_path / "a.yaml").symlink_to("nowhere")
    os.mkfifo(tmp_path / "b.yaml")
    assert [one.rule for one in findings(tmp_path, "a.yaml", "b.yaml")] == ["MG020", "MG020"]


@pytest.mark.parametrize("kind", schema.KINDS)
def test_the_base_documents_pass(tmp_path: Path, kind: str) -> None:
    build(tmp_path)
    write(tmp_path, PLACES[kind], base(kind))
    assert findings(tmp_path, PLACES[kind]) == []


def test_the_committed_pages_are_those_of_the_rules() -> None:
    """Run ``python -m mlops_gitops.manifests.rules.pages docs/reference/rules`` after a change of a rule."""
    folder = ROOT / "docs/reference/rules"
    assert {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.md")} == pages()


def test_every_rule_is_in_the_index_once_and_says_everything() -> None:
    index = pages()["index.md"]
    for rule in RULES:
        assert index.count(f"[{rule.id}]") == 1
        assert all((rule.name, rule.summary, rule.fix, rule.why, rule.before, rule.after))
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert len([one for one in RULES if not one.id.startswith("MG1")]) >= 30
