"""Start MLServer on the settings of this image; it speaks MLflow's protocol and the Open Inference Protocol v2."""

from __future__ import annotations

import sys

from mlserver.cli.main import main

SETTINGS = "/opt/mlops-gitops/server"

if __name__ == "__main__":
    sys.argv = ["mlserver", "start", SETTINGS]
    main()
