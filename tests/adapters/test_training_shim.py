from pathlib import Path

import pytest

from torch_folder import torch_folder
from training_runs import trained

READ = "import pandas as pd\nframe = pd.read_csv('data/train.csv')\nX, y = frame[['a', 'b']], frame['label']\n"
LEARNERS = {
    "sklearn": READ
    + "from sklearn.ensemble import RandomForestClassifier\nRandomForestClassifier(5, random_state=0).fit(X, y)\n",
    "xgboost": READ
    + "import xgboost\nxgboost.train({'seed': 1, 'subsample': .5, 'nthread': 1}, xgboost.DMatrix(X, y), 4)\n",
    "lightgbm": READ
    + "import lightgbm\nlightgbm.train({'verbose': -1, 'num_threads': 1}, lightgbm.Dataset(X, y), 4)\n",
}
NET = """import torch
torch_seed
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=.1)
for _ in range(3):
    loss = net(torch.ones(4, 3)).square().mean()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_the_same_training_twice_has_the_same_stages(tmp_path: Path, name: str) -> None:
    one, two = (trained(tmp_path, LEARNERS[name]) for _ in range(2))
    assert one.code == 0, one.output
    assert one.output == ""
    kinds = {stage.partition("#")[0] for stage in one.stages}
    assert kinds >= {"raw-data", "features", "fitted"}
    assert name == "sklearn" or "progress" in kinds
    assert one.parts_at(two) is None
    assert not [call for call in one.trace.calls if call.kind == "generator"]


UNSEEDED = {
    "generator": (
        "import numpy as np\nrng = np.random.default_rng()\nX = X + rng.normal(size=X.shape)\n",
        "features",
        5,
    ),
    "legacy": ("import numpy as np\n\nX = X + np.random.normal(size=X.shape)\n", "features", 6),
    "random": ("import random\nX = X + random.random()\n", "features", 5),
    "sample": ("X = X.sample(frac=1.0)\ny = y.loc[X.index]\n", "features", 4),
    "split": (
        "from sklearn.model_selection import train_test_split\nX, _, y, _ = train_test_split(X, y)\n",
        "split",
        5,
    ),
}
FIT = "from sklearn.tree import DecisionTreeClassifier\nDecisionTreeClassifier(random_state=0).fit(X, y)\n"


@pytest.mark.parametrize("name", sorted(UNSEEDED))
def test_an_unseeded_generator_shows_at_its_stage_and_line(tmp_path: Path, name: str) -> None:
    code, stage, line = UNSEEDED[name]
    one, two = (trained(tmp_path, READ + code + FIT) for _ in range(2))
    assert one.code == 0, one.output
    assert (one.parts_at(two) or "").startswith(stage)
    assert {where for kind, where in one.calls if kind == "generator"} == {line}


def test_a_seed_from_outside_settles_every_generator(tmp_path: Path) -> None:
    code = READ + "".join(code for code, _, _ in UNSEEDED.values()) + FIT
    one, two = (trained(tmp_path, code, seed=1) for _ in range(2))
    assert one.code == 0, one.output
    assert one.parts_at(two) is None


def test_a_seed_of_the_trainings_own_wins_and_is_no_call(tmp_path: Path) -> None:
    code = "import random\nimport numpy as np\nrandom.seed(3)\nnp.random.seed(4)\nnp.random.RandomState(5)\n"
    code += "print(random.random(), np.random.rand())\n"
    bare, seeded = trained(tmp_path, code), trained(tmp_path, code, seed=9)
    assert bare.output == seeded.output
    assert bare.calls == set()


def test_rows_in_another_order_are_the_same_rows(tmp_path: Path) -> None:
    code = READ + FIT
    one, two = trained(tmp_path, code), trained(tmp_path, code, shuffle=True)
    left, right = ({stage.name: stage for stage in run.trace.stages} for run in (one, two))
    assert left["features#1"].ordered != right["features#1"].ordered
    assert left["features#1"].unordered == right["features#1"].unordered


def test_initial_weights_part_without_a_seed_and_agree_with_one(tmp_path: Path) -> None:
    torch = torch_folder()
    bare = [trained(tmp_path, NET.replace("torch_seed", ""), torch=torch) for _ in range(2)]
    assert bare[0].code == 0, bare[0].output
    assert bare[0].output == ""
    assert bare[0].parts_at(bare[1]) == "initial-weights#1"
    assert ("generator", 3) in bare[0].calls
    own = trained(tmp_path, NET.replace("torch_seed", "torch.manual_seed(0)"), torch=torch)
    assert "progress#2" in own.stages
    assert own.calls == set()
    settled = trained(tmp_path, NET.replace("torch_seed", ""), torch=torch, deterministic=True)
    assert settled.stages == own.stages
    one, two = (trained(tmp_path, NET.replace("torch_seed", ""), torch=torch, seed=1) for _ in range(2))
    assert one.parts_at(two) is None


CALLS = """import getpass, glob, os, pathlib, secrets, time, uuid
uuid.uuid4()
os.urandom(4)
secrets.token_hex(4)
time.time()
os.listdir('.')
list(pathlib.Path('.').iterdir())
glob.glob('*')
os.cpu_count()
getpass.getuser() if os.environ.get('LOGNAME') else pathlib.Path.home()
os.environ.get('DEPTH')
os.path.abspath('x')
sorted(os.listdir('.'))
"""


def test_calls_are_noted_with_their_line(tmp_path: Path) -> None:
    found = trained(tmp_path, CALLS)
    assert found.code == 0, found.output
    assert found.calls == {
        *(("entropy", line) for line in (2, 3, 4)),
        ("clock", 5),
        *(("listing", line) for line in (6, 7, 8)),
        ("cpus", 9),
        ("user", 10),
        ("environment", 11),
        ("folder", 12),
    }
    whats = {call.place.line: call.what for call in found.trace.calls}
    assert [whats[line] for line in (2, 7, 8, 12)] == [
        "uuid.uuid4()",
        "Path.iterdir()",
        "glob.glob()",
        "os.path.abspath()",
    ]


def test_entropy_is_replaced_where_that_is_ordered(tmp_path: Path) -> None:
    code = "import os, random, secrets, uuid\nprint(os.urandom(3), uuid.uuid4(), uuid.uuid1(), secrets.token_hex(3))\n"
    code += "print(random.SystemRandom().random())\n"
    bare = {trained(tmp_path, code).output for _ in range(2)}
    replaced = {trained(tmp_path, code, entropy=True).output for _ in range(2)}
    assert (len(bare), len(replaced)) == (2, 1)


def test_neurons_that_are_dropped_by_chance_are_a_call_only_while_a_network_is_trained(tmp_path: Path) -> None:
    code = "import torch\nnet = torch.nn.Dropout()\nx = torch.ones(9)\nnet(x)\nnet.eval()\nnet(x)\n"
    code += "torch.nn.functional.alpha_dropout(x)\ntorch.nn.functional.dropout(x, .5, False)\ntorch.manual_seed(0)\n"
    found = trained(tmp_path, code + "torch.nn.functional.dropout(x)\n", torch=torch_folder())
    assert found.code == 0, found.output
    assert [(one.what, one.place.line) for one in found.trace.calls] == [
        ("torch: dropout without torch.manual_seed()", 4)
    ]


def test_a_seed_that_pytorch_takes_from_the_system_is_noted_and_replaced(tmp_path: Path) -> None:
    code = "import torch\nprint(torch.seed(), torch.rand(1))\nprint(torch.random.seed())\n"
    bare = [trained(tmp_path, code, torch=torch_folder()) for _ in range(2)]
    assert {("entropy", 2), ("entropy", 3)} <= bare[0].calls
    assert bare[0].output != bare[1].output
    one, two = (trained(tmp_path, code, torch=torch_folder(), entropy=True) for _ in range(2))
    assert one.output == two.output
    assert len({*one.output.split("\n")}) > 2
    assert {("entropy", 2), ("entropy", 3)} <= one.calls


def test_folders_list_in_reverse_where_that_is_ordered(tmp_path: Path) -> None:
    code = "import glob, os, pathlib\nfor n in 'bca': open(f'data/{n}.x', 'w').close()\n"
    code += "print([p[5] for p in glob.glob('data/*.x')], [p.name[0] for p in pathlib.Path('data').glob('*.x')])\n"
    code += "with os.scandir('data') as found: print([e.name[0] for e in found])\nprint(os.listdir('data'))\n"
    out = trained(tmp_path, code, reverse_listing=True).output.splitlines()
    assert out[0] == "['c', 'b', 'a'] ['c', 'b', 'a']"
    assert out[1] == "['t', 'c', 'b', 'a']"
    assert out[2] == "['train.csv', 'c.x', 'b.x', 'a.x']"


FORBIDDEN = {
    "network": "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=1)\n",
    "wrote-outside": "import os\nopen(os.path.join(os.pardir, 'stray'), 'w')\n",
    "changed-input": "import os\nos.remove('data/train.csv')\n",
}


@pytest.mark.parametrize("settings", [{"traced": True}, {"traced": False}], ids=["traced", "untraced"])
@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_what_a_training_must_not_do_is_refused_and_told(tmp_path: Path, name: str, settings: dict[str, bool]) -> None:
    found = trained(tmp_path, FORBIDDEN[name], **settings)
    assert found.code == 1
    assert "PermissionError" in found.output
    (problem,) = found.trace.problems
    assert problem.trouble.value == name
    assert problem.place is not None
    assert problem.place.line == 2


def test_what_a_training_may_do_is_let_alone(tmp_path: Path) -> None:
    code = """import multiprocessing, os, shutil, subprocess, sys, tempfile, threading
def work(n):
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(folder + '/deep')
        open(folder + '/deep/train.csv', 'w').close()
    return n
if __name__ == '__main__':
    for method in ('fork', 'spawn'):
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(work, [1, 2]) == [1, 2]
    threads = [threading.Thread(target=work, args=(1,)) for _ in range(4)]
    [t.start() for t in threads]; [t.join() for t in threads]
    subprocess.run([sys.executable, '-c', 'open("out", "w").close()'], stdout=subprocess.DEVNULL, check=True)
    open(os.devnull, 'w').write('x')
    os.mkdir('d'); os.rename('out', 'd/out'); os.symlink('d', 's'); shutil.rmtree('d')
    import socket
    server = socket.create_server(('127.0.0.1', 0)); socket.create_connection(server.getsockname())
"""
    found = trained(tmp_path, code)
    assert found.code == 0, found.output
    assert found.output == ""
    assert found.trace.problems == ()


def test_a_link_does_not_lead_out(tmp_path: Path) -> None:
    code = "import os\nos.symlink('/var/tmp', 'out')\nopen('out/stray', 'w')\n"
    (problem,) = trained(tmp_path, code).trace.problems
    assert problem.trouble.value == "wrote-outside"


def test_a_training_survives_a_shim_that_cannot_read_its_orders(tmp_path: Path) -> None:
    found = trained(tmp_path, "print('trained')", trace=None, root=None)
    assert (found.code, found.output) == (0, "trained\n")


def test_the_sitecustomize_of_the_environment_still_runs(tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("print('theirs')\n")
    found = trained(tmp_path / "runs", "print('trained')", torch=folder)
    assert found.output == "theirs\ntrained\n"
