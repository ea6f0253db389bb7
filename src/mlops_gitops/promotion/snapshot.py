"""What the environment repository says, at one commit, as frozen records.

Everything is read through a ``Tree`` and believed only as far as it holds together: a pointer must be the one that the
slot's last receipt names, and that receipt must be signed by someone whom ``trust/`` lets promote there.  Anything that
does not hold raises ``Refused`` with the path; nothing is repaired here.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from typing import Any

from mlops_gitops import canonical
from mlops_gitops.errors import Misused, NotYet, Refused
from mlops_gitops.evidence.admission import Evidence, TurnedAway, admit, may_sign, signed_by
from mlops_gitops.evidence.envelope import Envelope
from mlops_gitops.manifests import reading
from mlops_gitops.manifests.control import Control, ControlFile
from mlops_gitops.manifests.environment import Environment
from mlops_gitops.manifests.release import Release
from mlops_gitops.manifests.trust import Trust
from mlops_gitops.promotion import layout, pointer, receipts, seals
from mlops_gitops.promotion.receipts import PROMOTE, Filed
from mlops_gitops.promotion.seals import Seal
from mlops_gitops.promotion.store import Tree
from mlops_gitops.promotion.targets import Place, places
from mlops_gitops.records import record


@record
class Slot:
    """One model in one environment: what runs there, by which receipts, under which controls.

    ``current`` is the release of the environment's own pointer; ``targets`` may run another while a rollout is on.
    """

    environment: Environment
    model: str
    current: str | None
    receipts: tuple[Filed, ...]
    controls: tuple[Control, ...]
    targets: tuple[Place, ...] = ()

    @property
    def arrival(self) -> Filed | None:
        """The receipt that made ``current`` what it is; later ones have moved targets only."""
        return next((one for one in reversed(self.receipts) if one.receipt.whole), None)

    @property
    def in_flight(self) -> str | None:
        """The release that some targets run and the environment as a whole not yet, while its rollout is on."""
        last = self.receipts[-1].receipt if self.receipts else None
        flying = last is not None and not last.whole and (last.action, last.release != self.current) == (PROMOTE, True)
        return last.release if last is not None and flying else None

    @property
    def unsealed(self) -> bool:
        """Whether what runs there came by a pull request and nothing shows yet that it was allowed."""
        return bool(self.receipts) and not self.receipts[-1].stands

    @property
    def lawful(self) -> str | None:
        """The release that runs there, or the last one before it, by a promotion that stands."""
        return next((one.receipt.release for one in reversed(self.receipts) if one.receipt.whole and one.stands), None)


@record
class Dossier:
    """A release, the evidence about it that was admitted, and the files that were turned away."""

    release: Release
    evidence: tuple[Evidence, ...]
    turned_away: tuple[TurnedAway, ...]


@lru_cache(maxsize=4096)
def _read(kind: Any, data: bytes, *, path: str) -> Any:
    """A document, parsed once for its bytes: ``verify`` meets the same policy in a thousand commits."""
    return reading.read(kind, data, path=path)


@lru_cache(maxsize=4096)
def _release(data: bytes, *, path: str) -> tuple[Release, str | None]:
    """A release, and the id that its bytes have a right to: ``None`` where it would be written otherwise.

    Computed once for the same bytes: the release is the same in every environment.
    """
    found: Release = reading.read("release", data, path=path)
    return found, found.id if found.render() == data else None


class Snapshot:
    """The environment repository at one commit.  Reads each file when first asked for, and once."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._trust: Trust | None = None
        self._environments: dict[str, Environment] = {}
        self._slots: dict[tuple[str, str], Slot] = {}
        self._dossiers: dict[tuple[str, str], Dossier] = {}

    @property
    def trust(self) -> Trust:
        """Who may sign what."""
        if self._trust is None:
            data = self.tree.read(layout.TRUST)
            if data is None:
                raise _broken(layout.TRUST, "it is missing, so no signature can be trusted")
            self._trust = _read("trust", data, path=layout.TRUST)
        return self._trust

    def environment(self, name: str) -> Environment:
        """One environment's policy.  Raises ``Misused`` where there is no such environment."""
        if name not in self._environments:
            path = layout.environment(layout.name(name, "an environment"))
            data = self.tree.read(path)
            if data is None:
                known = ", ".join(self._environment_names()) or "none"
                raise Misused(
                    f"there is no environment {name!r}", hint=f"the environments are: {known}", code="no-environment"
                )
            found: Environment = _read("environment", data, path=path)
            if found.name != name:
                raise _broken(path, f"it says that it is environment {found.name!r}")
            self._environments[name] = found
        return self._environments[name]

    def environments(self) -> tuple[Environment, ...]:
        """All environments, each behind those that it comes after."""
        found = {name: self.environment(name) for name in self._environment_names()}
        for one in found.values():
            for upstream in one.after:
                if upstream not in found:
                    raise _broken(layout.environment(one.name), f"it comes after {upstream!r}, which does not exist")
        try:
            order = TopologicalSorter({name: sorted(one.after) for name, one in found.items()}).static_order()
            return tuple(found[name] for name in order)
        except CycleError as error:
            raise _broken("environments", f"`after` runs in a circle: {' → '.join(error.args[1])}") from error

    def models(self) -> tuple[str, ...]:
        """The models that have a release."""
        return tuple(name for name in self.tree.names("releases") if layout.NAME.fullmatch(name))

    def slot(self, environment: str, model: str) -> Slot:
        """One model in one environment, with pointer and receipts checked against each other."""
        key = (environment, model)
        if key not in self._slots:
            self._slots[key] = self._read_slot(self.environment(environment), layout.name(model, "a model"))
        return self._slots[key]

    def dossier(self, model: str, release: str) -> Dossier:
        """A release and the evidence about it."""
        key = (model, release)
        if key not in self._dossiers:
            self._dossiers[key] = Dossier(self.release(model, release), *self._evidence(release))
        return self._dossiers[key]

    def release(self, model: str, release: str) -> Release:
        """One release.  Raises ``Refused`` where its file is missing or is not what its name promises."""
        path = layout.release(model, release)
        data = self.tree.read(path)
        if data is None:
            raise _broken(path, "it is missing")
        found, promised = _release(data, path=path)
        if promised != release or found.name != model:
            raise _broken(path, "its bytes are not those of the release that its name promises")
        return found

    def release_ids(self, model: str) -> tuple[str, ...]:
        """The ids of a model's releases, in no order."""
        names = self.tree.names(layout.releases(layout.name(model, "a model")))
        return tuple(
            name.removesuffix(".yaml") for name in names if layout.DIGEST.fullmatch(name.removesuffix(".yaml"))
        )

    def line(self, model: str) -> tuple[Release, ...]:
        """A model's releases, oldest first, by what each supersedes.  Raises ``Refused`` where they form no line."""
        found = [self.release(model, one) for one in self.release_ids(model)]
        following = {one.supersedes: one for one in found}
        line: list[Release] = []
        while (one := following.pop(line[-1].id if line else None, None)) is not None:
            line.append(one)
        if len(line) != len(found):
            raise _broken(layout.releases(model), "its releases do not form one line, each superseding the one before")
        return tuple(line)

    def find_release(self, model: str, text: str) -> str:
        """The release that ``text`` means: an id, the beginning of one, or a version.  Raises ``Misused``."""
        ids = [one for one in self.release_ids(model) if one.startswith(text)] if len(text) >= 6 else []  # noqa: PLR2004
        if not ids:
            ids = [one.id for one in self.line(model) if one.version == text][-1:]
        if len(ids) != 1:
            known = ", ".join(f"{one.version} ({one.id[:12]})" for one in self.line(model)[-5:]) or "none"
            raise Misused(
                f"{text!r} names {'no' if not ids else 'more than one'} release of {model}",
                hint=f"the newest releases are: {known}",
                code="no-release",
            )
        return ids[0]

    def candidate(self, model: str, environment: Environment) -> str:
        """The release that should move next: what runs upstream, else the newest.  Raises ``NotYet`` or ``Misused``."""
        if not environment.after:
            line = self.line(model)
            if not line:
                known = ", ".join(self.models()) or "none"
                raise Misused(
                    f"there is no release of {model!r}", hint=f"models with a release: {known}", code="no-release"
                )
            return line[-1].id
        running = {name: self.slot(name, model).current for name in environment.after}
        first = running[environment.after[0]]
        if first is None or set(running.values()) != {first}:
            where = ", ".join(f"{name}: {(release or 'nothing')[:12]}" for name, release in running.items())
            raise NotYet(
                f"no release of {model} runs in every environment before {environment.name} ({where})",
                hint=f"promote it to {' and '.join(environment.after)} first",
                code="not-upstream",
            )
        return first

    def _environment_names(self) -> tuple[str, ...]:
        names = self.tree.names("environments")
        return tuple(
            one for one in names if layout.NAME.fullmatch(one) and self.tree.read(layout.environment(one)) is not None
        )

    def _read_slot(self, environment: Environment, model: str) -> Slot:
        chain = tuple(replace(one, seal=self._seal(one)) for one in self._chain(environment.name, model))
        path = layout.pointer(environment.name, model)
        data = self.tree.read(path)
        found = Slot(environment, model, None, chain, self.controls(environment.name, model))
        arrival = found.arrival
        if (data is None) != (arrival is None):
            raise _broken(path, "pointer and receipts do not agree: one of them is missing")
        if data is not None and arrival is not None:
            last = arrival.receipt
            if canonical.sha256(data) != last.pointer or pointer.release_id(data, path=path) != last.release:
                raise _broken(path, f"it is not the pointer that receipt {last.id[:12]} wrote")
            found = replace(found, current=last.release)
        targets = self._targets(environment, model, chain)
        for filed in dict.fromkeys(
            [*chain[-1:], *filter(None, [arrival]), *(one.filed for one in targets if one.filed)]
        ):
            if not self._promoted_by_right(filed):
                raise _broken(filed.receipt.path, f"nobody who may promote to {environment.name} signed it")
        return replace(found, targets=targets)

    def _targets(self, environment: Environment, model: str, chain: tuple[Filed, ...]) -> tuple[Place, ...]:
        def read(name: str) -> bytes | None:
            return self.tree.read(layout.pointer(environment.name, model, name))

        found = []
        for one in places(environment.rollout, chain, read):
            if not isinstance(one, Place):
                name, wrong = one
                raise _broken(layout.pointer(environment.name, model, name), wrong)
            found.append(one)
        return tuple(found)

    def _promoted_by_right(self, filed: Filed) -> bool:
        """Whether the signer of a receipt may promote there."""
        return self._signed_by_right(filed.sealed, filed.receipt.environment, filed.receipt.path)

    def _signed_by_right(self, sealed: Envelope, environment: str, path: str) -> bool:
        """Whether trust lets the signer promote there, as it is; or as it was when the file came.

        So a key can be retired and what it moved stays; and it can move nothing more, whatever a receipt of its says.
        """
        if may_promote(sealed, environment, self.trust):
            return True
        then = self.tree.before(path)
        return then is not None and may_promote(sealed, environment, Snapshot(then).trust)

    def _seal(self, filed: Filed) -> Seal | None:
        """What completes a receipt that came by a pull request; a seal that does not hold completes nothing."""
        path = layout.seal(filed.receipt.environment, filed.receipt.model, filed.receipt.id)
        data = self.tree.read(path) if filed.receipt.mode != receipts.DIRECT else None
        if data is None:
            return None
        try:
            found = seals.parse(data, path=path)
        except Refused:
            return None
        holds = seals.completes(found.seal, filed) and self._signed_by_right(found.sealed, found.seal.environment, path)
        return found.seal if holds else None

    def _chain(self, environment: str, model: str) -> tuple[Filed, ...]:
        folder = layout.receipts(environment, model)
        filed = []
        for name in self.tree.names(folder):
            data = self.tree.read(f"{folder}/{name}")
            if data is None:
                raise _broken(f"{folder}/{name}", "it is not a receipt")
            filed.append(receipts.parse(data, path=f"{folder}/{name}"))
        return receipts.chained(filed, environment=environment, model=model)

    def controls(self, environment: str, model: str) -> tuple[Control, ...]:
        """The controls of one slot.  Raises ``Refused`` where their file cannot be read."""
        path = layout.controls(environment, model)
        data = self.tree.read(path)
        if data is None:
            return ()
        found: ControlFile = _read("control", data, path=path)
        if (found.environment, found.model) != (environment, model):
            raise _broken(path, f"it says that it is about {found.model} in {found.environment}")
        return found.controls

    def _evidence(self, release: str) -> tuple[tuple[Evidence, ...], tuple[TurnedAway, ...]]:
        folder = layout.evidence(release)
        admitted: list[Evidence] = []
        away: list[TurnedAway] = []
        for name in self.tree.names(folder):
            data = self.tree.read(f"{folder}/{name}")
            judged = (
                admit(name, data, release=release, trust=self.trust)
                if data is not None
                else TurnedAway(name, "not a file")
            )
            if isinstance(judged, Evidence):
                admitted.append(judged)
            else:
                away.append(judged)
        return tuple(admitted), tuple(away)


def may_promote(sealed: Envelope, environment: str, trust: Trust) -> bool:
    """Whether somebody whom trust lets promote into the environment signed this."""
    signer = signed_by(sealed, trust)
    return signer is not None and may_sign(signer, "promotion", environment)


def _broken(path: str, why: str) -> Refused:
    return Refused(
        f"the environment repository does not hold together at {path}: {why}",
        hint="`mlops-gitops verify` shows every such place; `git log` of that path shows who changed it",
        code="environment-repository",
    )
