import pytest
from hypothesis import given
from hypothesis import strategies as st

import reproduction_faults
from mlops_gitops.reproduction import causes, source


def found(text: str) -> list[tuple[str, int]]:
    return [(one.kind, one.place.line) for one in source.suspects({"train.py": text})]


SUSPICIOUS = {
    "from numpy.random import default_rng as make\nmake()": "generator",
    "import numpy as np\nnp.random.RandomState(None)": "generator",
    "import random\nrandom.choice([1, 2])": "generator",
    "from sklearn.model_selection import KFold\nKFold(shuffle=True, random_state=None)": "generator",
    "from torch import nn\nnn.Linear(2, 1)": "generator",
    "import torch.nn.functional as F\nF.dropout(x)": "generator",
    "from torch.utils.data import DataLoader\nDataLoader(rows, shuffle=True)": "generator",
    "import torch\ntorch.seed()": "entropy",
    "loss = ...\nloss.backward()": "threads",
    "import lightgbm\nlightgbm.train({}, data)": "threads",
    "from xgboost import XGBClassifier\nXGBClassifier(n_jobs=2)": "threads",
    "import secrets\nsecrets.token_hex()": "entropy",
    "from datetime import datetime\ndatetime.now()": "clock",
    "from datetime import datetime\ndatetime.fromtimestamp(0)": "time-zone",
    "import os\nfor name in os.listdir(): print(name)": "listing",
    "folder = ...\nlist(folder.rglob('*.csv'))": "listing",
    "x = 'a'\nhash(x)": "hash",
    "names = {'a', 'b'}\n[one for one in names]": "set-order",
    "names = set()\nfor one in names | {'a'}: print(one)": "set-order",
    "names = {'a', 'b'}\n','.join(names)": "set-order",
    "pool = ...\npool.imap_unordered(len, [])": "race",
    "import multiprocessing\nmultiprocessing.cpu_count()": "cpus",
    "import pathlib\npathlib.Path('~').expanduser()": "user",
    "import os\nos.environ['SEED']": "environment",
    "from sklearn.svm import SVC\nGridSearchCV(SVC(), {}, n_jobs=-1)": "threads",
    "import sql\nsql.run('SELECT * FROM t LIMIT 10')": "row-order",
    "import x\nopen('names.txt')": "encoding",
}


@pytest.mark.parametrize("text", SUSPICIOUS)
def test_a_suspicious_line_is_found_with_its_kind(text: str) -> None:
    assert found(text) == [(SUSPICIOUS[text], 2)]


@pytest.mark.parametrize(
    "text",
    [
        "import numpy as np\nnp.random.default_rng(0).normal()",
        "import numpy as np\nnp.random.default_rng(seed=3)",
        "import numpy as np\nnp.random.seed(0)\nnp.random.rand(3)",
        "import random\nrandom.seed(0)\nrandom.shuffle([])",
        "import os, glob\nsorted(os.listdir())\nsorted(p for p in glob.glob('*'))",
        "names = {'a'}\nsorted(names)\nlen(names)\nsum(len(n) for n in names)",
        "from sklearn.model_selection import train_test_split\ntrain_test_split([], random_state=1)",
        "import torch\ntorch.manual_seed(0)\ntorch.nn.Linear(1, 1)\ntorch.randn(3)",
        "import torch\ntorch.manual_seed(0)\ntorch.nn.Dropout()\ntorch.utils.data.DataLoader(rows, shuffle=True)",
        "import torch\ntorch.utils.data.DataLoader(rows, shuffle=True, generator=seeded)",
        "import torch\ntorch.utils.data.DataLoader(rows, shuffle=False)\ntorch.utils.data.DataLoader(rows)",
        "from xgboost import XGBClassifier\nXGBClassifier(n_jobs=1)",
        "import os\nos.environ['A'] = 'b'",
        "sql = 'SELECT * FROM t ORDER BY id LIMIT 10'",
        "import re\nre.compile('a')\nopen('f', 'rb')\nopen('f', encoding='utf-8')",
    ],
)
def test_what_is_settled_is_not_suspected(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("text", ["def (", "\x00", "(" * 5000, "x = " + "-" * 100_000 + "1", "", "# \udcff"])
def test_what_is_no_python_is_passed_over(text: str) -> None:
    assert found(text) == []


@given(st.text())
def test_any_text_is_looked_at_without_an_error(text: str) -> None:
    found(text)


def test_places_are_named_by_file_with_the_text_of_the_line() -> None:
    (one,) = source.suspects({"models/a/train.py": "import os\n\n  \nos.urandom(4)  # why\n"})
    assert (str(one.place), one.place.text) == ("models/a/train.py:4", "os.urandom(4)  # why")


_FELT = {"arithmetic_of_processor", "sum_over_threads"}


@pytest.mark.parametrize(
    "fault", [one for one in reproduction_faults.FAULTS if one.name not in _FELT], ids=lambda one: one.name
)
def test_every_planted_line_that_can_be_read_is_suspected(fault: reproduction_faults.Fault) -> None:
    kinds = {one.kind for one in source.suspects({"t.py": fault.path.read_text()}) if one.place.line == fault.line}
    assert kinds & {*causes.KINDS[fault.factor]}
