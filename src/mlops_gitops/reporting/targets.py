"""The targets inside an environment, as people and programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_gitops import times
from mlops_gitops.canonical import JSON

if TYPE_CHECKING:  # who promotes meets none of them
    from mlops_gitops.promotion.rows import Standing
    from mlops_gitops.promotion.status import Running


def progress(one: Running) -> str:
    """How many targets run what the environment runs, and which other versions the rest does."""
    named = [target for target in one.targets if target.wave is not None]
    if not named:
        return "-"
    others = sorted({target.version or "nothing" for target in named if target.release != one.release})
    count = sum(target.release == one.release for target in named)
    return f"{count} of {len(named)}" + (f" (others: {', '.join(others)})" if others else "")


def text(one: Standing) -> str:
    """One target as a line."""
    where = f"wave {one.wave}" if one.wave is not None else "no longer in the policy"
    since = f" since {times.format_instant(one.since)}" if one.since else ""
    return f"target {one.name} ({where}) runs {f'release {one.release[:12]}' if one.release else 'nothing'}{since}"


def document(targets: Sequence[Standing]) -> list[JSON]:
    """Targets with what each runs, as JSON."""
    return [
        {
            "name": one.name,
            "wave": one.wave,
            "release": one.release,
            "version": one.version,
            "since": times.format_instant(one.since) if one.since else None,
        }
        for one in targets
    ]
