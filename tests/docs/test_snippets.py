"""Documents and workflows that the pages show are ones that their readers accept."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import estate
from mlops_gitops.manifests import reading, schema
from mlops_gitops.manifests.rendering import render
from prose import PAGES, fences, named

SNIPPETS = [
    pytest.param(body, id=f"{named(page)}-{number}")
    for page in PAGES
    if "rules" not in page.parts
    for number, body in enumerate(fences(page.read_text(encoding="utf-8"), "yaml"))
]


def test_there_are_snippets_of_each_sort() -> None:
    found = [yaml.safe_load(one.values[0]) for one in SNIPPETS]
    assert sum(_kind(one) is not None for one in found) >= 2
    assert sum(_is_part_of_a_policy(one) for one in found) >= 2
    assert sum(_is_workflow(one) for one in found) >= 5


@pytest.mark.parametrize("body", SNIPPETS)
def test_a_document_fits_its_schema(body: str) -> None:
    found = yaml.safe_load(body)
    kind = _kind(found)
    if kind is not None:
        assert reading.read(kind, body.encode(), path="shown.yaml")
    elif _is_part_of_a_policy(found):
        assert reading.read("environment", render(estate.environment("prod", **found)), path="shown.yaml")


def test_workflows_fit_the_schema_of_workflows(tmp_path: Path) -> None:
    files = []
    for number, one in enumerate(SNIPPETS):
        if _is_workflow(yaml.safe_load(one.values[0])):
            file = tmp_path / f"{number}.yml"
            file.write_text(one.values[0], encoding="utf-8")
            files.append(str(file))
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *files]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_job_that_runs_a_command_of_ours_has_it() -> None:
    """A runner has no ``mlops-gitops``."""
    seen = 0
    for one in SNIPPETS:
        found = yaml.safe_load(one.values[0])
        for job in found["jobs"].values() if _is_workflow(found) else ():
            script = "\n".join(step.get("run", "") for step in job.get("steps", ()))
            first = re.search(r"^\s*mlops-gitops ", script, flags=re.MULTILINE)
            if first is not None:
                assert "pip install" in script[: first.start()], one.id
                seen += 1
    assert seen >= 5


def _kind(found: object) -> str | None:
    """The schema of a whole document of ours."""
    ours = isinstance(found, dict) and str(found.get("apiVersion", "")).startswith("mlops-gitops/")
    return schema.KINDS[found["kind"]] if ours and isinstance(found, dict) else None


def _is_part_of_a_policy(found: object) -> bool:
    return isinstance(found, dict) and set(found) <= {
        "gates",
        "derived",
        "windows",
        "freezes",
        "rollout",
        "rollback",
        "after",
        "soak",
        "undisturbed",
    }


def _is_workflow(found: object) -> bool:
    return isinstance(found, dict) and "jobs" in found
