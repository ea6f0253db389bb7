"""MG1xx: does the document have the shape that its schema asks for.

The schema finds these; ``manifests/wording.py`` says them in the user's words.
"""

from __future__ import annotations

from mlops_gitops.manifests.rules.rule import ERROR, Rule

UNKNOWN_KEY = Rule(
    "MG101",
    "unknown-key",
    ERROR,
    "A key that this document does not have.",
    "correct the key, or start it with `x-` if it is your own",
    "A misspelt key is a demand that nobody checks: `treshold` would let every model pass.",
    "metadata:\n  ownrs: []\n",
    "metadata:\n  x-cost-centre: '4711'\n",
)
MISSING_KEY = Rule(
    "MG102",
    "missing-key",
    ERROR,
    "A key that must be there is missing.",
    "add the key; `mlops-gitops schema` says what it means",
    "What is not claimed cannot be checked, and nothing is assumed in its place.",
    "spec:\n  monitoring:\n    drift: {metric: ks}\n",
    "spec:\n  monitoring:\n    drift: {metric: ks, max: 0.1}\n",
)
WRONG_TYPE = Rule(
    "MG103",
    "wrong-type",
    ERROR,
    "A value of the wrong type.",
    "write a value of the type that the message names",
    "A list where a word is wanted, or text where a number is, cannot be compared with anything.",
    'spec:\n  rollback: {keep: "three"}\n',
    "spec:\n  rollback: {keep: 3}\n",
)
NOT_ONE_OF = Rule(
    "MG104",
    "not-one-of",
    ERROR,
    "A value that is not in the list of allowed ones.",
    "use one of the values that the message names",
    "Each allowed value has one meaning; another word has none.",
    "metadata:\n  riskTier: medium\n",
    "metadata:\n  riskTier: limited\n",
)
MALFORMED = Rule(
    "MG105",
    "malformed",
    ERROR,
    "Text that does not have the form that is wanted.",
    "write it as the example shows",
    "Names become folders and digests become identities: both need one exact form.",
    'metadata:\n  version: "1.0"\n',
    'metadata:\n  version: "1.0.0"\n',
)
OUT_OF_RANGE = Rule(
    "MG106",
    "out-of-range",
    ERROR,
    "A number outside its range.",
    "write a number inside the range that the message names",
    "A number outside its range makes a check that always passes or never can.",
    "spec:\n  rollback: {keep: 0}\n",
    "spec:\n  rollback: {keep: 3}\n",
)
WRONG_COUNT = Rule(
    "MG107",
    "wrong-count",
    ERROR,
    "Too few or too many entries, or the same one twice.",
    "add, remove or merge entries as the message says",
    "An empty list demands nothing, and passes without anything having been looked at.",
    "spec:\n  gates: []\n",
    "spec:\n  gates: none\n",
    "Environment",
)
NO_ALTERNATIVE = Rule(
    "MG108",
    "no-alternative",
    ERROR,
    "Exactly one of several forms is wanted, and none or more than one is there.",
    "write exactly one of the keys that the message names",
    "With two forms at once, it would be unclear which of them counts.",
    "spec:\n  gates:\n    - {evidence: data-tests, approvals: {quorum: 1}}\n",
    "spec:\n  gates:\n    - {evidence: data-tests}\n    - approvals: {quorum: 1}\n",
    "Environment",
)
UNKNOWN_KIND = Rule(
    "MG109",
    "unknown-kind",
    ERROR,
    "The document does not say what it is, or says it is something else than its place tells.",
    "write `kind:` as the message says, or move the file",
    "A file that is taken for another kind is not checked as what it is.",
    "# file: models/flight-delays/model.yaml\napiVersion: mlops-gitops/v1\nkind: Modell\n",
    "# file: models/flight-delays/model.yaml\napiVersion: mlops-gitops/v1\nkind: Model\n",
)

RULES = (
    UNKNOWN_KEY,
    MISSING_KEY,
    WRONG_TYPE,
    NOT_ONE_OF,
    MALFORMED,
    OUT_OF_RANGE,
    WRONG_COUNT,
    NO_ALTERNATIVE,
    UNKNOWN_KIND,
)
