"""MG41x: addresses name one exact thing, and give nothing away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, text

CREDENTIALS = Rule(
    "MG411",
    "credentials-in-address",
    ERROR,
    "An address carries a password or a token.",
    "remove it from the address, revoke it, and let git or the platform supply it",
    "Whatever is committed is readable by everyone who can read the repository, for ever.",
    'spec:\n  source: {repository: "https://ada:hunter2@git.example.com/airline/models.git"}\n',
    'spec:\n  source: {repository: "https://git.example.com/airline/models.git"}\n',
)
MUTABLE_REFERENCE = Rule(
    "MG412",
    "mutable-reference",
    ERROR,
    "A tag, a branch or an alias stands where one exact version is meant.",
    "name the version by its digest",
    "A tag can be moved after the review; what runs then is not what was approved.",
    'spec:\n  lineage:\n    derivedFrom: [{name: base, uri: "docker://registry.example.com/base:latest"}]\n',
    "spec:\n  lineage:\n    derivedFrom:\n      - name: base\n        uri: docker://registry.example.com/base@sha256:"
    "f2ca1bb6c7e907d06dafe4687e579fce76b37e4e93b7605022da52e6ccc26fd2\n",
)
PLAIN_HTTP = Rule(
    "MG413",
    "plain-http",
    WARNING,
    "The address is not encrypted.",
    "use https",
    "Anyone on the way can read and change what is fetched.",
    'spec:\n  source: {repository: "http://git.example.com/airline/models.git"}\n',
    'spec:\n  source: {repository: "https://git.example.com/airline/models.git"}\n',
)
MUTABLE_IMAGE = Rule(
    "MG414",
    "mutable-image-tag",
    ERROR,
    "The image of a release is named by a tag.",
    "write the image's name without a tag; its digest stands beside it",
    "A tag can be moved; two readers of one release would then run two images.",
    'spec:\n  image:\n    uri: "registry.example.com/flight-delays:latest"\n',
    'spec:\n  image:\n    uri: "registry.example.com/flight-delays"\n'
    "    digest: {sha256: f2ca1bb6c7e907d06dafe4687e579fce76b37e4e93b7605022da52e6ccc26fd2}\n",
    "Release",
)

RULES = (CREDENTIALS, MUTABLE_REFERENCE, PLAIN_HTTP, MUTABLE_IMAGE)

_CREDENTIALS = r"://[^/\s@]*:[^/\s@]+@|[?&](?:X-Amz-Signature|sig|token|access_token|api_key)="
_MUTABLE = (
    r"^(?:docker|oci|docker-image)://(?!.*@sha256:)"
    r"|^models:/[^/]+/(?:latest|production|staging|none)$|^models:/[^/]+@"
    r"|/(?:resolve|tree|blob|raw)/(?:main|master|HEAD)(?:/|$)|@(?:main|master|HEAD)$"
)


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one document of any kind."""
    for at, address in _addresses(subject.value):
        if "://" in address and ("@" in address or "?" in address) and re.search(_CREDENTIALS, address, re.IGNORECASE):
            yield CREDENTIALS.on(at, "this address carries a password or a token")
        elif address.startswith("http://") and not re.match(r"http://(localhost|127\.|\[::1\])", address):
            yield PLAIN_HTTP.on(at, f"{address} is not encrypted")
    for at, reference, pinned in _references(subject.value):
        if not pinned and ":" in reference and re.search(_MUTABLE, reference, re.IGNORECASE):
            yield MUTABLE_REFERENCE.on(at, f"{reference} can mean another thing tomorrow")
    image = text(mapping(subject.value, "spec", "image"), "uri")
    if image is not None and ":" in image.rsplit("/", 1)[-1].partition("@")[0]:
        yield MUTABLE_IMAGE.on(("spec", "image", "uri"), f"{image} carries a tag")


def _addresses(value: dict[str, Any]) -> Iterator[tuple[Pointer, str]]:
    spec = mapping(value, "spec")
    places: tuple[tuple[str, ...], ...] = (
        ("source", "repository"),
        ("mlflow", "trackingUri"),
        ("environments",),
        ("artifact", "uri"),
    )
    for *way, key in places:
        address = text(mapping(spec, *way), key)
        if address is not None:
            yield ("spec", *way, key), address
    for at, address, _ in _references(value):
        yield at, address


def _references(value: dict[str, Any]) -> Iterator[tuple[Pointer, str, bool]]:
    """Addresses of data and of other models, and whether a digest stands beside them."""
    spec = mapping(value, "spec")
    for key, holder in (("data", spec), ("derivedFrom", mapping(spec, "lineage"))):
        way: Pointer = ("spec", "data") if key == "data" else ("spec", "lineage", "derivedFrom")
        for index, one in entries(holder, key):
            address = text(one, "uri")
            if address is not None:
                yield (*way, index, "uri"), address, "digest" in one
