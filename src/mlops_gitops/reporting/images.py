"""Built images for people, from the document that programs get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MEGABYTES = 100_000
"""From so many bytes on, sizes are told in megabytes."""


def text(image: Mapping[str, Any]) -> str:
    """One image of what ``build --format json`` prints."""
    lines = [f"{image['model']} {image['version']}: {image['digest']} ({_size(image['size'])}, {image['pattern']})"]
    for one in image["layers"]:
        words = f"  {_size(one['size']):>10}  {one['digest'][7:19]}  {one['title']:<32} {one['state'] or ''}"
        lines.append(words.rstrip())
    lines += [f"  {one['severity']} {one['rule']} at {one['location']}: {one['message']}" for one in image["findings"]]
    if image["vulnerabilities"] is not None:
        lines.append(_compared(image["vulnerabilities"]))
    pushed, loaded = image["pushed"], image["loaded"]
    if pushed is not None:
        sent = f"pushed {pushed['blobs']} blobs, {_size(pushed['bytes'])}" if pushed["new"] else "was there already"
        lines.append(f"  {sent}: {pushed['reference']}")
        lines.append(f"  release it: mlops-gitops release {image['model']} --image {pushed['reference']}")
    if loaded is not None:
        lines.append(f"  loaded as {loaded}")
    if pushed is None and loaded is None:
        lines.append("  neither pushed nor loaded: --push REGISTRY or --load")
    return "\n".join(lines)


def _compared(found: Mapping[str, Any]) -> str:
    """What the packages were compared with, how old that is, and what came of it."""
    known = [f"{one['name']} ({one['records']:,} records, {_age(one['age'])})" for one in found["databases"]]
    held = sum(one["accepted"] is not None for one in found["found"])
    counted = f"{len(found['found'])} known vulnerabilities{f', {held} of them accepted' if held else ''}"
    return f"  compared {found['packages']} packages with {' and '.join(known)}: {counted}"


def _age(days: int | None) -> str:
    if days is None:
        return "of unknown age"
    return f"the newest {days} day{'' if days == 1 else 's'} old"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= _MEGABYTES else f"{count / 1e3:.1f} kB"
