"""The first files of an environment repository: a policy for each environment, and an empty list of signers.

The policies grow stricter from the first environment to the last.  Nobody is trusted yet, so nothing can be promoted
until a person adds keys: that is the safe way to begin.
"""

from __future__ import annotations

from collections.abc import Sequence

_README = """\
# Environments

What runs where, and who may change it.  Nothing here is edited to promote a model: `mlops-gitops promote` writes a
pointer and a receipt in one commit, when the signed evidence allows it.

* `environments/<environment>/environment.yaml` says what an environment demands.
* `trust/signers.yaml` says who may sign what.  Make each key outside every git repository, with
  `mlops-gitops init key NAME --directory ~/keys`, and paste the public half there.  `NAME.pem` is the private half:
  whoever reads it can sign as NAME, and what was pushed once stays in the history.  `.gitignore` keeps `*.pem` out.
* `controls/`, `releases/`, `evidence/` and `receipts/` are written by `mlops-gitops`.

Protect the branch: policies and signers change by review only.

Begin:

    mlops-gitops validate
    git init --initial-branch=main && git add . && git commit -m "Policies and signers"
"""

_TRUST = """\
# Who may sign which kind of evidence for which environment.  An empty list trusts nobody.
#
# `mlops-gitops init key NAME --directory ~/keys` makes a key and prints the entry of `keys:`.  One signer tests and
# another one promotes, each with a key of its own: who steals one key cannot both sign a test and act on it.
#
#   - name: ci-tests
#     type: machine                   # machine or person; only a person approves
#     identities: []                  # for a person: e-mail addresses and github:login
#     groups: []
#     keys:
#       - {keyid: …, keytype: ed25519, scheme: ed25519, keyval: {public: …}}
#     signs:
#       - {kinds: [provenance, scan, data-tests, model-tests, comparison], environments: ["*"]}
#   - name: promoter
#     type: machine
#     identities: []
#     groups: []
#     keys:
#       - {keyid: …, keytype: ed25519, scheme: ed25519, keyval: {public: …}}
#     signs:
#       - {kinds: [promotion], environments: [ENVIRONMENTS]}
apiVersion: mlops-gitops/v1
kind: Trust
spec:
  signers: []
"""

_IGNORED = """\
# Private keys: they belong into no repository.
*.pem
"""

_HEAD = """\
apiVersion: mlops-gitops/v1
kind: Environment
metadata:
  name: {name}
spec:
  promotion: {promotion}{comment}
"""

_FIRST = """\
  after: []
  gates:                              # every one must pass
    - {evidence: data-tests, maxAge: P30D}
    - {evidence: model-tests, maxAge: P30D}
"""

_LATER = """\
  after: [{before}]{pad}# the release must run there first
  gates:                              # every one must pass
    - {{evidence: data-tests, maxAge: P30D}}
    - {{evidence: model-tests, maxAge: P30D}}
    - {{evidence: comparison}}          # against the release that runs here
"""

_APPROVALS = """\
    - approvals: {quorum: 1, maxAge: P7D}     # people; the author of a release does not count
"""

_EXPRESSION = """\
    - name: small-enough              # in CEL; policy_tests.yaml beside this file tests it
      expression: release.artifact.size < 2000000000
      messageExpression: "'the model has ' + string(release.artifact.size) + ' bytes, and 2 GB is the most'"
"""

_TESTS = """\
# Cases for the gates in CEL of environment.yaml.  Run them: mlops-gitops policy test
apiVersion: mlops-gitops/v1
kind: PolicyTests
spec:
  cases:
    - name: a small model passes
      set: {release.artifact.size: 1000000}
      expect: {small-enough: pass}
    - name: a large model is refused, with its size
      set: {release.artifact.size: 3000000000}
      expect:
        small-enough: {answer: fail, reason: 3000000000 bytes}
"""

_COLUMN = 38


def files(names: Sequence[str]) -> dict[str, str]:
    """The files of an environment repository with these environments, from the first to the last."""
    trust = _TRUST.replace("ENVIRONMENTS", ", ".join(names))
    found = {"README.md": _README, ".gitignore": _IGNORED, "trust/signers.yaml": trust}
    for index, name in enumerate(names):
        found[f"environments/{name}/environment.yaml"] = _policy(names, index, name)
        if _is_last(names, index):
            found[f"environments/{name}/policy_tests.yaml"] = _TESTS
    return found


def _policy(names: Sequence[str], index: int, name: str) -> str:
    last = _is_last(names, index)
    promotion = "manual" if last else "automatic"
    note = "# `promote --all` leaves it alone" if last else "# `promote --all` may move it"
    head = _HEAD.format(name=name, promotion=promotion, comment=" " * (_COLUMN - 13 - len(promotion)) + note)
    if index == 0:
        return head + _FIRST
    before = names[index - 1]
    later = _LATER.format(before=before, pad=" " * max(2, _COLUMN - 11 - len(before)))
    return head + later + (_APPROVALS + _EXPRESSION if last else "")


def _is_last(names: Sequence[str], index: int) -> bool:
    return index > 0 and index == len(names) - 1
