"""The first workflows: short callers of the reusable workflows of this project.

Each says in its first line that it was written here, with a digest of the rest.  So a file that nobody has edited can
be told from one that somebody has, and only the first is ever written again.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal

Kind = Literal["model", "environments"]

PUBLISHED = "mlops-gitops/mlops-gitops"
"""The repository that holds the reusable workflows."""
NEWEST = "v1"
"""The tag that follows the newest version without a change to the contract."""

_MARK = "# Written by `mlops-gitops init workflows` ({digest}), which writes it again until somebody edits it.\n"
_MARKED = re.compile(re.escape(_MARK).replace(r"\{digest\}", "([0-9a-f]{16})"))

_PULL_REQUEST = """\
# Checks every model that a pull request touches, and says in one comment what came of it.
# Let the branch require the check `models / mlops-gitops`.
name: models
on: [pull_request, merge_group]
permissions: {}
jobs:
  models:
    uses: USES/.github/workflows/model-pull-request.yml@REF
    with: {prepare: true}
    permissions: {contents: read, pull-requests: write, actions: read} # commits; the comment; whether a newer run is on
    secrets: {ENVIRONMENTS_READ_TOKEN: "${{ secrets.ENVIRONMENTS_READ_TOKEN }}"} # to show what runs, if private
"""

_PREPARE = """\
# What the checks and the release do first, in a job without secrets: artifact and data of each model have to lie where
# its manifest says.  This trains; edit it to fetch them from where yours are, such as MLflow or a bucket.
name: prepare model
description: Put the artifact and the data of models where their manifests say.
inputs:
  models:
    description: Names of the models, one a line.
    required: true
runs:
  using: composite
  steps:
    - shell: bash
      run: |
        for model in $MODELS; do
          cd "$GITHUB_WORKSPACE/models/$model"
          python3 -m venv "$RUNNER_TEMP/training-$model"
          "$RUNNER_TEMP/training-$model/bin/pip" install --quiet --requirement requirements.lock
          "$RUNNER_TEMP/training-$model/bin/python" train.py
        done
      env:
        MODELS: ${{ inputs.models }}
"""

_RELEASE = """\
# Releases every model that a merge touches: image, tests, signature, one commit to the environment repository.
# Needs the variable ENVIRONMENTS_URL, and a GitHub environment `release`, for `main` alone, with the secrets below.
name: release
on: {push: {branches: [main]}}
permissions: {}
jobs:
  release:
    uses: USES/.github/workflows/model-release.yml@REF
    with: {prepare: true}
    # The secrets: the key of the App whose client id is the variable RELEASER_APP_ID, and what signs the tests.
    permissions: {contents: read, packages: write} # to fetch the commit, and to push the image to GitHub's registry
    secrets: {RELEASER_APP_KEY: "${{ secrets.RELEASER_APP_KEY }}", TESTS_KEY: "${{ secrets.TESTS_KEY }}"}
"""

_GATE = """\
# Checks what a pull request writes, and whether it has the reviews that the policy of its base branch demands.
# Let the branch require the check `environments / mlops-gitops`.
name: environments
on: [pull_request, pull_request_review, merge_group]
permissions: {}
jobs:
  environments:
    uses: USES/.github/workflows/environment-gate.yml@REF
    permissions: {contents: read, pull-requests: read} # to fetch the commit and the policy, and to read the reviews
"""

_RECONCILE = """\
# Does everything that the policies allow now.  The schedule is enough; each other event only saves waiting for it.
# Needs a GitHub environment `promotion` that only `main` may deploy to, with the secrets below.
name: reconcile
on: {schedule: [{cron: "*/15 * * * *"}], push: {branches: [main]}, pull_request_review: {}, workflow_dispatch: {}}
permissions: {}
jobs:
  reconcile:
    uses: USES/.github/workflows/environment-reconcile.yml@REF
    # The secrets: the key of the App whose client id is the variable PROMOTER_APP_ID, and what signs promotions.
    permissions: {actions: write} # a review starts this again on `main`, because only there it gets the secrets
    secrets: {PROMOTER_APP_KEY: "${{ secrets.PROMOTER_APP_KEY }}", PROMOTION_KEY: "${{ secrets.PROMOTION_KEY }}"}
"""

_CALLERS: dict[Kind, dict[str, str]] = {
    "model": {
        ".github/workflows/model-pull-request.yml": _PULL_REQUEST,
        ".github/workflows/model-release.yml": _RELEASE,
        ".github/actions/prepare-model/action.yml": _PREPARE,
    },
    "environments": {
        ".github/workflows/environment-gate.yml": _GATE,
        ".github/workflows/environment-reconcile.yml": _RECONCILE,
    },
}


def files(kind: Kind, *, uses: str = PUBLISHED, ref: str = NEWEST) -> dict[str, str]:
    """The workflows of a repository of this kind; ``uses`` is ``OWNER/NAME``, ``ref`` a tag or a commit id there."""
    return {name: _marked(text.replace("USES", uses).replace("REF", ref)) for name, text in _CALLERS[kind].items()}


def untouched(text: str) -> bool:
    """Whether a file is as this module wrote it, in this version or in an earlier one."""
    mark = _MARKED.match(text)
    return mark is not None and mark[1] == _digest(text[mark.end() :])


def _marked(body: str) -> str:
    return _MARK.format(digest=_digest(body)) + body


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]
