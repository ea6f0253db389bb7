"""MLServer's runtime for MLflow, with the answers that a client deserves: what was asked wrongly is 400 and not 500."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, Header, Request, Response
from mlflow.exceptions import MlflowException
from mlserver.errors import InferenceError, MLServerError
from mlserver.handlers import custom_handler
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver_mlflow import MLflowRuntime

LARGEST = 64 << 20
"""Bytes of a request that are read; a larger one is refused before it is."""


async def _body(request: Request) -> str:
    """The text of a request that is not too large."""
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > LARGEST:
            raise MLServerError(f"a request may hold {LARGEST} bytes", 413)
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InferenceError(f"the request is not UTF-8: {error.reason}") from error


class Runtime(MLflowRuntime):  # type: ignore[misc]
    """Both protocols of one model."""

    @custom_handler(rest_path="/invocations")  # type: ignore[untyped-decorator]
    async def invocations(self, raw_body: str = Depends(_body), content_type: str = Header(default="")) -> Response:
        """MLflow's protocol."""
        try:
            answer: Response = await super().invocations(raw_body, content_type)
        except MLServerError:
            raise
        except (MlflowException, ValueError, TypeError, KeyError, RecursionError) as error:
            raise _theirs(error) from error
        return answer

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """The Open Inference Protocol."""
        try:
            return await super().predict(payload)
        except MLServerError:
            raise
        except (MlflowException, ValueError, TypeError, KeyError, RecursionError) as error:
            raise _theirs(error) from error


def _theirs(error: Any) -> InferenceError:
    text = " ".join(str(error).split())
    return InferenceError(text[:2000] or type(error).__name__)
