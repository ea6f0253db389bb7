"""Personal data: found by the names of columns and by what text columns hold, and never shown.

Each kind has a shape, counted in the same pass as everything else, and a checksum where the world gives it one (Luhn's
for payment cards, ISO 7064 mod 97-10 for IBANs, which also have a length by country).  The share of a column that has
the shape says how sure the finding is: shapes that other things have too count only where most of the column has them.
No value leaves the engine: what comes back are counts.

What this cannot see: names of people in free text, and whatever a column's name does not say and no shape tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mlops_gitops import canonical
from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import wording
from mlops_gitops.testing.data.columns import DATA, Locate
from mlops_gitops.testing.data.discretion import by_name
from mlops_gitops.testing.data.scans import Scan, Wanted
from mlops_gitops.testing.engines.connections import quoted

AT = (*DATA, "pii")
_CERTAIN, _LIKELY = 0.9, 0.5
"""The share of a column that has a shape, from which it is called certain or likely."""

_SUM_OF_LUHN = (
    "list_sum(list_transform(range(1, length({d}) + 1), lambda i: "
    "CASE WHEN i % 2 = 1 THEN CAST(substr(reverse({d}), i, 1) AS INTEGER) "
    "ELSE (2 * CAST(substr(reverse({d}), i, 1) AS INTEGER)) % 10 "
    "+ (2 * CAST(substr(reverse({d}), i, 1) AS INTEGER)) // 10 END)) % 10 = 0"
)
_REST_OF_97 = (
    "list_reduce(list_prepend(0, list_transform(range(1, length({d}) + 1), lambda i: "
    "CASE WHEN substr({d}, i, 1) BETWEEN '0' AND '9' THEN ascii(substr({d}, i, 1)) - 48 "
    "ELSE ascii(substr({d}, i, 1)) - 55 END)), "
    "lambda a, c: (a * (CASE WHEN c > 9 THEN 100 ELSE 10 END) + c) % 97) = 1"
)
_IBAN_LENGTHS = (
    "NO15 BE16 DK18 FI18 NL18 SI19 AT20 BA20 EE20 LT20 LU20 XK20 CH21 HR21 LV21 LI21 BG22 DE22 GB22 GE22 IE22 ME22 "
    "RS22 AE23 GI23 IL23 AD24 CZ24 ES24 MD24 PK24 RO24 SA24 SE24 SK24 TN24 VG24 PT25 FR27 GR27 IT27 MC27 SM27 AL28 "
    "AZ28 CY28 HU28 LB28 PL28 BR29 QA29 UA29 JO30 KW30 MU30 MT31"
)


class _Shape(NamedTuple):
    """A kind that text can be of: the condition in SQL over ``{v}``, and the share of a column from which it counts."""

    kind: str
    condition: str
    least: float


_DIGITS = "regexp_replace({v}, '[ -]', '', 'g')"
_IBAN = "upper(regexp_replace({v}, ' ', '', 'g'))"
_SHAPES = (
    _Shape(
        "email", r"regexp_matches({v}, '[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{{2,24}}\b')", 0.0
    ),
    _Shape(
        "iban",
        "CASE WHEN regexp_full_match({v}, '[A-Za-z]{{2}}[0-9]{{2}}[A-Za-z0-9 ]{{11,38}}') "
        f"AND list_contains(string_split('{_IBAN_LENGTHS}', ' '), "
        f"concat(substr({_IBAN}, 1, 2), CAST(length({_IBAN}) AS VARCHAR))) "
        "THEN " + _REST_OF_97.format(d=f"concat(substr({_IBAN}, 5), substr({_IBAN}, 1, 4))") + " ELSE false END",
        0.0,
    ),
    _Shape(
        "credit-card",
        "CASE WHEN regexp_full_match({v}, '[2-6][0-9]{{3}}[ -]?([0-9]{{4}}[ -]?){{2}}[0-9]{{1,7}}|3[47][0-9]{{13}}') "
        "THEN " + _SUM_OF_LUHN.format(d=_DIGITS) + " ELSE false END",
        0.5,
    ),
    _Shape(
        "ip-address",
        r"regexp_full_match({v}, '((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){{3}}(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
        r"|([0-9a-fA-F]{{1,4}}:){{7}}[0-9a-fA-F]{{1,4}}')",
        0.5,
    ),
    _Shape(
        "social-security-number",
        "regexp_full_match({v}, '[0-8][0-9]{{2}}-[0-9]{{2}}-[0-9]{{4}}') "
        "AND NOT regexp_full_match({v}, '(000|666)-.*|...-00-.*|.*-0000')",
        0.5,
    ),
    _Shape(
        "phone",
        r"regexp_full_match({v}, '\+[1-9][0-9]{{0,2}}[ .-]?\(?[0-9]{{1,4}}\)?([ .-]?[0-9]{{2,4}}){{2,4}}"
        r"|\(?[0-9]{{3}}\)?[ .-][0-9]{{3}}[ .-][0-9]{{4}}|0[0-9]{{2,4}}[ /-][0-9]{{5,8}}')",
        0.5,
    ),
)


def wanted() -> Wanted:
    """The rows of each text column that have the shape of each kind."""
    return Wanted(asks=(_Shapes(),))


@dataclass(frozen=True, slots=True)
class _Shapes:
    """What to count of the columns that can hold such text."""

    def __call__(self, stored: Mapping[str, str], /) -> Mapping[str, str]:
        return _asked(stored)

    @property
    def told(self) -> JSON:
        return ["pii", canonical.digest([[one.kind, one.condition] for one in _SHAPES])]


def _asked(stored: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, kind in stored.items():
        whole = kind in {"BIGINT", "UBIGINT"}
        if not whole and not kind.startswith(("VARCHAR", "ENUM")):
            continue
        value = f"trim(CAST({quoted(name)} AS VARCHAR))"
        for shape in _SHAPES:
            if not whole or shape.kind == "credit-card":
                condition = shape.condition.replace("{v}", "\0").replace("{{", "{").replace("}}", "}")
                # a trillion digits are no telephone number: what is long costs no more than a look at its length
                found[_key(name, shape.kind)] = (
                    f"length({value}) < 4096 AND " + condition.replace("\0", value)
                    if shape.kind == "email"
                    else f"length({value}) < 64 AND " + condition.replace("\0", value)
                )
    return found


def checks(model: Model, *, dataset: str, scan: Scan, locate: Locate) -> Iterator[Check]:
    """One check for each column that holds, or by its name may hold, personal data; one that passes where none does."""
    tests = model.tests.data.pii
    if tests is None:
        return
    clean = 0
    for column in scan.profile.columns:
        present = scan.profile.rows - column.nulls
        named = by_name(column.name)
        counted = {shape: scan.counts.get(_key(column.name, shape.kind), 0) for shape in _SHAPES}
        held = {
            shape.kind: count
            for shape, count in counted.items()
            if count and present and count / present >= shape.least
        }
        found = _Found(model, dataset, column.name, locate)
        if held:
            kind = max(held, key=lambda one: held[one])
            yield found.held(kind, held[kind], present, named=named == kind)
        elif named is not None and present:
            yield found.named(named)
        else:
            clean += 1
    if clean == len(scan.profile.columns):
        message = f"none of the {clean} columns of {dataset} has the name or the shape of personal data"
        yield Check("data.pii", dataset, Verdict.PASS, message, location=locate(AT))


class _Found(NamedTuple):
    """A column in which personal data were found."""

    model: Model
    dataset: str
    column: str
    locate: Locate

    def held(self, kind: str, count: int, present: int, *, named: bool) -> Check:
        """By what it holds."""
        share = count / present
        sure = "certainly" if named or share >= _CERTAIN else "very likely" if share >= _LIKELY else "in places"
        message = f"{self.dataset}.{self.column} {sure} holds personal data ({kind}): "
        return self._judged(kind, f"{message}{wording.share(count, present)} have its shape", Verdict.FAIL)

    def named(self, kind: str) -> Check:
        """By its name alone."""
        message = f"{self.dataset}.{self.column} may hold personal data ({kind}), by its name alone"
        return self._judged(kind, message, Verdict.INCONCLUSIVE)

    def _judged(self, kind: str, message: str, verdict: Verdict) -> Check:
        tests, place = self.model.tests.data.pii, self.locate(AT)
        if tests is not None and kind in tests.denied:
            message += f"; {kind} is denied, in whatever column"
            place, fix = self.locate((*AT, "denied")), "take the column out of the data"
        elif tests is None or self.column not in tests.allowed:
            fix = "take the column out, replace its values by a keyed hash, or name it in `pii.allowed`"
        elif self.model.tags.get("pii") == "none":
            message += "; the column is allowed, and the model's tag says `pii: none`"
            fix = "correct the tag (`metadata.tags.pii`), or take the column out of the data"
        else:
            message += "; the manifest allows it"
            verdict, fix = Verdict.PASS, ""
        subject = f"{self.dataset}.{self.column}"
        return Check("data.pii", subject, verdict, message, observed=kind, location=place, fix=fix)


def _key(column: str, kind: str) -> str:
    return f"pii {kind} {column}"
