"""MLServer's runtime for MLflow, with the answers that a client deserves: what was asked wrongly is 400 and not 500.

Every value is held against its declared type before MLflow converts it (``values``), and no model is asked about an
infinite number.  What a model raises is the client's to mend, as it is in MLflow's own server.
"""

from __future__ import annotations

from typing import Any

from fastapi import Depends, Header, Request, Response
from mlflow.exceptions import MlflowException
from mlserver.errors import InferenceError, MLServerError
from mlserver.handlers import custom_handler
from mlserver.types import InferenceRequest, InferenceResponse, RequestInput
from mlserver_mlflow import MLflowRuntime

from mlops_gitops.serving import description, values

_JSON = "application/json"
_KNOWN = frozenset({"", "np", "str", "base64", "datetime"})
"""Content types of an input.  MLServer would ignore an unknown one, and read texts of ``pd_json`` after the check."""


async def _body(request: Request) -> str:
    """The text of a request, whose size the guard has looked at."""
    try:
        return (await request.body()).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InferenceError(f"the request is not UTF-8: {error.reason}") from error


class Runtime(MLflowRuntime):  # type: ignore[misc]
    """Both protocols of one model."""

    async def load(self) -> bool:
        """Load the model, and learn what its columns are declared as."""
        self._types = {one["name"]: one["type"] for one in description.read().inputs}
        loaded: bool = await super().load()
        self._model: Any = _Careful(self._model)
        return loaded

    @custom_handler(rest_path="/invocations")  # type: ignore[untyped-decorator]
    async def invocations(self, raw_body: str = Depends(_body), content_type: str = Header(default="")) -> Response:
        """MLflow's protocol."""
        try:
            if content_type.partition(";")[0].strip().lower() == _JSON:
                values.fit_table(values.parsed(raw_body), self._types)
            answer: Response = await super().invocations(raw_body, content_type)
        except MLServerError:
            raise
        except Exception as error:
            raise _theirs(error) from error
        return answer

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """The Open Inference Protocol."""
        try:
            for one in payload.inputs:
                self._fit(one)
            return await super().predict(payload)
        except MLServerError:
            raise
        except Exception as error:
            raise _theirs(error) from error

    def _fit(self, one: RequestInput) -> None:
        kind = (one.parameters.content_type if one.parameters else None) or ""
        if kind not in _KNOWN:
            raise values.Unfit(f"{one.name[:100]} is of a content type that is not known: {kind[:100]}")
        values.fit_tensor(one.name, one.shape, getattr(one.data, "root", one.data), self._types)


class _Careful:
    """MLflow's model, but for infinite numbers, which CSV and other ways round the check of values can hold."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def predict(self, data: Any, params: Any = None) -> Any:
        """What the model answers."""
        import numpy as np
        import pandas as pd

        numbers = data.select_dtypes("number").to_numpy() if isinstance(data, pd.DataFrame) else data
        if isinstance(numbers, np.ndarray) and numbers.dtype.kind == "f" and np.isinf(numbers).any():
            raise MlflowException.invalid_parameter_value("one of the numbers is infinite")
        return self._model.predict(data, params=params)


def _theirs(error: Exception) -> InferenceError:
    text = " ".join(str(error).encode("utf-8", "replace").decode().split())
    return InferenceError(text[:2000] or type(error).__name__)
