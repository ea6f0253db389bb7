"""The first workflows: check every change, and promote what has passed."""

from __future__ import annotations

_VALIDATE = """\
name: validate
on: [pull_request, merge_group]
permissions: {}
jobs:
  validate:
    name: validate manifests and policies
    runs-on: ubuntu-latest
    permissions:
      contents: read # to read the files that are checked
    steps:
      - uses: actions/checkout@v5
        with:
          persist-credentials: false
      - uses: mlops-gitops/mlops-gitops/actions/validate@v1
"""

_PROMOTE = """\
# Moves every release that is eligible into the environments that take it automatically.
# Needs: the variable ENVIRONMENTS_URL, the environment repository's https address; the secret ENVIRONMENTS_TOKEN,
# which may push to it; and the secret PROMOTION_KEY, the PEM of a key whose public half has a grant for promotion in
# trust/signers.yaml.
name: promote
on:
  push:
    branches: [main]
  schedule:
    - cron: "17 * * * *" # lets soak times and freezes end
permissions: {}
jobs:
  promote:
    name: promote what the evidence allows
    runs-on: ubuntu-latest
    permissions:
      contents: read # to read the address of the environment repository
    steps:
      - uses: actions/checkout@v5
        with:
          persist-credentials: false
      - uses: mlops-gitops/mlops-gitops/actions/promote@v1
        with:
          all: "true"
          allow-pending: "true"
          environments: ${{ vars.ENVIRONMENTS_URL }}
          token: ${{ secrets.ENVIRONMENTS_TOKEN }}
          signing-key: ${{ secrets.PROMOTION_KEY }}
"""


def files() -> dict[str, str]:
    """The workflows of a model repository."""
    return {".github/workflows/validate.yml": _VALIDATE, ".github/workflows/promote.yml": _PROMOTE}
