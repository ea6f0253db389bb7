"""The pointer: the one small file that says which release runs in an environment.

It is a ``ConfigMap`` that stays out of the cluster (``local-config``) and is read by Kustomize ``replacements``, so
that stock Kustomize, Argo CD and Flux render it without a plug-in.  It is made from the release alone, which makes it
byte-identical in every environment: to promote is to copy it, and drift is a comparison of blobs.
"""

from __future__ import annotations

import json
from functools import lru_cache

from mlops_gitops.errors import Refused
from mlops_gitops.manifests.release import Release


def render(release: Release) -> bytes:
    """The pointer file of a release.  Every value is a JSON string, which is a YAML string that cannot be misread."""
    artifact = release.artifact
    data = {
        "release": release.id,
        "version": release.version,
        "artifactUri": artifact.uri,
        "artifactDigest": f"sha256:{artifact.digest}",
        "artifactFormat": artifact.format,
        "image": release.image.reference if release.image else "",
        "revision": release.source.revision,
        "servingPattern": release.serving_pattern,
    }
    lines = [
        "apiVersion: v1",
        "kind: ConfigMap",
        "metadata:",
        f"  name: {json.dumps(f'{release.name}-release')}",
        "  annotations:",
        '    config.kubernetes.io/local-config: "true"',
        "data:",
        *(f"  {key}: {json.dumps(value, ensure_ascii=False)}" for key, value in data.items()),
    ]
    return ("\n".join(lines) + "\n").encode()


@lru_cache(maxsize=4096)
def release_id(data: bytes, *, path: str) -> str:
    """The release that a pointer file names.  Raises ``Refused`` where it names none."""
    for line in data.decode(errors="replace").splitlines():
        key, _, value = line.strip().partition(": ")
        if key == "release" and value[:1] == value[-1:] == '"':
            return value[1:-1]
    raise Refused(
        f"{path} does not name a release",
        hint="it is written by `mlops-gitops promote` only; restore it from git history",
        code="pointer",
    )
