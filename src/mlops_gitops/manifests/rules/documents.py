"""MG0xx: whether it is YAML, and whether every reader reads the same value from it.

The loader in ``manifests/documents.py`` finds these while it reads; this module only says what they are.
"""

from __future__ import annotations

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Rule

SYNTAX = Rule(
    "MG001",
    "syntax",
    ERROR,
    "The file is not YAML.",
    "correct the YAML at this place; an editor with YAML support shows the same position",
    "Nothing in a file that cannot be read can be checked, so nothing in it may be relied on.",
    "metadata: {name: flight-delays\nspec: {}\n",
    "metadata: {name: flight-delays}\nspec: {}\n",
)
ENCODING = Rule(
    "MG002",
    "encoding",
    ERROR,
    "The file is not plain UTF-8.",
    "save the file as UTF-8 without a byte order mark",
    "A file in another encoding is read differently on different machines, and a digest of it means nothing.",
    "# a file in UTF-16 or Latin-1, or one that starts with a byte order mark\n",
    "metadata: {description: starts with a letter}\n",
)
TOO_LARGE = Rule(
    "MG003",
    "too-large",
    ERROR,
    "The file is larger than a manifest may be.",
    "keep data and long texts in files of their own and name them here by path and digest",
    "Manifests are read from untrusted pull requests; a bound keeps one file from stopping the run.",
    "# a file of more than 1 MiB, or with more than 100,000 values\n",
    "metadata: {name: flight-delays}\n",
)
TAB = Rule(
    "MG004",
    "tab",
    ERROR,
    "A tab is used where YAML wants spaces.",
    "replace the tab by spaces",
    "YAML forbids tabs in indentation, because their width differs from editor to editor.",
    "metadata:\n\tname: flight-delays\n",
    "metadata:\n  name: flight-delays\n",
)
DUPLICATE_KEY = Rule(
    "MG005",
    "duplicate-key",
    ERROR,
    "The same key is written twice.",
    "keep one of the two",
    "Most YAML readers keep the last value and say nothing: what a reviewer saw first is not what counts.",
    "metadata:\n  riskTier: high\n  riskTier: minimal\n",
    "metadata:\n  riskTier: high\n",
)
SEVERAL_DOCUMENTS = Rule(
    "MG006",
    "several-documents",
    ERROR,
    "The file holds more than one YAML document.",
    "split it: one document in one file",
    "Some readers take the first document, some the last; the rest would be unchecked.",
    "kind: Model\n---\nkind: Model\n",
    "kind: Model\n",
)
KEY_NOT_TEXT = Rule(
    "MG007",
    "key-not-text",
    ERROR,
    "A key is not text.",
    "quote the key",
    "JSON knows only text as keys; a number or null as a key cannot be given a digest that means something.",
    "metadata:\n  tags: {1: first}\n",
    'metadata:\n  tags: {"1": first}\n',
)
TAG = Rule(
    "MG008",
    "tag",
    ERROR,
    "A YAML tag is used.",
    "remove the tag; quote the value if it is text",
    "Tags tell a loader to build something other than plain data, such as an object of the program that reads it.",
    "metadata:\n  name: !!python/object:os.system flight-delays\n",
    "metadata:\n  name: flight-delays\n",
)
MERGE_KEY = Rule(
    "MG009",
    "merge-key",
    ERROR,
    "A merge key (`<<`) is used.",
    "write the keys out",
    "Merge keys were dropped from YAML 1.2, and readers disagree about which value wins.",
    "metadata:\n  tags: {<<: {team: operations}}\n",
    "metadata:\n  tags: {team: operations}\n",
)
EXPLOSION = Rule(
    "MG010",
    "alias-explosion",
    ERROR,
    "Aliases expand to more than a manifest may hold, or to themselves.",
    "write the values out instead of using aliases",
    "A few lines of nested aliases expand to billions of values and stop whoever reads them.",
    "x-a: &a [1, *a]\n",
    "x-a: [1]\n",
)
TOO_DEEP = Rule(
    "MG011",
    "too-deep",
    ERROR,
    "Values are nested deeper than a manifest may be.",
    "flatten the structure; no field needs such depth",
    "Deep nesting overflows the stack of programs that read it.",
    "x-deep: " + "[" * 65 + "]" * 65 + "\n",
    "x-deep: [[]]\n",
)
NUMBER_FOR_TEXT = Rule(
    "MG012",
    "number-for-text",
    ERROR,
    "A number stands where text is wanted.",
    "put it in quotes",
    "Unquoted, `1.10` is the number 1.1: the version that is released is not the one that was written.",
    "metadata:\n  version: 1.10\n",
    'metadata:\n  version: "1.10.0"\n',
)
BOOLEAN_WORD = Rule(
    "MG013",
    "boolean-word",
    ERROR,
    "An unquoted word that some readers take for true or false.",
    'write `true` or `false`, or put the word in quotes if it is text, such as "no" for Norway',
    "YAML 1.1 reads `no` as false, YAML 1.2 as text. Both kinds of readers are in use.",
    "metadata:\n  tags: {country: no}\n",
    'metadata:\n  tags: {country: "no"}\n',
)
ODD_NUMBER = Rule(
    "MG014",
    "odd-number",
    ERROR,
    "A number that readers understand differently.",
    "write it in plain decimal digits, or put it in quotes if it is text",
    "`010` is eight to some readers and ten to others; `0x1F` and `1_000` are numbers to some and text to others.",
    "spec:\n  rollback: {keep: 010}\n",
    "spec:\n  rollback: {keep: 10}\n",
)
SEXAGESIMAL = Rule(
    "MG015",
    "sexagesimal",
    ERROR,
    "Digits with colons, which some readers take for a number in base 60.",
    "put it in quotes",
    "YAML 1.1 reads `12:30` as 750.",
    "metadata:\n  tags: {nightly: 12:30}\n",
    'metadata:\n  tags: {nightly: "12:30"}\n',
)
DATE = Rule(
    "MG016",
    "date",
    WARNING,
    "An unquoted date.",
    "put it in quotes",
    "Some readers turn it into a date in a time zone of their choice; here it is read as text.",
    "metadata:\n  tags: {reviewed: 2026-11-21}\n",
    'metadata:\n  tags: {reviewed: "2026-11-21"}\n',
)
NOT_EXACT = Rule(
    "MG017",
    "not-exact",
    ERROR,
    "A number that JSON cannot hold exactly.",
    "write a finite number below 2^53, or put it in quotes if it is an identifier",
    "Documents are named by the digest of their JSON form. Infinity, not-a-number and very large integers have none.",
    "metadata:\n  tags: {run: 90071992547409931}\n",
    'metadata:\n  tags: {run: "90071992547409931"}\n',
)
INVISIBLE = Rule(
    "MG018",
    "invisible-character",
    ERROR,
    "A control character, or one that changes the order in which text is shown.",
    "remove it",
    "What a reviewer sees is then not what a program reads.",
    'metadata:\n  description: "a \\u202e b"\n',
    "metadata:\n  description: a b\n",
)
EMPTY = Rule(
    "MG019",
    "empty",
    ERROR,
    "The file holds no document.",
    "write the document, or delete the file; `mlops-gitops init` writes one that passes",
    "An empty file claims nothing, and is more often a failed save than an intention.",
    "# nothing here yet\n",
    "kind: Model\n",
)
UNREADABLE = Rule(
    "MG020",
    "unreadable",
    ERROR,
    "The file cannot be opened.",
    "check that it exists, is a regular file, and may be read",
    "A file that cannot be read cannot be checked.",
    "# a dangling symbolic link, or a file without read permission\n",
    "kind: Model\n",
)

RULES = (
    SYNTAX,
    ENCODING,
    TOO_LARGE,
    TAB,
    DUPLICATE_KEY,
    SEVERAL_DOCUMENTS,
    KEY_NOT_TEXT,
    TAG,
    MERGE_KEY,
    EXPLOSION,
    TOO_DEEP,
    NUMBER_FOR_TEXT,
    BOOLEAN_WORD,
    ODD_NUMBER,
    SEXAGESIMAL,
    DATE,
    NOT_EXACT,
    INVISIBLE,
    EMPTY,
    UNREADABLE,
)
