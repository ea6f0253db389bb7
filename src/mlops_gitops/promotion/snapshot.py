"""What the environment repository says, at one commit, as frozen records.

Everything is read through a ``Tree``, when it is first asked for and once, and believed only as far as it holds
together (``slots.py`` says how far that is).  Anything that does not hold raises ``Refused`` with the path; nothing is
repaired here.
"""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from mlops_gitops.errors import Misused, NotYet
from mlops_gitops.evidence.admission import Evidence, TurnedAway, admit
from mlops_gitops.manifests.control import Control, ControlFile
from mlops_gitops.manifests.environment import Environment
from mlops_gitops.manifests.release import Release
from mlops_gitops.manifests.trust import Trust
from mlops_gitops.promotion import layout, slots, stored
from mlops_gitops.promotion.slots import Slot
from mlops_gitops.promotion.store import Tree
from mlops_gitops.promotion.stored import broken


@dataclass(frozen=True, slots=True)
class Dossier:
    """A release, the evidence about it that was admitted, and the files that were turned away."""

    release: Release
    evidence: tuple[Evidence, ...]
    turned_away: tuple[TurnedAway, ...]


class Snapshot:
    """The environment repository at one commit.  Reads each file when first asked for, and once."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._trust: Trust | None = None
        self._environments: dict[str, Environment] = {}
        self._policies: dict[str, bytes | None] = {}
        self._order: tuple[Environment, ...] | None = None
        self._releases: dict[tuple[str, str], Release] = {}
        self._lines: dict[str, tuple[Release, ...]] = {}
        self._slots: dict[tuple[str, str], Slot] = {}
        self._dossiers: dict[tuple[str, str], Dossier] = {}

    @property
    def trust(self) -> Trust:
        """Who may sign what."""
        if self._trust is None:
            self._trust = stored.trust(self.tree)
        return self._trust

    def environment(self, name: str) -> Environment:
        """One environment's policy.  Raises ``Misused`` where there is no such environment."""
        if name not in self._environments:
            path = layout.environment(layout.name(name, "an environment"))
            data = self._policy(name)
            if data is None:
                known = ", ".join(self._environment_names()) or "none"
                raise Misused(
                    f"there is no environment {name!r}", hint=f"the environments are: {known}", code="no-environment"
                )
            found: Environment = stored.document("environment", data, path=path)
            if found.name != name:
                raise broken(path, f"it says that it is environment {found.name!r}")
            self._environments[name] = found
        return self._environments[name]

    def environments(self) -> tuple[Environment, ...]:
        """All environments, each behind those that it comes after."""
        if self._order is None:
            self._order = self._ordered()
        return self._order

    def _ordered(self) -> tuple[Environment, ...]:
        found = {name: self.environment(name) for name in self._environment_names()}
        for one in found.values():
            for upstream in one.after:
                if upstream not in found:
                    raise broken(layout.environment(one.name), f"it comes after {upstream!r}, which does not exist")
        try:
            order = TopologicalSorter({name: sorted(one.after) for name, one in found.items()}).static_order()
            return tuple(found[name] for name in order)
        except CycleError as error:
            raise broken("environments", f"`after` runs in a circle: {' → '.join(error.args[1])}") from error

    def models(self) -> tuple[str, ...]:
        """The models that have a release."""
        return tuple(name for name in self.tree.names("releases") if layout.NAME.fullmatch(name))

    def slot(self, environment: str, model: str) -> Slot:
        """One model in one environment, with pointer and receipts checked against each other."""
        key = (environment, model)
        if key not in self._slots:
            policy, name = self.environment(environment), layout.name(model, "a model")
            self._slots[key] = slots.read(
                self.tree,
                policy,
                name,
                controls=lambda: self.controls(environment, name),
                trust=lambda: self.trust,
            )
        return self._slots[key]

    def dossier(self, model: str, release: str) -> Dossier:
        """A release and the evidence about it."""
        key = (model, release)
        if key not in self._dossiers:
            self._dossiers[key] = Dossier(self.release(model, release), *self._evidence(release))
        return self._dossiers[key]

    def release(self, model: str, release: str) -> Release:
        """One release.  Raises ``Refused`` where its file is missing or is not what its name promises."""
        key = (model, release)
        if key not in self._releases:
            self._releases[key] = self._release(model, release)
        return self._releases[key]

    def _release(self, model: str, release: str) -> Release:
        path = layout.release(model, release)
        data = self.tree.read(path)
        if data is None:
            raise broken(path, "it is missing")
        found, promised = stored.release(data, path=path)
        if promised != release or found.name != model:
            raise broken(path, "its bytes are not those of the release that its name promises")
        return found

    def release_ids(self, model: str) -> tuple[str, ...]:
        """The ids of a model's releases, in no order."""
        names = self.tree.names(layout.releases(layout.name(model, "a model")))
        return tuple(
            name.removesuffix(".yaml") for name in names if layout.DIGEST.fullmatch(name.removesuffix(".yaml"))
        )

    def line(self, model: str) -> tuple[Release, ...]:
        """A model's releases, oldest first, by what each supersedes.  Raises ``Refused`` where they form no line."""
        if model not in self._lines:
            self._lines[model] = self._line(model)
        return self._lines[model]

    def _line(self, model: str) -> tuple[Release, ...]:
        found = [self.release(model, one) for one in self.release_ids(model)]
        following = {one.supersedes: one for one in found}
        line: list[Release] = []
        while (one := following.pop(line[-1].id if line else None, None)) is not None:
            line.append(one)
        if len(line) != len(found):
            raise broken(layout.releases(model), "its releases do not form one line, each superseding the one before")
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
        return tuple(one for one in names if layout.NAME.fullmatch(one) and self._policy(one) is not None)

    def _policy(self, name: str) -> bytes | None:
        if name not in self._policies:
            self._policies[name] = self.tree.read(layout.environment(name))
        return self._policies[name]

    def controls(self, environment: str, model: str) -> tuple[Control, ...]:
        """The controls of one slot.  Raises ``Refused`` where their file cannot be read."""
        path = layout.controls(environment, model)
        data = self.tree.read(path)
        if data is None:
            return ()
        found: ControlFile = stored.document("control", data, path=path)
        if (found.environment, found.model) != (environment, model):
            raise broken(path, f"it says that it is about {found.model} in {found.environment}")
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
