"""The planted faults: small trainings that each have one known cause, and controls that have none.

The trainings lie in ``tests/reproduction/faults``; ``# planted`` marks the guilty line, and ``# declares`` names the
variables that the manifest declares, where a library would bring a second cause with it.  ``benchmarks/faults.py``
measures all of them, the tests a handful.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sklearn.datasets import load_breast_cancer

from mlops_gitops.manifests.model import Model
from mlops_gitops.packaging import digests
from mlops_gitops.reproduction import canonical, ladder
from mlops_gitops.reproduction.explanation import explain
from mlops_gitops.reproduction.levels import Agreement, Level
from mlops_gitops.reproduction.reproductions import Explanation
from mlops_gitops.reproduction.trainings import Order, Run, Trainer

FOLDER = Path(__file__).parent / "reproduction" / "faults"
TORCH = Path(__file__).parents[1] / ".torch"
FEATURES = ("mean texture", "mean smoothness", "mean symmetry", "texture error")
_ARTIFACTS = {"model.pkl": "sklearn-pickle", "model.pt": "torch-state-dict", "model.txt": "lightgbm-text"}


@dataclass(frozen=True)
class Fault:
    """One planted training: its file, the factor, and the kind of the first stage that shows it.

    ``stages`` holds more than one kind where several answers are right.
    """

    name: str
    factor: str
    stages: tuple[str, ...]

    @property
    def path(self) -> Path:
        return FOLDER / "planted" / f"{self.name}.py"

    @property
    def line(self) -> int:
        """The line that is marked."""
        return next(n for n, text in enumerate(self.path.read_text().splitlines(), 1) if text.endswith("# planted"))

    @property
    def needs_torch(self) -> bool:
        return "import torch" in self.path.read_text()


_FITTED = ("fitted", "progress")
_LATE = ("fitted", "progress", "initial-weights")

FAULTS = (
    Fault("noise_without_seed", "generators", ("features",)),
    Fault("forest_without_seed", "generators", _FITTED),
    Fault("split_without_seed", "generators", ("split",)),
    Fault("rows_shuffled", "generators", ("artifact",)),
    Fault("rows_permuted", "generators", ("features",)),
    Fault("rows_sampled", "generators", ("features", "split")),
    Fault("network_without_seed", "generators", ("initial-weights",)),
    Fault("trees_seeded_by_chance", "generators", _LATE),
    Fault("trees_seeded_by_clock", "clock", _LATE),
    Fault("generator_seeded_by_clock", "clock", ("features",)),
    Fault("date_in_model", "clock", ("artifact",)),
    Fault("age_of_record", "clock", ("features",)),
    Fault("columns_from_set", "hash-seed", ("features",)),
    Fault("codes_from_set", "hash-seed", ("features",)),
    Fault("words_in_set", "hash-seed", ("artifact",)),
    Fault("words_hashed", "hash-seed", ("features",)),
    Fault("hour_in_local_time", "time-zone", ("features",)),
    Fault("text_without_encoding", "locale", ("raw-data", "features")),
    Fault("files_as_listed", "file-order", ("raw-data", "features")),
    Fault("files_as_globbed", "file-order", ("raw-data", "features")),
    Fault("sum_over_threads", "threads", ("artifact",)),
    Fault("shards_by_processors", "cpus", ("features", "fitted")),
    Fault("arithmetic_of_processor", "cpu-features", ("artifact",)),
    Fault("user_in_model", "user", ("artifact",)),
    Fault("home_in_model", "user", ("artifact",)),
    Fault("path_in_features", "folder", ("features",)),
    Fault("depth_from_environment", "environment", _FITTED),
    Fault("uuid_in_model", "entropy", ("artifact",)),
    Fault("seeded_by_system", "entropy", _FITTED),
    Fault("trees_boosted_by_clock", "clock", _LATE),
    Fault("trees_boosted_by_chance", "generators", _LATE),
    Fault("rows_bagged_by_clock", "clock", _LATE),
    Fault("columns_drawn_by_chance", "generators", _LATE),
    Fault("histograms_over_threads", "threads", _LATE),
    Fault("weights_in_parallel", "race", _LATE),
    Fault("batches_shuffled", "generators", ("features",)),
    Fault("batches_augmented", "generators", ("features",)),
    Fault("dropout_without_seed", "generators", ("progress",)),
    Fault("network_seeded_by_clock", "clock", ("initial-weights",)),
    Fault("network_seeded_by_system", "entropy", ("initial-weights",)),
    Fault("gradients_over_threads", "threads", _FITTED),
    Fault("columns_as_completed", "race", ("features",)),
    Fault("rows_as_read", "race", ("raw-data", "features")),
)
CONTROLS = tuple(sorted(path.stem for path in (FOLDER / "controls").glob("*.py")))


def prepare(training: Path, root: Path) -> tuple[Path, Model]:
    """A repository at ``root`` with one model that ``training`` trains: the model's folder and its manifest."""
    folder = root / "models" / "cancer"
    (folder / "data" / "parts").mkdir(parents=True)
    text = training.read_text()
    (folder / "train.py").write_text(text)
    (folder / "requirements.lock").write_text("numpy==2.4.6\n")
    frame = load_breast_cancer(as_frame=True).frame
    chosen = frame[list(FEATURES)].assign(benign=frame["target"].astype(bool))
    chosen.to_csv(folder / "data" / "train.csv", index=False)
    for number in range(8):
        chosen.iloc[number::8].to_csv(folder / "data" / "parts" / f"part-{number}.csv", index=False)
    places = [f"Zürich {n}é" * (n % 3 + 1) if n % 2 else f"Basel {n}" for n in range(40)]
    (folder / "data" / "places.txt").write_text("\n".join(places), encoding="utf-8")
    for words in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    return folder, Model.from_value(_manifest(folder, text))


def explained(trainer: Trainer, model: Model, folder: Path, *, can: frozenset[str]) -> Explanation:
    """Train twice, and explain."""
    from mlops_gitops.reproduction import source

    first, second = trainer.train(Order("first")), trainer.train(Order("second"))
    assert first.artifact is not None, f"it does not train, so nothing is measured: {first.log.read_text()[-2000:]}"
    return explain(
        trainer,
        compare=canonically,
        demanded=Level.CANONICAL,
        suspects=source.suspects({"models/cancer/train.py": (folder / "train.py").read_text()}),
        first=first,
        second=second,
        can=can,
        progress=lambda _: None,
        declared=model.training.environment,
    )


def canonically(left: Run, right: Run) -> Agreement:
    """How far two runs agree, down to the canonical level."""
    assert left.artifact is not None
    assert right.artifact is not None
    files = digests.of_artifact(left.artifact), digests.of_artifact(right.artifact)
    rungs = [ladder.bitwise(*files)]
    compared = canonical.compare(left.artifact, right.artifact, left_files=files[0], right_files=files[1])
    rungs.append(ladder.canonical(compared))
    return ladder.climb(files[0].digest, files[1].digest, rungs, files=compared)


@dataclass
class Counting:
    """Counts the runs of a trainer, and says nothing else about them."""

    trainer: Trainer
    runs: int = 0

    def train(self, order: Order, /) -> Run:
        self.runs += 1
        return self.trainer.train(order)


def reproduced(training: Path, scratch: Path) -> tuple[Explanation, int]:
    """Explain a training with the real trainer, in the environment that this runs in, and count the runs."""
    from mlops_gitops.adapters import trainings

    folder, model = prepare(training, scratch / "repository")
    environ = {"PATH": os.environ["PATH"], "HOME": str(scratch)}
    trainer = trainings.trainer(
        model,
        folder=folder,
        root=scratch / "repository",
        revision=None,
        scratch=scratch / "runs",
        environ=environ,
        lock_environments=scratch / "environments",
        environment=Path(sys.executable).parents[1],
        seconds=120,
        progress=lambda _: None,
    )
    counting = Counting(trainer)
    found = explained(counting, model, folder, can=trainings.supported(environ))
    return found, counting.runs


def named(fault: Fault, found: Explanation) -> tuple[bool, bool, bool]:
    """Whether exactly the planted factor is named, whether at its stage, and whether on its line."""
    if [one.factor for one in found.causes] != [fault.factor]:
        return False, False, False
    (cause,) = found.causes
    stage = (cause.stage or "artifact").partition("#")[0] in fault.stages
    line = cause.place is not None and (cause.place.file, cause.place.line) == ("models/cancer/train.py", fault.line)
    return True, stage, line


def _manifest(folder: Path, text: str) -> dict[str, object]:
    artifact = next((name for name in _ARTIFACTS if f'"{name}"' in text), "model.json")
    environment = {"PYTHONPATH": str(TORCH)} if "import torch" in text else {}
    declared = re.search(r"^# declares (.+)$", text, re.MULTILINE)
    environment |= dict(word.split("=") for word in declared[1].split()) if declared else {}
    data = folder / "data" / "train.csv"
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    return {
        "apiVersion": "mlops-gitops/v1",
        "kind": "Model",
        "metadata": {
            "name": "cancer",
            "version": "1.0.0",
            "description": "Is this tumour benign?",
            "owners": [{"name": "Ada Example", "email": "ada@example.com", "role": "owner"}],
            "license": "Apache-2.0",
            "riskTier": "limited",
        },
        "spec": {
            "training": {"entrypoint": ["python", "train.py"], "timeout": "PT1M", "environment": environment},
            "dependencies": {"lock": "requirements.lock"},
            "data": [{"name": "train", "role": "training", "uri": "data/train.csv", "digest": {"sha256": digest}}],
            "artifact": {"format": _ARTIFACTS.get(artifact, "xgboost-json"), "path": artifact},
            "interface": {
                "inputs": [{"name": name, "type": "double"} for name in FEATURES],
                "outputs": [{"name": "probability", "type": "double"}],
            },
            "task": "binary-classification",
            "metrics": [{"name": "roc_auc", "dataset": "train", "threshold": {"min": 0.5}}],
            "serving": {"pattern": "rest"},
        },
    }
