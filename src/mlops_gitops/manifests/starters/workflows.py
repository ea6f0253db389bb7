"""The first workflows: check every change, and promote what has passed."""

from __future__ import annotations

_VALIDATE = """\
name: validate
on:
  pull_request:
  push:
    branches: [main]
permissions: {}
concurrency:
  group: validate-${{ github.ref }}
  cancel-in-progress: true
jobs:
  validate:
    name: validate manifests and policies
    runs-on: ubuntu-latest
    permissions:
      contents: read # to read the files that are checked
    steps:
      - uses: actions/checkout@v4
        with:
          persist-credentials: false
      - uses: mlops-gitops/mlops-gitops/actions/validate@v1
"""

_PROMOTE = """\
# Moves every release that is eligible into the environments that take it automatically.
# Needs: the variable ENVIRONMENTS_URL, the environment repository's https address; the secret ENVIRONMENTS_TOKEN,
# which may push to it; and the secret SIGNING_KEY, a private key whose public half is in trust/signers.yaml.
name: promote
on:
  workflow_dispatch:
  schedule:
    - cron: "17 * * * *"
permissions: {}
concurrency:
  group: promote
  cancel-in-progress: false
jobs:
  promote:
    name: promote what the evidence allows
    runs-on: ubuntu-latest
    permissions:
      contents: read # to read the address of the environment repository
    steps:
      - uses: actions/checkout@v4
        with:
          persist-credentials: false
      - uses: mlops-gitops/mlops-gitops/actions/promote@v1
        with:
          all: "true"
          allow-pending: "true"
          environments: ${{ vars.ENVIRONMENTS_URL }}
          token: ${{ secrets.ENVIRONMENTS_TOKEN }}
          signing-key: ${{ secrets.SIGNING_KEY }}
"""


def files() -> dict[str, str]:
    """The workflows of a model repository."""
    return {".github/workflows/validate.yml": _VALIDATE, ".github/workflows/promote.yml": _PROMOTE}
