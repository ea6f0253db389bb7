"""Names that a static look at training code knows: calls that two runs may answer differently, and some that cannot."""

from __future__ import annotations

LEGACY = frozenset(
    [
        "rand",
        "randn",
        "randint",
        "random",
        "random_sample",
        "choice",
        "permutation",
        "shuffle",
        "normal",
        "uniform",
        "binomial",
        "poisson",
        "exponential",
        "beta",
        "gamma",
        "multinomial",
        "standard_normal",
        "bytes",
        "sample",
    ]
)
DRAWS = frozenset(
    [
        "random",
        "randint",
        "randrange",
        "choice",
        "choices",
        "sample",
        "shuffle",
        "uniform",
        "gauss",
        "normalvariate",
        "getrandbits",
        "randbytes",
    ]
)
TORCH = frozenset(["rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial"])
MAKERS = frozenset(
    [
        "numpy.random.default_rng",
        "numpy.random.RandomState",
        "numpy.random.SeedSequence",
        "numpy.random.PCG64",
        "random.Random",
        "numpy.random.MT19937",
        "numpy.random.Philox",
    ]
)
FIXED = {
    "os.urandom": "entropy",
    "os.getrandom": "entropy",
    "uuid.uuid1": "entropy",
    "uuid.uuid4": "entropy",
    "random.SystemRandom": "entropy",
    "torch.seed": "entropy",
    "time.time": "clock",
    "time.time_ns": "clock",
    "time.localtime": "time-zone",
    "time.mktime": "time-zone",
    "datetime.date.today": "clock",
    "datetime.datetime.now": "clock",
    "datetime.datetime.today": "clock",
    "datetime.datetime.utcnow": "clock",
    "pandas.Timestamp.now": "clock",
    "pandas.Timestamp.today": "clock",
    "datetime.datetime.fromtimestamp": "time-zone",
    "datetime.date.fromtimestamp": "time-zone",
    "os.listdir": "listing",
    "os.scandir": "listing",
    "os.walk": "listing",
    "glob.glob": "listing",
    "glob.iglob": "listing",
    "os.cpu_count": "cpus",
    "os.sched_getaffinity": "cpus",
    "os.process_cpu_count": "cpus",
    "multiprocessing.cpu_count": "cpus",
    "joblib.cpu_count": "cpus",
    "getpass.getuser": "user",
    "os.path.expanduser": "user",
    "pathlib.Path.home": "user",
    "os.getlogin": "user",
    "socket.gethostname": "user",
    "platform.node": "user",
    "os.uname": "user",
    "os.getcwd": "folder",
    "os.path.abspath": "folder",
    "os.path.realpath": "folder",
    "pathlib.Path.cwd": "folder",
    "os.getenv": "environment",
    "os.environ.get": "environment",
    "concurrent.futures.as_completed": "race",
    "asyncio.as_completed": "race",
    "locale.getlocale": "locale",
    "locale.setlocale": "locale",
    "locale.getpreferredencoding": "locale",
}
METHODS = {
    "iterdir": ("listing", "Path.iterdir()"),
    "glob": ("listing", "Path.glob()"),
    "rglob": ("listing", "Path.rglob()"),
    "imap_unordered": ("race", "imap_unordered()"),
    "as_completed": ("race", "as_completed()"),
    "expanduser": ("user", "Path.expanduser()"),
    "absolute": ("folder", "Path.absolute()"),
    "resolve": ("folder", "Path.resolve()"),
    "astimezone": ("time-zone", "astimezone()"),
    "backward": ("threads", "backward()"),
}
CHANCE = frozenset(
    [
        "train_test_split",
        "KFold",
        "StratifiedKFold",
        "ShuffleSplit",
        "StratifiedShuffleSplit",
        "GroupShuffleSplit",
        "RandomForestClassifier",
        "RandomForestRegressor",
        "ExtraTreesClassifier",
        "ExtraTreesRegressor",
        "DecisionTreeClassifier",
        "DecisionTreeRegressor",
        "GradientBoostingClassifier",
        "GradientBoostingRegressor",
        "HistGradientBoostingClassifier",
        "HistGradientBoostingRegressor",
        "BaggingClassifier",
        "BaggingRegressor",
        "MLPClassifier",
        "MLPRegressor",
        "SGDClassifier",
        "SGDRegressor",
        "KMeans",
        "MiniBatchKMeans",
        "IsolationForest",
        "RandomizedSearchCV",
        "TruncatedSVD",
    ]
)
THREADED = frozenset(
    [
        "lightgbm.train",
        "lightgbm.LGBMClassifier",
        "lightgbm.LGBMRegressor",
        "lightgbm.LGBMRanker",
        "xgboost.train",
        "xgboost.XGBClassifier",
        "xgboost.XGBRegressor",
        "xgboost.XGBRanker",
    ]
)
"""Calls that use every processor unless they are told otherwise."""
WORKERS = ("n_jobs", "nthread", "num_threads")
ORDERING = frozenset({"list", "tuple", "enumerate", "iter", "next", "zip", "map"})

UNORDERED = frozenset({"sorted", "len", "sum", "min", "max", "any", "all", "set", "frozenset"})
"""Functions whose answer does not depend on the order of what they are given."""
LAYERS = frozenset(
    [
        "Linear",
        "Conv1d",
        "Conv2d",
        "Conv3d",
        "Embedding",
        "LSTM",
        "GRU",
        "RNN",
        "Bilinear",
        "MultiheadAttention",
        "TransformerEncoderLayer",
        "Dropout",
        "Dropout1d",
        "Dropout2d",
        "Dropout3d",
        "AlphaDropout",
        "dropout",
        "dropout1d",
        "dropout2d",
        "dropout3d",
        "alpha_dropout",
    ]
)
"""What draws from PyTorch's generator below ``torch.nn``: weights when it is made, or neurons when it is used."""
