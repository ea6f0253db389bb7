"""A small repository in which every base document passes, to be broken one place at a time."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from mlops_gitops.findings import Finding
from mlops_gitops.manifests import checking, rendering, schema

PLACES = {
    "Model": "models/flight-delays/model.yaml",
    "Environment": "environments/prod/environment.yaml",
    "Trust": "trust/signers.yaml",
    "Control": "controls/prod/flight-delays.yaml",
    "Release": "releases/flight-delays/release.yaml",
    "Project": "mlops-gitops.yaml",
    "PolicyTests": "environments/prod/policy_tests.yaml",
}
TEST_SHA = "f2ca1bb6c7e907d06dafe4687e579fce76b37e4e93b7605022da52e6ccc26fd2"
HASHED = " --hash=sha256:" + "3f2a" * 16 + "\n"
SERVING = "".join(
    f"{name}==1.0.0{HASHED}"
    for name in ("mlflow", "mlserver", "mlserver-mlflow", "nats-py", "numpy", "pandas", "pyarrow")
)
FILES = {
    "train.py": "print()\n",
    "serving.lock": SERVING,
    "vulnerable.lock": f"{SERVING}example-parser==1.0.0{HASHED}",
    "weak.lock": f"{SERVING}example-reader==1.0.0{HASHED}",
    "mended.lock": f"{SERVING}example-parser==1.0.1{HASHED}example-reader==1.0.1{HASHED}",
    "small.lock": f"numpy==2.0.0{HASHED}",
    "Dockerfile": "FROM python:3.11\n",
    "Dockerfile.pinned": f"FROM python:3.11@sha256:{'3f2a' * 16} AS one\nFROM one\n",
    "requirements.lock": "numpy==2.0.0\n",
    "requirements.txt": "numpy==2.0.0\npandas>=2\n",
    "pyproject.toml": "[project]\n",
    "data/train.parquet": "train\n",
    "data/test.parquet": "test\n",
    "data/reference.parquet": "reference\n",
}


def base(kind: str) -> dict[str, Any]:
    """A document that passes: the example of its schema, with files that exist."""
    value: dict[str, Any] = copy.deepcopy(schema.document(schema.KINDS[kind])["examples"][0])
    if kind == "Model":
        for one in value["spec"]["data"]:
            del one["digest"]
        value["spec"]["metrics"] = [{"name": "roc_auc", "dataset": "test", "threshold": {"min": 0.7}}]
        value["metadata"]["license"] = "MIT"
    if kind == "Environment":
        value["spec"]["gates"] = [{"evidence": "data-tests"}]
    if kind == "Trust":
        key = {"keyid": "4fd3c81f4e04289b6b5bb17bd92968b9cf2f8194353e0bc11efd6b0ee646208f"}
        value["spec"]["signers"][0]["keys"][0] |= key
        public = "a48f634ce1122d68fc792b371bd0028b71929b85b8ab9f64c82de05b38293f6e"
        value["spec"]["signers"][0]["keys"][0]["keyval"] = {"public": public}
    return value


def merged(value: Any, fragment: Any) -> Any:
    """``fragment`` laid over ``value``: mappings are merged, everything else is replaced."""
    if isinstance(value, dict) and isinstance(fragment, dict):
        return {**value, **{key: merged(value.get(key), item) for key, item in fragment.items()}}
    if isinstance(fragment, list):
        return [_completed(one) for one in fragment]
    return fragment


def _completed(one: Any) -> Any:
    """A signer in an example leaves out what the schema wants and the rule is not about."""
    return {"groups": [], **one} if isinstance(one, dict) and "signs" in one else one


def build(root: Path) -> None:
    """The files that base documents name."""
    (root / ".git").mkdir(parents=True)
    folder = root / "models/flight-delays"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name in ("staging", "dev"):
        write(root, f"environments/{name}/environment.yaml", base("Environment") | {"metadata": {"name": name}})


def write(root: Path, path: str, value: Any) -> None:
    """One document, rendered."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(rendering.render(value))


def findings(root: Path, *paths: str) -> list[Finding]:
    """What ``validate`` finds."""
    return checking.check(checking.targets(paths, cwd=str(root)), cwd=str(root))
