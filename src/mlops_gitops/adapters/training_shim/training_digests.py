"""Digests of what a training holds in its hands: tables, arrays, tensors, and what an estimator has learned.

``of`` gives two: of the values as they come, and of the rows as a set.  Addresses, and whatever else is not a value,
never enter.  Nothing is pickled and nothing of the training's is called beyond reading its values.
"""

import hashlib
import sys

_DEEPEST = 12
_MOST_ITEMS = 200_000
_PASSED = frozenset({"random_state", "n_jobs", "verbose", "_random_state", "nthread", "num_threads", "_rng", "rng"})


def of(value):
    """``(ordered, unordered)`` of a table, an array, a tensor, or a list of them."""
    name = type(value).__module__.partition(".")[0]
    if name == "pandas":
        return _of_pandas(value)
    if name == "torch" and hasattr(value, "detach"):
        return _of_array(_torch(value))
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.ndarray):
            return _of_array(value)
        if isinstance(value, list) and value and isinstance(value[0], (int, float, str, list, bool)):
            try:
                return _of_array(numpy.asarray(value))
            except ValueError:
                pass
    if isinstance(value, (list, tuple)) and value:
        pairs = [of(one) for one in value]
        return tuple(_sha("\n".join(side).encode()) for side in zip(*pairs))  # noqa: B905 - Python 3.9 has no strict
    digest = whole(value)
    return digest, digest


def whole(value):
    """One digest of anything: its values in the order of their names, to a bounded depth."""
    walk = _Walk()
    walk.value(value)
    return walk.total.hexdigest()


def _sha(data):
    return hashlib.sha256(data).hexdigest()


def _torch(tensor):
    import torch

    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.int16)
    return tensor.numpy()


def _of_array(array):
    import numpy as np

    if array.dtype.hasobject:
        texts = [_plain(one) for one in array.ravel().tolist()]
        width = max(1, array.size // max(1, array.shape[0])) if array.ndim else 1
        rows = ["\x1f".join(texts[at : at + width]) for at in range(0, len(texts), width)]
        return _sha("\x1e".join(rows).encode("utf-8", "replace")), _sha(
            "\x1e".join(sorted(rows)).encode("utf-8", "replace")
        )
    array = np.ascontiguousarray(array)
    head = (array.dtype.str + str(array.shape)).encode()
    total = hashlib.sha256(head)
    total.update(memoryview(array.reshape(-1).view(np.uint8)) if array.size else b"")
    unordered = _sha(head + np.sort(_rows(array)).tobytes()) if array.ndim and array.size else total.hexdigest()
    return total.hexdigest(), unordered


def _rows(array):
    """A 64-bit hash of every row."""
    import numpy as np

    count = array.shape[0]
    if array.dtype.kind in "US":
        array = array.reshape(count, -1)
        return np.array(
            [int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8).digest(), "big") for row in array],
            dtype=np.uint64,
        )
    raw = array.reshape(count, -1).view(np.uint8)
    step = array.dtype.itemsize if array.dtype.itemsize in (1, 2, 4, 8) else 1
    cells = raw.view("u%d" % step)
    found = np.zeros(count, dtype=np.uint64)
    for at in range(cells.shape[1]):
        found ^= cells[:, at].astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        found *= np.uint64(0xBF58476D1CE4E5B9)
        found ^= found >> np.uint64(29)
    return found


def _of_pandas(value):
    import pandas as pd

    if isinstance(value, pd.Index):
        value = value.to_series()
    if isinstance(value, pd.DataFrame):
        head = "\x1f".join("%s:%s" % pair for pair in zip(value.columns, value.dtypes))  # noqa: B905 - Python 3.9 has no strict
        value = value.set_axis(range(value.shape[1]), axis=1)
    elif isinstance(value, pd.Series):
        head = "%s:%s" % (value.name, value.dtype)
    else:
        digest = whole(value)
        return digest, digest
    try:
        rows = pd.util.hash_pandas_object(value, index=False).to_numpy()
    except TypeError:
        rows = pd.util.hash_pandas_object(value.astype(str), index=False).to_numpy()
    start = head.encode("utf-8", "replace")
    return _sha(start + rows.tobytes()), _sha(start + sorted_bytes(rows))


def sorted_bytes(rows):
    """The bytes of the sorted array."""
    rows = rows.copy()
    rows.sort()
    return rows.tobytes()


def _plain(value):
    if value is None or isinstance(value, (bool, int, float, str, bytes, complex)):
        return repr(value)
    if type(value).__module__ in ("datetime", "decimal", "pandas._libs.tslibs.timestamps"):
        return str(value)
    return type(value).__name__


class _Walk:
    """One walk through an object: what it has seen, and how much."""

    def __init__(self):
        self.total, self.seen, self.count = hashlib.sha256(), set(), 0

    def add(self, text):
        self.total.update(text.encode("utf-8", "replace") + b"\x1f")

    def value(self, value, depth=0):
        self.count += 1
        if depth > _DEEPEST or self.count > _MOST_ITEMS:
            return
        if value is None or isinstance(value, (bool, int, float, str, bytes, complex)):
            self.add(repr(value))
            return
        module = type(value).__module__.partition(".")[0]
        self.add(type(value).__name__)
        if module == "numpy" and hasattr(value, "dtype") and hasattr(value, "shape"):
            import numpy as np

            self.add(_of_array(np.asarray(value))[0])
        elif (module == "torch" and hasattr(value, "detach")) or (module == "pandas" and hasattr(value, "to_numpy")):
            self.add(of(value)[0])
        elif id(value) not in self.seen:
            self.seen.add(id(value))
            self.inside(value, module, depth + 1)

    def inside(self, value, module, depth):
        if isinstance(value, (list, tuple)):
            for one in value:
                self.value(one, depth)
        elif isinstance(value, (set, frozenset)):
            for text in sorted(map(_plain, value)):
                self.add(text)
        elif module == "xgboost" and hasattr(value, "save_raw"):
            self.total.update(bytes(value.save_raw("ubj")))
        elif module == "lightgbm" and hasattr(value, "model_to_string"):
            self.add(value.model_to_string())
        else:
            parts = value if isinstance(value, dict) else _parts(value, module)
            for name, one in sorted(((str(name), one) for name, one in parts.items()), key=lambda pair: pair[0]):
                if name not in _PASSED and (not callable(one) or hasattr(one, "__dict__")):
                    self.add(name)
                    self.value(one, depth)


def _parts(value, module):
    """The attributes of an object; of one written in C, what it would be pickled from."""
    if module == "torch" and hasattr(value, "state_dict"):
        return value.state_dict()
    if module == "numpy" or type(value).__name__ in ("RandomState", "Generator", "module"):
        return {}
    found = getattr(value, "__dict__", None)
    if isinstance(value, type) or type(value).__name__ in ("function", "method", "builtin_function_or_method"):
        return {}
    if found:
        return found
    if module == "sklearn" and type(value).__name__ != "type":
        try:
            state = value.__getstate__()
        except Exception:
            return {}
        return state if isinstance(state, dict) else {}
    return {}
