"""What ``build`` made last of which inputs, so that ``test infra`` finds the image without being told its digest.

A file in the cache for each set of inputs; a lost one costs a build, which makes the same image again.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from mlops_gitops.cli import session
from mlops_gitops.cli.world import World

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image by digest; ``id`` is that of its configuration, ``loaded`` its name in the engine that had it.

    ``pushed`` is its name in a registry, without tag and digest.
    """

    digest: str
    id: str
    pushed: str | None
    loaded: str | None


def remember(inputs: str, image: BuiltImage, world: World) -> None:
    """Keep it for ``inputs`` (a SHA-256); one that was pushed stays known when the same is only loaded later."""
    from mlops_gitops.adapters import image_bases

    before = recalled(inputs, world)
    if before is not None and before.digest == image.digest:
        image = BuiltImage(image.digest, image.id, image.pushed or before.pushed, image.loaded or before.loaded)
    image_bases.write(_place(inputs, world), json.dumps(asdict(image)).encode())


def recalled(inputs: str, world: World) -> BuiltImage | None:
    """What was made of ``inputs`` on this machine; a damaged file counts as none."""
    try:
        found = BuiltImage(**json.loads(_place(inputs, world).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    sound = isinstance(found.digest, str) and _DIGEST.fullmatch(found.digest) and isinstance(found.id, str)
    return found if sound else None


def _place(inputs: str, world: World) -> Path:
    return session.cache(world) / "images" / "built" / f"{inputs}.json"
