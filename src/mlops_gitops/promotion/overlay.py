"""The first overlay of a slot: what turns the pointer into something that a cluster can run.

Written once, when a model first reaches an environment; from then on it belongs to people and is never touched.  An
online model becomes a KServe ``InferenceService``, a batch or stream model a ``Deployment``.  Where an environment has
targets, each has an overlay of its own, because it is they that are deployed and people make them differ.
"""

from __future__ import annotations

from mlops_gitops.manifests.release import Release
from mlops_gitops.promotion import layout

_KUSTOMIZATION = """\
# Yours to change.  mlops-gitops wrote it once and will not write it again; it rewrites release.yaml only.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - release.yaml
  - serving.yaml
replacements:
"""

_REPLACEMENT = """\
  - source: {{kind: ConfigMap, name: {model}-release, fieldPath: data.{field}}}
    targets:
      - select: {{kind: {kind}, name: {model}}}
        fieldPaths: ["{path}"]
"""

_INFERENCE_SERVICE = """\
# Yours to change.  The values that read "from release.yaml" are filled in by kustomization.yaml.
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {model}
  annotations:
    mlops-gitops/release: from release.yaml
    mlops-gitops/artifact-digest: from release.yaml
    mlops-gitops/version: from release.yaml
spec:
  predictor:
    model:
      modelFormat: {{name: {format}}}
      storageUri: from release.yaml
"""

_DEPLOYMENT = """\
# Yours to change.  The values that read "from release.yaml" are filled in by kustomization.yaml.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {model}
  annotations:
    mlops-gitops/release: from release.yaml
    mlops-gitops/artifact-digest: from release.yaml
    mlops-gitops/version: from release.yaml
spec:
  selector: {{matchLabels: {{app: {model}}}}}
  template:
    metadata: {{labels: {{app: {model}}}}}
    spec:
      containers:
        - name: model
          image: from release.yaml
          env:
            - {{name: MODEL_URI, value: from release.yaml}}
"""

_ANNOTATIONS = (
    ("release", "metadata.annotations.mlops-gitops/release"),
    ("artifactDigest", "metadata.annotations.mlops-gitops/artifact-digest"),
    ("version", "metadata.annotations.mlops-gitops/version"),
)


def files(environment: str, release: Release, *, target: str | None = None) -> dict[str, bytes]:
    """The files of the overlay of a new slot, or of a new target in it: path → bytes."""
    kind, serving, filled = _ONLINE if release.serving_pattern == "rest" else _OFFLINE
    fields = (*_ANNOTATIONS, *filled)
    model = release.name
    replacements = "".join(
        _REPLACEMENT.format(model=model, kind=kind, field=field, path=path) for field, path in fields
    )
    return {
        layout.overlay(environment, model, target): (_KUSTOMIZATION + replacements).encode(),
        f"{layout.slot(environment, model, target)}/serving.yaml": serving.format(
            model=model, format=_KSERVE_FORMATS.get(release.artifact.format, release.artifact.format)
        ).encode(),
    }


_ONLINE = ("InferenceService", _INFERENCE_SERVICE, (("artifactUri", "spec.predictor.model.storageUri"),))
_OFFLINE = (
    "Deployment",
    _DEPLOYMENT,
    (
        ("image", "spec.template.spec.containers.0.image"),
        ("artifactUri", "spec.template.spec.containers.0.env.0.value"),
    ),
)
"""Kind of resource, its first form, and which value of the pointer goes where."""

_KSERVE_FORMATS = {
    "sklearn-pickle": "sklearn",
    "xgboost-json": "xgboost",
    "lightgbm-text": "lightgbm",
    "torch-state-dict": "pytorch",
    "torch-export": "pytorch",
}
"""KServe's names of model formats, where they are not ours."""
