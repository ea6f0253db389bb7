"""The deterministic settings: the page is current, and a training finds in force what it says is applied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_gitops.adapters import training_variables
from mlops_gitops.reproduction import deterministic
from mlops_gitops.reproduction.deterministic import SETTINGS
from mlops_gitops.reproduction.trainings import Conditions
from prose import ROOT
from torch_folder import torch_folder
from training_runs import trained

SEEN = {
    ("Python", "random.seed(0)"): "import random\nseen = [random.random(), random.Random(0).random()]",
    ("Python", "random.Random(0)"): "import random\nseen = [random.Random().random()] * 2",
    ("NumPy", "numpy.random.seed(0)"): (
        "import numpy\nseen = [numpy.random.random(), numpy.random.RandomState(0).random()]"
    ),
    ("NumPy", "numpy.random.default_rng(0)"): "import numpy\nseen = [numpy.random.default_rng().random()] * 2",
    ("scikit-learn", "random_state=0"): (
        "from sklearn.utils import check_random_state, shuffle\n"
        "import numpy\nseen = [shuffle(range(99)), shuffle(range(99), random_state=numpy.random.RandomState(0))]"
    ),
    ("XGBoost", "seed=0"): (
        "import json, xgboost\nfound = xgboost.train({}, xgboost.DMatrix([[1], [2]], [0, 1]), 1)\n"
        "seen = [json.loads(found.save_config())['learner']['generic_param']['seed'], '0']"
    ),
    ("PyTorch", "torch.manual_seed(0)"): "import torch\nseen = [torch.initial_seed(), 0]",
    ("PyTorch", "torch.use_deterministic_algorithms(True, warn_only=True)"): (
        "import torch\nseen = [torch.are_deterministic_algorithms_enabled(), True]\n"
        "assert torch.is_deterministic_algorithms_warn_only_enabled()"
    ),
    ("PyTorch on CUDA", "torch.backends.cudnn.deterministic = True"): (
        "import torch\nseen = [torch.backends.cudnn.deterministic, True]"
    ),
    ("PyTorch on CUDA", "torch.backends.cudnn.benchmark = False"): (
        "import torch\nseen = [torch.backends.cudnn.benchmark, False]"
    ),
}
"""A training that says what it finds, and what it should find, as a pair; the same twice for what is derived."""
_BOOSTED = (
    "import lightgbm, numpy\ndata = lightgbm.Dataset(numpy.arange(99.0)[:, None], numpy.arange(99))\n"
    "found = lightgbm.train({'verbose': -1}, data, 1)\n"
)
SEEN |= {
    ("LightGBM", setting): f"{_BOOSTED}seen = [{said}, True]"
    for setting, said in {
        "deterministic=true": "'[deterministic: 1]' in found.model_to_string()",
        "force_row_wise=true": "'[force_row_wise: 1]' in found.model_to_string()",
        "seed=0": "'[bagging_seed: 3]' not in found.model_to_string()",  # from the seed, in place of its constant
    }.items()
}
VARIABLES = {
    ("Python", 'PYTHONHASHSEED: "0"'): ("PYTHONHASHSEED", "0"),
    ("PyTorch on CUDA", 'CUBLAS_WORKSPACE_CONFIG: ":4096:8"'): ("CUBLAS_WORKSPACE_CONFIG", ":4096:8"),
}
_THE_SAME_WITHOUT = {("XGBoost", "seed=0"), ("PyTorch on CUDA", "torch.backends.cudnn.benchmark = False")}
"""What is so in any case, and is set so that it stays so."""


def test_the_page_is_current() -> None:
    page = ROOT / "docs" / "reference" / "deterministic-settings.md"
    text = page.read_text(encoding="utf-8")
    assert text == deterministic.page(text), "not current: run `./dev docs`"
    with pytest.raises(ValueError, match="needs the lines"):
        deterministic.page("# A page\n")


def test_every_setting_that_is_said_to_be_applied_is_looked_at() -> None:
    assert {(one.library, one.setting) for one in SETTINGS if one.applied} == {*SEEN, *VARIABLES}
    assert {"scikit-learn", "XGBoost", "LightGBM", "PyTorch", "PyTorch on CUDA", "NumPy", "Python"} <= {
        one.library for one in SETTINGS
    }


@pytest.mark.parametrize("which", SEEN, ids=" ".join)
def test_a_training_finds_in_force_what_is_applied(which: tuple[str, str], tmp_path: Path) -> None:
    torch = torch_folder() if "torch" in SEEN[which] else None
    code = f"{SEEN[which]}\nimport json; print(json.dumps([str(one) for one in seen]))\n"
    first = trained(tmp_path, code, torch=torch, traced=False, deterministic=True)
    assert first.code == 0, first.output
    found, wanted = json.loads(first.output)
    assert found == wanted
    if found not in {"True", "False"}:  # a number that came of a seed
        assert trained(tmp_path, code, torch=torch, traced=False, deterministic=True).output == first.output
    bare = trained(tmp_path, code, torch=torch, traced=False)
    assert (bare.output == first.output) == (which in _THE_SAME_WITHOUT)


@pytest.mark.parametrize("which", VARIABLES, ids=" ".join)
def test_a_training_is_given_the_variables_unless_it_declares_them(which: tuple[str, str]) -> None:
    name, value = VARIABLES[which]
    assert training_variables.DETERMINISTIC[name] == value
    places = {"path": (), "home": Path("/h"), "tmp": Path("/t")}
    asked, plain = Conditions(deterministic=True), Conditions()
    assert training_variables.variables({}, asked, **places)[name] == value  # type: ignore[arg-type]
    assert training_variables.variables({name: "x"}, asked, **places)[name] == "x"  # type: ignore[arg-type]
    assert name not in training_variables.variables({}, plain, **places)  # type: ignore[arg-type]


OWN = """
import random, lightgbm, xgboost, numpy
random.seed(5), numpy.random.seed(5)
print(random.random() == random.Random(5).random(), numpy.random.random() == numpy.random.RandomState(5).random())
data = lightgbm.Dataset(numpy.arange(99.0)[:, None], numpy.arange(99))
text = lightgbm.train({'verbose': -1, 'random_state': 7, 'force_col_wise': True}, data, 1).model_to_string()
print('[seed: 7]' in text, '[force_row_wise: 0]' in text)
print('"seed":"7"' in xgboost.train({'random_state': 7}, xgboost.DMatrix([[1], [2]], [0, 1]), 1).save_config())
"""


def test_what_a_training_sets_itself_wins(tmp_path: Path) -> None:
    found = trained(tmp_path, OWN, traced=False, deterministic=True)
    assert found.output.split() == ["True"] * 5, found.output
