"""Start MLServer on the settings of this image; it speaks MLflow's protocol and the Open Inference Protocol v2.

MLServer has no setting for a largest request, and none that keeps clients from unloading the model, over HTTP or gRPC.
Both are put right here, where its parts are put together.
"""

from __future__ import annotations

import sys
from typing import Any

import mlserver.rest.server
import mlserver.server
from mlserver.cli.main import main
from mlserver.errors import MLServerError
from mlserver.handlers import ModelRepositoryHandlers

from mlops_gitops.serving.guard import Guard

SETTINGS = "/opt/mlops-gitops/server"


class FixedRepository(ModelRepositoryHandlers):  # type: ignore[misc]
    """An image has one model, which goes when the container goes."""

    async def load(self, name: str) -> bool:
        """Refused."""
        raise MLServerError(f"the model of this image is fixed, and {name[:100]} is not loaded", 403)

    async def unload(self, name: str) -> bool:
        """Refused."""
        raise MLServerError(f"the model of this image is fixed, and {name[:100]} is not unloaded", 403)


def guarded(create: Any) -> Any:
    """``create_app`` of MLServer with the guard around what it makes."""

    def create_app(*arguments: Any, **options: Any) -> Any:
        made = create(*arguments, **options)
        made.add_middleware(Guard)
        return made

    return create_app


if __name__ == "__main__":
    mlserver.rest.server.create_app = guarded(mlserver.rest.server.create_app)
    mlserver.server.ModelRepositoryHandlers = FixedRepository
    sys.argv = ["mlserver", "start", SETTINGS]
    main()
