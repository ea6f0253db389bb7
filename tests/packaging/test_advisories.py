"""Advisories against packages: the order of versions as the ecosystems have it, ranges, severities, names."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import random
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import manifest_repository
from mlops_gitops.manifests.rules import vulnerabilities as rules
from mlops_gitops.manifests.serving import ServingImage
from mlops_gitops.packaging.advisories import cvss, judgement, matching, records, versions
from mlops_gitops.packaging.advisories.records import Advisory
from mlops_gitops.packaging.image import bases, inventory, packages
from mlops_gitops.packaging.image.inventory import Installed
from servers import base_images

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DPKG = shutil.which("dpkg")
PIECES = ("0", "00", "1", "09", "10", "a", "B", "~", "~~", ".", "+", "+deb12u", "~rc", "-", "-1")


@pytest.mark.skipif(DPKG is None, reason="dpkg is not installed")
def test_debian_versions_stand_as_dpkg_has_them() -> None:
    """Every pair that dpkg takes without complaint is ordered as it says."""
    chance = random.Random(7)  # noqa: S311 - the same pairs every time
    pairs = []
    for _ in range(120):
        stem = "".join(chance.choices(PIECES, k=chance.randrange(3)))
        one, other = ("1" + stem + "".join(chance.choices(PIECES, k=chance.randrange(4))) for _ in "ab")
        pairs.append((chance.choice(("", "", "0:", "2:")) + one, other))
    script = (
        "while read -r a b; do said=bad; for how in lt eq gt; do "
        'if words=$(dpkg --compare-versions "$a" "$how" "$b" 2>&1); then [ "$words" ] || said=$how; break; fi; '
        "done; echo $said; done"
    )
    lines = "".join(f"{one} {other}\n" for one, other in pairs)
    done = subprocess.run(["sh", "-c", script], input=lines, capture_output=True, text=True, check=True)
    told = dict(zip(pairs, done.stdout.split(), strict=True))
    assert {"lt", "eq", "gt"} <= set(told.values())
    for (one, other), how in told.items():
        if how != "bad":
            left, right = versions.debian(one), versions.debian(other)
            assert {"lt": left < right, "eq": left == right, "gt": left > right}[how], (one, how, other)


@pytest.mark.parametrize(
    "rising",
    [
        "1.0_alpha 1.0_alpha2 1.0_beta 1.0_pre 1.0_rc1 1.0 1.0-r1 1.0_p 1.0_p1 1.0a 1.0.1",
        "3.0.8-r9 3.0.8-r10 3.0.12-r0 3.1.4-r5",
        "2.38.0 2.38.1 2.39.0_git20240101 2.40",
        "1.02 1.1 1.9 1.10",
        "9c 9d 9e",
    ],
)
def test_versions_of_apk_rise(rising: str) -> None:
    keys = [versions.alpine(one) for one in rising.split()]
    assert all(left < right for left, right in itertools.pairwise(keys))


@pytest.mark.parametrize("text", ["", "x", "1..0", "1.0-1", "1.0_gamma", "1" * 400, "1.0\n", "é"])
def test_what_is_no_version_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="version"):
        versions.alpine(text)
    for order in (versions.debian, versions.pypi):
        with contextlib.suppress(ValueError):
            order(text)


@pytest.mark.parametrize(
    ("vector", "score", "word"),
    [  # examples of FIRST's guide and of the NVD
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1, "medium"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8, "critical"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0, "critical"),
        ("CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4, "medium"),
        ("CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:L/I:N/A:N", 2.5, "low"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", 7.5, "high"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0, None),
        ("CVSS:3.1/AV:N/AC:H/PR:H/UI:R/S:U/C:L/I:L/A:L/E:P/RL:O", 3.9, "low"),
    ],
)
def test_vectors_score_as_first_says(vector: str, score: float, word: str | None) -> None:
    assert cvss.base_score(vector) == score
    assert cvss.rating(score) == word


def record(
    identity: str = "CVE-2026-1", *, package: str = "tool", ecosystem: str = "PyPI", **more: Any
) -> dict[str, Any]:
    """A record as an export has it."""
    affected = {"package": {"ecosystem": ecosystem, "name": package}}
    for key in ("versions", "ranges", "ecosystem_specific"):
        if key in more:
            affected[key] = more.pop(key)
    return {"id": identity, "modified": "2026-11-24T00:00:00Z", "affected": [affected], **more}


def events(*pairs: str, kind: str = "ECOSYSTEM") -> list[dict[str, Any]]:
    """``introduced:0 fixed:2`` as the ranges of a record."""
    return [{"type": kind, "events": [dict([pair.split(":", 1)]) for pair in pairs]}]


def one(document: dict[str, Any]) -> Advisory:
    [(_, _, found)] = records.read(document)
    return found


@pytest.mark.parametrize(
    ("ranges", "version", "hit", "fixed"),
    [
        (events("introduced:0", "fixed:2.0"), "1.9.9", True, "2.0"),
        (events("introduced:0", "fixed:2.0"), "2.0", False, None),
        (events("introduced:0", "fixed:2.0"), "2.0rc1", True, "2.0"),
        (events("fixed:2.0", "introduced:1.5"), "1.4", False, None),
        (events("introduced:1", "fixed:1.5", "introduced:2", "fixed:2.5"), "1.7", False, None),
        (events("introduced:1", "fixed:1.5", "introduced:2", "fixed:2.5"), "2.1", True, "2.5"),
        (events("introduced:0", "last_affected:1.8"), "1.8", True, None),
        (events("introduced:0", "last_affected:1.8"), "1.9", False, None),
        (events("introduced:0"), "99", True, None),
        (events("introduced:0", "limit:2.0"), "3.0", False, None),
        (events("introduced:0", "limit:2.0", "limit:*"), "3.0", True, None),
        (events("introduced:0", "fixed:1.2.9") + events("introduced:2", "fixed:2.3"), "2.1", True, "2.3"),
        (events("introduced:0", kind="GIT"), "1.0", False, None),
    ],
)
def test_ranges_mean_what_the_format_says(ranges: Any, version: str, hit: object, fixed: str | None) -> None:
    assert one(record(ranges=ranges)).affects(version, versions.pypi) == (hit, fixed)


def test_versions_that_are_named_count_however_they_are_spelt() -> None:
    found = one(record(versions=["1.0", "junk version".replace(" ", "-")]))
    assert found.affects("1.0.0", versions.pypi) == (True, None)
    assert found.affects("1.0.1", versions.pypi) == (False, None)


def test_what_was_withdrawn_is_not_said() -> None:
    assert list(records.read(record(ranges=events("introduced:0"), withdrawn="2026-01-01T00:00:00Z"))) == []


VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ({}, None),
        ({"severity": [{"type": "CVSS_V3", "score": VECTOR}]}, "high"),
        ({"severity": [{"type": "CVSS_V3", "score": "nonsense"}]}, None),
        (
            {"severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/…"}], "database_specific": {"severity": "MODERATE"}},
            "medium",
        ),
        ({"severity": [{"type": "Ubuntu", "score": "negligible"}]}, "low"),
        ({"severity": [{"type": "CVSS_V3", "score": VECTOR}], "ecosystem_specific": {"urgency": "unimportant"}}, "low"),
        ({"ecosystem_specific": {"urgency": "not yet assigned"}}, None),
    ],
)
def test_severities_are_read_where_they_are_given(more: dict[str, Any], severity: str | None) -> None:
    assert one(record(ranges=events("introduced:0"), **more)).severity == severity


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.sampled_from(["0", "1.0", "PyPI", "CVE-1", "é\0"])
        | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "id",
                        "affected",
                        "package",
                        "ecosystem",
                        "name",
                        "ranges",
                        "events",
                        "introduced",
                        "fixed",
                        "aliases",
                        "severity",
                        "type",
                        "score",
                        "versions",
                        "database_specific",
                        "ecosystem_specific",
                        "upstream",
                    ]
                ),
                inner,
                max_size=6,
            )
        ),
        max_leaves=20,
    )
)
@settings(max_examples=300, deadline=None)
def test_no_record_of_a_stranger_is_a_bug(value: Any) -> None:
    whole = {"id": "CVE-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "x"}, "ranges": [value]}]}
    for document in (value, whole):
        with contextlib.suppress(ValueError):
            for ecosystem, _, found in records.read(document):
                json.dumps(found.document())
                assert Advisory.kept(json.loads(json.dumps(found.document()))) == found
                if (order := versions.order(ecosystem)) is not None:
                    found.affects("1.0", order)


def known(*documents: dict[str, Any]) -> matching.Known:
    listed = [found for document in documents for found in records.read(document)]
    return lambda ecosystem, name: [one for where, what, one in listed if (where, what) == (ecosystem, name)]


TOOL = Installed("PyPI", "tool", "1.0", packages.PLACE)


def test_one_flaw_with_three_names_is_told_once_by_the_name_that_people_know() -> None:
    found = matching.compared(
        [TOOL],
        known(
            record("PYSEC-2026-1", aliases=["CVE-2026-1"], ranges=events("introduced:0", "fixed:1.1")),
            record(
                "GHSA-aaaa-bbbb-cccc",
                aliases=["CVE-2026-1"],
                ranges=events("introduced:0", "fixed:1.2"),
                database_specific={"severity": "HIGH"},
                summary="It reads\x1b[2J\ntoo much",
            ),
            record("GHSA-dddd-eeee-ffff", ranges=events("introduced:0")),
        ),
    )
    assert [(each.id, each.severity, each.fixed, each.pressing) for each in found.found] == [
        ("CVE-2026-1", "high", "1.2", True),
        ("GHSA-dddd-eeee-ffff", None, None, False),
    ]
    assert found.found[0].names == ("CVE-2026-1", "GHSA-aaaa-bbbb-cccc", "PYSEC-2026-1")
    assert found.found[0].summary == "It reads [2J too much"


def test_an_advisory_of_a_distribution_is_not_told_beside_the_flaws_that_it_is_about() -> None:
    glibc = [Installed("Debian:12", name, "2.36-9+deb12u1", "/x", "glibc") for name in ("libc6", "libc-bin")]
    about = {"ecosystem": "Debian:12", "package": "glibc", "ranges": events("introduced:0", "fixed:2.36-9+deb12u3")}
    flaws = [record(f"DEBIAN-CVE-2026-{n}", upstream=[f"CVE-2026-{n}"], **about) for n in (1, 2)]
    whole = record("DSA-1-1", upstream=["CVE-2026-1", "CVE-2026-2"], **about)
    found = matching.compared(glibc, known(*flaws, whole))
    assert [one.id for one in found.found] == ["CVE-2026-1", "CVE-2026-2"]
    assert [each.name for each in found.found[0].packages] == ["libc6", "libc-bin"]
    assert found.packages == 2
    assert [one.id for one in matching.compared(glibc, known(flaws[0], whole)).found] == ["CVE-2026-1", "DSA-1-1"]


def test_versions_that_cannot_be_compared_are_counted_and_not_taken_for_well() -> None:
    found = matching.compared([TOOL], known(record(ranges=events("introduced:0", "fixed:not-a-version"))))
    assert found.found == ()
    assert len(found.unclear) == 1
    [told] = judgement.shortcomings(found, (), lacking=(), unread=(), now=NOW)
    assert told.rule.id == "MG795"
    assert "CVE-2026-1 of tool 1.0" in told.message


STATUS = """Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc (2.36-9+deb12u1)
Version: 2.36-9+deb12u1
Description: GNU C Library
 Version: 9 is not the version of anything

Package: gone
Status: deinstall ok config-files
Version: 1.0

Package: zlib1g
Status: install ok installed
Source: zlib
Version: 1:1.2.13.dfsg-1

Status: install ok installed
Version: 3
"""


def looked(*layers: dict[str, bytes]) -> bases.Facts:
    return bases.looked_through([io.BytesIO(base_images.tar(one)) for one in layers], of="x")


def test_packages_are_read_from_the_layers_as_they_lie_upon_each_other() -> None:
    site = "usr/local/lib/python3.11/site-packages"
    below = {
        "etc/os-release": b'ID=debian\nVERSION_ID="12"\n',
        "var/lib/dpkg/status": b"Package: old\nVersion: 1\n",
        "var/lib/dpkg/status.d/distroless": b"Package: base-files\nVersion: 12.4\nArchitecture: amd64\n",
        f"{site}/pip-23.0.dist-info/METADATA": b"",
        f"{site}/Some_Thing-1.0.dist-info/METADATA": b"",
        f"{site}/pip-23.0.dist-info/RECORD": b"",
        "usr/lib/python3/dist-packages/six-1.16.0.egg-info": b"",
        "opt/x/wheel-0.40.0-py3.11.egg-info/PKG-INFO": b"",
    }
    above = {"./var/lib/dpkg/status": STATUS.encode(), f"{site}/.wh.pip-23.0.dist-info": b"", "opt/x/.wh..wh..opq": b""}
    found = looked(below, above)
    assert found.unread == ()
    assert [(one.ecosystem, one.name, one.version, one.advised) for one in found.installed] == [
        ("Debian:12", "base-files", "12.4", ("base-files", "12.4")),
        ("Debian:12", "libc6", "2.36-9+deb12u1", ("glibc", "2.36-9+deb12u1")),
        ("Debian:12", "zlib1g", "1:1.2.13.dfsg-1", ("zlib", "1:1.2.13.dfsg-1")),
        ("PyPI", "some-thing", "1.0", ("some-thing", "1.0")),
    ]
    assert found.installed[1].purl == "pkg:deb/debian/libc6@2.36-9%2Bdeb12u1?arch=amd64&distro=debian-12"
    assert bases.Facts.kept(json.loads(json.dumps(found.document()))) == found


def test_packages_of_alpine_are_read_and_those_of_python_that_apk_brought_are_not_counted_twice() -> None:
    site = "usr/lib/python3.12/site-packages"
    database = (
        "P:libssl3\nV:3.3.1-r0\nA:x86_64\no:openssl\nF:usr/lib\n\n"
        f"P:py3-six\nV:1.16.0-r0\nF:{site}/six-1.16.0.dist-info\nR:METADATA\n"
    )
    found = looked(
        {
            "etc/os-release": b"ID=alpine\nVERSION_ID=3.20.1\n",
            "lib/apk/db/installed": database.encode(),
            f"{site}/six-1.16.0.dist-info/METADATA": b"",
            f"{site}/requests-2.0.dist-info/METADATA": b"",
        }
    )
    assert [(one.ecosystem, one.name, one.advised[0]) for one in found.installed] == [
        ("Alpine:v3.20", "libssl3", "openssl"),
        ("Alpine:v3.20", "py3-six", "py3-six"),
        ("PyPI", "requests", "requests"),
    ]


def test_what_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "_LARGEST", 100)
    found = looked({"var/lib/rpm/rpmdb.sqlite": b"SQLite", "var/lib/dpkg/status": b"x" * 101})
    assert found.installed == ()
    assert [one.partition(":")[0] for one in found.unread] == ["/var/lib/dpkg/status", "/var/lib/rpm/rpmdb.sqlite"]


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ({"ID": "ubuntu", "VERSION_ID": "22.04"}, "Ubuntu:22.04:LTS"),
        ({"ID": "ubuntu", "VERSION_ID": "23.04"}, "Ubuntu:23.04"),
        ({"ID": "debian"}, ""),
        ({"ID": "wolfi", "VERSION_ID": "20230201"}, "Wolfi"),
        ({"ID": "alpine", "VERSION_ID": "edge"}, ""),
    ],
)
def test_distributions_are_called_as_the_format_calls_them(release: dict[str, str], name: str) -> None:
    assert inventory.ecosystem(release) == name


PARSER = record(
    "CVE-2026-0001",
    package="example-parser",
    ranges=events("introduced:0", "fixed:1.0.1"),
    database_specific={"severity": "CRITICAL"},
)
READER = record(
    "CVE-2026-0002",
    package="example-reader",
    ranges=events("introduced:0", "fixed:1.0.1"),
    database_specific={"severity": "LOW"},
)


def judged(example: str, root: Path) -> set[str]:
    """The rules that the image of an example breaks, with one severe and one lesser advisory in the database."""
    import yaml

    image = ServingImage.from_value(yaml.safe_load(example)["spec"]["serving"]["image"])
    assert image is not None
    manifest_repository.build(root)
    lock = (root / "models/flight-delays" / str(image.lock)).read_text()
    installed = [Installed("PyPI", one.name, one.version, packages.PLACE) for one in packages.locked(lock)]
    compared = matching.compared(installed, known(PARSER, READER))
    told = judgement.told(compared, image.accepted)
    age = timedelta(days=12) if "no record of the last seven days" in example else timedelta(hours=5)
    source = Source(NOW - age)
    found = [
        *judgement.problems(told, image.accepted, locked=packages.PLACE, below="base", now=NOW),
        *judgement.shortcomings(compared, [source], lacking=(), unread=(), now=NOW),
    ]
    return {problem.rule.id for problem in found}


class Source:
    """A database without its records."""

    name, broken, said = "osv", 0, ""

    def __init__(self, newest: datetime) -> None:
        self.newest: datetime | None = newest


@pytest.mark.parametrize("rule", [one for one in rules.RULES if one is not rules.UNCLEAR], ids=lambda rule: rule.id)
def test_the_examples_of_the_rules_are_what_they_say(tmp_path: Path, rule: Any) -> None:
    assert rule.id in judged(rule.before, tmp_path / "before")
    assert judged(rule.after, tmp_path / "after") == set()


def test_a_package_made_to_do_harm_is_an_error_whatever_is_fixed() -> None:
    found = matching.compared([TOOL], known(record("MAL-2026-1", versions=["1.0"])))
    [problem] = judgement.problems(judgement.told(found, ()), (), locked=packages.PLACE, below="base", now=NOW)
    assert problem.rule is rules.VULNERABLE
    assert "MAL-2026-1 (made to do harm)" in problem.message
    assert problem.fix.startswith("take tool out")


def test_a_package_has_one_finding_for_each_rule_and_the_version_that_mends_all_of_it() -> None:
    flaws = [record(f"CVE-2026-{n}", ranges=events("introduced:0", f"fixed:1.{n}")) for n in range(1, 12)]
    found = matching.compared([TOOL], known(*flaws, record("CVE-2026-99", ranges=events("introduced:0"))))
    first, second = judgement.problems(judgement.told(found, ()), (), locked=packages.PLACE, below="base", now=NOW)
    assert first.pointer == ("spec", "serving", "image", "lock")
    assert "and 6 more" in first.message
    assert first.fix.startswith("lock tool 1.11 or newer")
    assert second.rule is rules.LESSER
    assert second.fix.startswith("nothing mends it yet")
