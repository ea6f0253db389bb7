"""Where an image comes from: its inputs as one digest, its labels, and its SLSA provenance.  Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mlops_gitops import __version__, canonical
from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.statements import PROVENANCE, STATEMENT
from mlops_gitops.manifests.model import Model
from mlops_gitops.manifests.release import Material, Source
from mlops_gitops.packaging.digests import Artifact

MEDIA_TYPE: Final = "application/vnd.in-toto+json"
BUILD_TYPE: Final = "https://github.com/mlops-gitops/mlops-gitops/build-types/image/v1"

OURS: Final = "io.github.mlops-gitops"
INPUTS: Final = f"{OURS}.inputs"
"""The label with the digest of everything that a release names too: manifest, artifact, data, lock, commit."""

_OCI: Final = "org.opencontainers.image"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a release and its image are both made of."""

    manifest: str
    artifact: str
    dependencies: str
    data: tuple[tuple[str, str], ...]
    revision: str
    dirty: bool

    @property
    def digest(self) -> str:
        """SHA-256 over all of it."""
        return canonical.digest(
            {
                "manifest": self.manifest,
                "artifact": self.artifact,
                "dependencies": self.dependencies,
                "data": [[name, sha256] for name, sha256 in self.data],
                "revision": self.revision,
                "dirty": self.dirty,
            }
        )


def inputs(
    *, manifest: bytes, artifact: Artifact, dependencies: str, data: Sequence[Material], source: Source
) -> Inputs:
    """The inputs of a model folder."""
    return Inputs(
        canonical.sha256(manifest),
        canonical.digest([one.document() for one in artifact.files]),
        dependencies,
        tuple(sorted((one.name, one.digest) for one in data)),
        source.revision,
        source.dirty,
    )


def labels(
    model: Model, made_of: Inputs, *, source: Source, base: str | None, base_digest: str | None, created: str
) -> dict[str, str]:
    """The labels of an image, by the names of the OCI image specification and ours."""
    found = {
        f"{_OCI}.title": model.name,
        f"{_OCI}.description": model.description,
        f"{_OCI}.version": model.version,
        f"{_OCI}.licenses": model.license,
        f"{_OCI}.source": source.repository,
        f"{_OCI}.revision": source.revision,
        f"{_OCI}.created": created,
        f"{_OCI}.authors": ", ".join(f"{one.name} <{one.email}>" for one in model.owners),
        f"{OURS}.pattern": model.serving.pattern,
        INPUTS: f"sha256:{made_of.digest}",
    }
    if base is not None and base_digest is not None:
        found |= {f"{_OCI}.base.name": base, f"{_OCI}.base.digest": base_digest}
    return found


def stated(config: bytes) -> str | None:
    """The inputs that the configuration of an image states, which may be anybody's."""
    try:
        found = json.loads(config)["config"]["Labels"][INPUTS]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def statement(
    model: Model,
    made_of: Inputs,
    *,
    image: str,
    name: str,
    source: Source,
    data: Sequence[Material],
    lock: Mapping[str, str],
    base: Mapping[str, str],
    builder: str,
    created: str,
) -> bytes:
    """The in-toto statement with the SLSA provenance v1 of ``image`` (its digest), unsigned.

    It says nothing that differs between two builds of the same inputs, no time and no run: then it is the same, too.
    """
    resolved: list[JSON] = [
        {"name": "source", "uri": f"git+{source.repository}", "digest": {"gitCommit": source.revision}},
        {"name": "artifact", "uri": model.artifact.path, "digest": {"sha256": made_of.artifact}},
    ]
    resolved += [
        {"name": f"data/{one.name}", "uri": one.uri, "digest": {"sha256": one.digest}}
        for one in sorted(data, key=lambda one: one.name)
    ]
    resolved += [
        {"name": "dependencies", "uri": uri, "digest": {"sha256": sha256}} for uri, sha256 in sorted(lock.items())
    ]
    resolved += [{"name": "base", "uri": uri, "digest": {"sha256": sha256}} for uri, sha256 in sorted(base.items())]
    predicate: dict[str, JSON] = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "model": model.name,
                "version": model.version,
                "manifest": {"sha256": made_of.manifest},
                "pattern": model.serving.pattern,
            },
            "internalParameters": {"dirty": source.dirty, "created": created},
            "resolvedDependencies": resolved,
        },
        "runDetails": {"builder": {"id": builder, "version": {"mlops-gitops": __version__}}},
    }
    return canonical.encode(
        {
            "_type": STATEMENT,
            "subject": [{"name": name, "digest": {"sha256": image.removeprefix("sha256:")}}],
            "predicateType": PROVENANCE,
            "predicate": predicate,
        }
    )
