"""The documentation pages of the rules, made from the rules.

``python -m mlops_gitops.manifests.rules.pages docs/reference/rules`` writes them; a test holds that what is committed
is what this writes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from mlops_gitops.manifests.rules.registry import rules
from mlops_gitops.manifests.rules.rule import Rule

_FAMILIES: tuple[tuple[str | tuple[str, ...], str, str], ...] = (
    ("MG0", "Documents", "whether it is YAML, and whether every reader reads the same from it"),
    ("MG1", "Shape", "whether it fits its schema"),
    ("MG20", "Identity", "whether the model is what its place says"),
    ("MG21", "Owners", "who answers for it"),
    ("MG3", "Data", "what made the model and what judges it"),
    ("MG40", "Paths and digests", "whether paths stay inside and lead to the files that are meant"),
    ("MG41", "Addresses", "whether they name one thing and give nothing away"),
    ("MG5", "Metrics", "whether demands can be met and can fail"),
    ("MG60", "Interface", "whether the signature makes sense"),
    (("MG61", "MG62"), "Tests", "whether the declared tests can be made"),
    ("MG63", "Tests of rows", "whether rules in SQL, keys, times, splits, labels and personal data can be tested"),
    (("MG64", "MG684"), "Tests of behaviour", "whether the declared tests of the model can be made, and can fail"),
    (("MG65", "MG685"), "Champions and features", "whether margins, looks and tests of features can say anything"),
    ("MG66", "Brought tests", "whether tests that other tools or people made stand where they can be found"),
    ("MG70", "Training", "whether it can be run safely, and again"),
    ("MG75", "Lifecycle", "how it is served, watched and taken back"),
    ("MG76", "Images", "what the serving image is made of"),
    ("MG77", "Tests of the image", "whether the declared tests of the image can be made, and can fail"),
    ("MG79", "Vulnerable packages", "whether the serving image holds packages that are known to be vulnerable"),
    ("MG80", "Policy", "whether an environment demands what it seems to demand"),
    ("MG81", "Rollouts", "whether a rollout limits, and a rollback happens, as it seems"),
    ("MG82", "Periods", "whether change windows and freezes come when they seem to come"),
    ("MG83", "Reviewers", "whether what is demanded of reviewers can be given"),
    ("MG84", "Expressions", "whether what a policy asks in CEL can be answered"),
    ("MG85", "Trust", "whether each signature stands for one person or machine"),
    ("MG86", "Promotion by pull request", "whether a pull request asks anybody anything"),
    ("MG87", "Controls", "whether each control says what it controls"),
    ("MG9", "Repository", "whether the files fit each other"),
)


def pages() -> dict[str, str]:
    """File name → text, for every rule and the index."""
    known = rules()
    return {"index.md": _index(known), **{f"{one.id}.md": _page(one) for one in known.values()}}


def _page(rule: Rule) -> str:
    return (
        f"# {rule.id} · {rule.name}\n\n"
        f"{rule.summary} ({rule.severity.value})\n\n"
        f"## Why\n\n{rule.why}\n\n"
        f"## How to fix it\n\n{rule.fix[0].upper()}{rule.fix[1:]}.\n\n"
        f"## Before\n\n```yaml\n{rule.before}```\n\n"
        f"## After\n\n```yaml\n{rule.after}```\n\n"
        "[All rules](index.md)\n"
    )


def _index(known: Mapping[str, Rule]) -> str:
    lines = [
        "# Rules",
        "",
        "What `mlops-gitops validate` looks for. An id is never reused and never changes its meaning.",
        "An error fails the command; a warning does so with `--strict`.",
    ]
    for prefix, title, about in _FAMILIES:
        found = [one for one in known.values() if one.id.startswith(prefix)]
        lines += [
            "",
            f"## {title}",
            "",
            f"{about[0].upper()}{about[1:]}.",
            "",
            "| Rule | Name | | What |",
            "|---|---|---|---|",
        ]
        lines += [f"| [{one.id}]({one.id}.md) | {one.name} | {one.severity.value} | {one.summary} |" for one in found]
    return "\n".join(lines) + "\n"


def write(folder: Path) -> None:
    """Write every page into ``folder``, and remove pages of rules that are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for old in folder.glob("*.md"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
