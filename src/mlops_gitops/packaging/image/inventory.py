"""What is installed in an image: the databases of dpkg and apk, and every Python package, as its layers say.  Pure.

Layers are untrusted: what is read of one has an end, and what cannot be read is said and not guessed.  A file that a
higher layer removes or replaces does not count.  Python packages that the system's own installer brought are its
packages, whose versions the distribution mends; they are not counted twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import PurePosixPath
from urllib.parse import quote

PYPI = "PyPI"

_LARGEST = 16 << 20
_MOST = 100_000
_DPKG = re.compile(r"var/lib/dpkg/status(?:\.d/[^/]+)?")
_APK = re.compile(r"(?:usr/)?lib/apk/db/installed")
_RPM = re.compile(r"(?:var/lib|usr/lib/sysimage)/rpm/(?:rpmdb\.sqlite|Packages(?:\.db)?)")
_PYTHON = re.compile(
    r"(?P<folder>(?:.+/)?(?P<name>[A-Za-z0-9][A-Za-z0-9._]*)-(?P<version>[A-Za-z0-9][A-Za-z0-9.+_!]*)"
    r"(?:-py3\.\d+)?\.(?:dist|egg)-info)(?:/METADATA|/PKG-INFO)?"
)
_OF_DEBIAN = "usr/lib/python3/dist-packages/"
_SOURCE = re.compile(r"(?P<name>\S+)(?: \((?P<version>\S+)\))?")
_WORD = re.compile(r"[!-~]{1,300}")


@dataclass(frozen=True, slots=True)
class Installed:
    """A package that is there.

    ``ecosystem`` is as OSV has it (``Debian:12``, ``PyPI``), empty where the distribution is not known; ``source`` and
    ``source_version`` are what advisories of distributions name; ``place`` is where it was found.
    """

    ecosystem: str
    name: str
    version: str
    place: str
    source: str = ""
    source_version: str = ""
    architecture: str = ""

    @property
    def advised(self) -> tuple[str, str]:
        """Name and version as advisories have them."""
        return self.source or self.name, self.source_version or self.version

    @property
    def purl(self) -> str:
        """Its package URL (https://github.com/package-url/purl-spec)."""
        if self.ecosystem == PYPI:
            return f"pkg:pypi/{self.name}@{quote(self.version)}"
        system, _, release = self.ecosystem.partition(":")
        kind = "deb" if system in {"Debian", "Ubuntu"} else "apk"
        distro = f"&distro={system.lower()}-{quote(release.removeprefix('v').partition(':')[0])}" if release else ""
        tail = f"?arch={quote(self.architecture)}{distro}" if self.architecture else ""
        return f"pkg:{kind}/{system.lower() or 'unknown'}/{quote(self.name)}@{quote(self.version)}{tail}"


@dataclass
class Inventory:
    """What the layers said so far, the lowest first; ``unread`` are databases that cannot be read, and why."""

    files: dict[str, tuple[Installed, ...]] = field(default_factory=dict)
    owned: set[str] = field(default_factory=set)
    unread: dict[str, str] = field(default_factory=dict)
    _fresh: dict[str, tuple[Installed, ...]] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)
    _many: bool = False

    def see(self, name: str, size: int, read: Callable[[], bytes]) -> None:
        """A file of the layer that is looked through, by its path without a leading slash."""
        folder, _, last = name.rpartition("/")
        if last.startswith(".wh."):
            self._gone.add(folder if last == ".wh..wh..opq" else _joined(folder, last[len(".wh.") :]))
        elif (match := _PYTHON.fullmatch(name)) is not None:
            self._brought(match["folder"], _python(match))
        elif _RPM.fullmatch(name):
            self.unread[name] = "databases of rpm are not read"
        elif _DPKG.fullmatch(name) or _APK.fullmatch(name):
            if size > _LARGEST:
                self.unread[name] = f"it is larger than {_LARGEST} bytes"
                return
            text = read().decode("utf-8", "replace")
            of_dpkg = _DPKG.fullmatch(name) is not None
            self._brought(name, tuple(islice(_dpkg(text, name) if of_dpkg else _apk(text, name), _MOST + 1)))
            if not of_dpkg:
                self.owned |= {line[2:] for line in text.splitlines() if line.startswith("F:")}

    def layer_ends(self) -> None:
        """What it removes is gone from the layers below; what it holds is there."""
        if self._gone:
            self.files = {path: ones for path, ones in self.files.items() if not _below(path, self._gone)}
        self.files |= self._fresh
        self._fresh, self._gone = {}, set()
        if self._many or sum(map(len, self.files.values())) > _MOST:
            self.files, self.unread["everything"] = {}, f"it holds more than {_MOST} packages"

    def _brought(self, path: str, found: tuple[Installed, ...]) -> None:
        """Packages of the layer, as long as there are not too many of them to be kept until its end."""
        self._many = self._many or len(found) > _MOST or len(self._fresh) > _MOST
        if not self._many:
            self._fresh[path] = found

    def installed(self, release: Mapping[str, str]) -> tuple[Installed, ...]:
        """Everything that is there, in order; ``release`` are the fields of ``os-release``."""
        system = ecosystem(release)
        found = set()
        for path, ones in self.files.items():
            if not path.startswith(_OF_DEBIAN) and path not in self.owned:
                found |= {_of(one, system) for one in ones}
        return tuple(sorted(found, key=lambda one: (one.ecosystem, one.name, one.version, one.place)))


def ecosystem(release: Mapping[str, str]) -> str:
    """The distribution as OSV calls it; empty where it has no advisories there."""
    name, version = release.get("ID", ""), release.get("VERSION_ID", "")
    year, _, month = version.partition(".")
    if name == "debian" and version.isdecimal():
        return f"Debian:{version}"
    if name == "ubuntu" and year.isdecimal() and month.isdecimal():
        return f"Ubuntu:{version}:LTS" if month == "04" and int(year) % 2 == 0 else f"Ubuntu:{version}"
    if name == "alpine" and year.isdecimal() and month:
        return f"Alpine:v{year}.{month.partition('.')[0]}"
    return {"wolfi": "Wolfi", "chainguard": "Chainguard"}.get(name, "")


def of_paths(paths: Iterable[str]) -> tuple[Installed, ...]:
    """The Python packages whose own notes lie at these paths."""
    found = {one for path in paths if (match := _PYTHON.fullmatch(path.lstrip("/"))) for one in _python(match)}
    return tuple(sorted(found, key=lambda one: (one.name, one.version)))


def _below(path: str, gone: set[str]) -> bool:
    """Whether it is one of these, or lies in one; ``""`` is everything."""
    return "" in gone or path in gone or any(str(folder) in gone for folder in PurePosixPath(path).parents)


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _of(one: Installed, system: str) -> Installed:
    if one.ecosystem:
        return one
    return Installed(system, one.name, one.version, one.place, one.source, one.source_version, one.architecture)


def _python(match: re.Match[str]) -> tuple[Installed, ...]:
    name = re.sub(r"[-_.]+", "-", match["name"]).lower()
    return (Installed(PYPI, name, match["version"].replace("_", "-"), f"/{match['folder'].rpartition('/')[0]}"),)


def _dpkg(text: str, place: str) -> Iterator[Installed]:
    """The paragraphs of dpkg's status (deb-control(5)); without a word on its state, a package is there."""
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields = _fields(paragraph, ": ")
        state = fields.get("Status", "installed").split()
        source = _SOURCE.fullmatch(fields.get("Source", ""))
        name, version = fields.get("Package", ""), fields.get("Version", "")
        if state[-1:] == ["installed"] and _WORD.fullmatch(name) and _WORD.fullmatch(version):
            where = source["name"] if source else ""
            of = (source["version"] or "") if source else ""
            yield Installed("", name, version, f"/{place}", where, of, fields.get("Architecture", "")[:40])


def _apk(text: str, place: str) -> Iterator[Installed]:
    """The blocks of apk's database (https://wiki.alpinelinux.org/wiki/Apk_spec)."""
    for block in text.split("\n\n"):
        fields = _fields(block, ":")
        name, version = fields.get("P", ""), fields.get("V", "")
        if _WORD.fullmatch(name) and _WORD.fullmatch(version):
            yield Installed("", name, version, f"/{place}", fields.get("o", "")[:300], "", fields.get("A", "")[:40])


def _fields(block: str, mark: str) -> dict[str, str]:
    """The first line of each field."""
    pairs = (line.partition(mark.rstrip()) for line in block.splitlines() if line[:1] not in {" ", "\t"})
    return {name: value.strip() for name, found, value in pairs if found}
