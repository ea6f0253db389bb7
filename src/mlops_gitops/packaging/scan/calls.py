"""Which calls a pickle may make, and what it may set on what they return.  Pure functions over described values.

Every function answers with a complaint, or ``None`` where there is nothing to complain about.
"""

from __future__ import annotations

from mlops_gitops.packaging.scan.values import Global, Items, Made, Opaque, Value

_NEVER_CALLED = {("numpy", "ndarray"), ("numpy", "matrix"), ("numpy", "recarray")}
_RECONSTRUCT = {("numpy._core.multiarray", "_reconstruct"), ("numpy.core.multiarray", "_reconstruct")}
_BYTES = {("builtins", "bytes"), ("builtins", "bytearray"), ("__builtin__", "bytes"), ("__builtin__", "bytearray")}
_RECONSTRUCTOR = {("copyreg", "_reconstructor"), ("copy_reg", "_reconstructor")}
_RETURN_NO_TEXT = ("numpy", "pandas", "scipy", "sklearn", "joblib")
_MAPPINGS = {
    ("collections", "OrderedDict"),
    ("collections", "defaultdict"),
    ("collections", "Counter"),
    ("sklearn.utils._bunch", "Bunch"),
}


def refused(maker: Value, args: Value) -> str | None:
    """Why ``maker(*args)`` may not be called."""
    if not isinstance(maker, Global):
        return "something that the file computed, not a name"
    if not isinstance(args, tuple):
        return f"{maker} with arguments that cannot be resolved"
    key = (maker.module, maker.name)
    if key in _NEVER_CALLED:
        return f"{maker} directly"
    if key == ("_codecs", "encode") and not _is_latin1(args):
        return f"{maker} with other arguments than a text and latin1"
    if key in _RECONSTRUCT and (len(args) != 3 or args[1] != (0,)):  # noqa: PLR2004 - its signature
        return f"{maker} with a size of its own"
    if key in _BYTES and any(isinstance(argument, int) for argument in args):
        return f"{maker} with a size instead of data"
    if key in _RECONSTRUCTOR and (len(args) != 3 or not isinstance(args[0], Global)):  # noqa: PLR2004 - its signature
        return f"{maker} with a class that cannot be resolved"
    return None


def _is_latin1(args: tuple[Value, ...]) -> bool:
    return len(args) == 2 and isinstance(args[0], str) and args[1] in ("latin1", "latin-1")  # noqa: PLR2004


def misplaced(values: Value, *, reconstructs: bool = False) -> bool:
    """Whether joblib's array wrapper is handed to something that could make one unseen."""
    if reconstructs and len(values) == 3 and isinstance(values[1], Global):  # noqa: PLR2004 - class, base, state
        values = values[1:] if (values[1].name, values[2]) == ("object", None) else values
    return any(isinstance(value, Global) and value.wrapper for value in values)


def state_refused(target: Value, state: Value) -> str | None:
    """Why ``state`` may not be set on ``target``."""
    if not isinstance(target, Made) or target.maker is None:
        return "sets the state of something that no call made"
    if isinstance(state, Made | Global):
        return f"sets a computed state on {target.maker}"
    for part in state if isinstance(state, tuple) else (state,):
        if isinstance(part, Items) and part.kind == "dict":
            for key, _ in part.items:
                if isinstance(key, Made | Global | Opaque) or (isinstance(key, str) and key.startswith("__")):
                    return f"sets a special attribute on {target.maker}"
    return None


def is_mapping(target: Value) -> bool:
    """Whether items may be set on ``target``."""
    if isinstance(target, Items):
        return target.kind == "dict"
    return (
        isinstance(target, Made)
        and target.maker is not None
        and ((target.maker.module, target.maker.name) in _MAPPINGS)
    )


def makes_wrapper(maker: Value, args: Value) -> bool:
    """Whether the call returns joblib's array wrapper, in one of the two ways that joblib writes."""
    if not isinstance(maker, Global) or not isinstance(args, tuple):
        return False
    if maker.wrapper:
        return args == ()
    return (
        (maker.module, maker.name) in _RECONSTRUCTOR
        and bool(args)
        and isinstance(args[0], Global)
        and (args[0].wrapper)
    )


def is_no_text(value: Value) -> bool:
    """Whether an unpickler certainly refuses ``value`` as a name, because it is no ``str``."""
    if isinstance(value, Made):
        return value.maker is not None and value.maker.module.startswith(_RETURN_NO_TEXT)
    return not isinstance(value, str)
