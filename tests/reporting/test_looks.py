"""Every picture and page as a browser shows it: at a desk and on a phone, light, dark and printed, without a network.

``faults.js`` is the ruler.  It finds what it is for, which is tested first, and then nothing in what we draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import browser
import estate
import figures_examples as extremes
import reproduction_examples as reproductions
import results_examples as results
import scorecard_examples as scorecards
from browser import Browser
from mlops_gitops.cli import report_forms
from mlops_gitops.evidence.score.rubric import TESTS
from mlops_gitops.evidence.score.scoring import How, Line, Score
from mlops_gitops.reporting import feature_costs, reproduction_page
from mlops_gitops.reporting.page.document import document
from mlops_gitops.reporting.page.elements import folded
from mlops_gitops.reporting.page.style import SHEET
from mlops_gitops.reporting.results import page
from mlops_gitops.reporting.score import badge
from mlops_gitops.reporting.score import page as score_page
from prose import ROOT

pytestmark = pytest.mark.skipif(
    browser.CHROMIUM is None, reason="no chromium to look with: `apt-get install chromium` brings it"
)
FAULTS = (Path(__file__).parent / "faults.js").read_text()
OPEN = "document.querySelectorAll('details').forEach(one => one.open = true)"
MADE = "2026-11-24T06:01:00Z"
WIDTHS = {"desk": 1280, "phone": 412}
LIGHTS = ("light", "dark")

HOWS = tuple(How)
SOME = Score(estate.release(), tuple(Line(test, HOWS[i % 3], "because", next="`do`") for i, test in enumerate(TESTS)))
NONE = Score(estate.release(), tuple(Line(test, How.NOT, extremes.LONG) for test in TESTS))


def alone(svg: str) -> str:
    """A picture in a page that shrinks it where there is no room, as GitHub does."""
    shell = "body{margin:16px;background:#fff}svg{display:block;max-width:100%;height:auto}"
    return document("picture", svg, sheet=shell, footer="").replace("<footer></footer>", "")


def forest(case: str) -> str:
    return report_forms.made(scorecards.ALL[case]).files["metrics-1.svg"]


SHOWN: dict[str, Callable[[], str]] = {
    "results": lambda: page.page(results.WHOLE, generated=MADE),
    "nothing": lambda: page.page(results.NOTHING, generated=MADE),
    "hostile": lambda: page.page(results.HOSTILE, generated=MADE),
    "extremes": lambda: page.page(extremes.EXTREME, generated=MADE),
    "some points": lambda: score_page.page(SOME, generated=MADE),
    "no points": lambda: score_page.page(NONE, generated=MADE),
    "badge": lambda: alone(badge.svg(SOME)),
    "costs": lambda: alone(feature_costs.plot(extremes.COSTS)),
    "costs that were not measured": lambda: alone(feature_costs.plot(extremes.UNMEASURED)),
    "growth": lambda: alone((ROOT / "docs" / "reference" / "growth.svg").read_text()),
    **{f"reproduction, {name}": lambda one=one: reproduction_page.page(one, generated=MADE)
       for name, one in reproductions.ALL.items()},
    **{f"ladder, {name}": lambda one=one: alone(reproduction_page.svg(one)) for name, one in reproductions.ALL.items()
       if name in {"different", "crashed", "hostile"}},
    **{f"forest, {case}": lambda case=case: alone(forest(case)) for case in ("bad", "many", "hostile")},
}  # fmt: skip


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    with browser.opened() as found:
        yield found


def put(folder: Path, text: str) -> Path:
    file = folder / "page.html"
    file.write_bytes(text.encode(errors="replace"))
    return file


@pytest.mark.parametrize("name", SHOWN)
def test_nothing_is_cut_covered_tiny_or_pale(name: str, tab: Browser, tmp_path: Path) -> None:
    file = put(tmp_path, SHOWN[name]())
    for device, width in WIDTHS.items():
        for light in LIGHTS:
            tab.show(file, width=width, scheme=light)
            assert tab.asked == []
            tab.ask(OPEN)
            assert tab.ask("matchMedia('(prefers-color-scheme: dark)').matches") == (light == "dark")
            assert [device, light, *tab.ask(FAULTS)] == [device, light]


PLANTED = {
    "the page scrolls sideways": f"<p style='white-space:nowrap'>{'wide ' * 400}</p>",
    "is cut by the edge": "<svg role='img' viewBox='0 0 99 99'><title>x</title><text x='90' y='20'>long</text></svg>",
    '"one" lies on "other"': "<svg role='img' viewBox='0 0 99 99'><title>x</title><text x='9' y='20'>other</text>"
    "<text x='9' y='23'>one</text></svg>",
    '"small" is 4': "<svg role='img' viewBox='0 0 900 90' style='width:300px'><title>x</title>"
    "<text x='9' y='20'>small</text></svg>",
    'contrast of "pale"': "<p style='color:#999'>pale</p>",
    'contrast of "on paint"': "<svg role='img' viewBox='0 0 99 99'><title>x</title>"
    "<rect width='99' height='99' fill='#333'/><text x='9' y='20' style='fill:#222'>on paint</text></svg>",
    "a picture has no name": "<svg role='img' viewBox='0 0 99 99'></svg>",
}


@pytest.mark.parametrize("fault", PLANTED)
def test_the_ruler_finds_what_it_is_for(fault: str, tab: Browser, tmp_path: Path) -> None:
    shell = document("x", PLANTED[fault], sheet="svg{width:99px}text{font:12px sans-serif}", footer="x")
    tab.show(put(tmp_path, shell), width=412)
    found = tab.ask(FAULTS)
    assert found
    assert all(fault in one for one in found)


def test_dark_is_dark_and_paper_is_light(tab: Browser, tmp_path: Path) -> None:
    file = put(tmp_path, SHOWN["results"]())
    paints = []
    for scheme, media in (("light", "screen"), ("dark", "screen"), ("dark", "print")):
        tab.show(file, width=1280, scheme=scheme, media=media)
        paints.append(tab.ask("getComputedStyle(document.documentElement).getPropertyValue('--ink')"))
        assert tab.ask(FAULTS) == []
    assert paints == ["#1b1f24", "#e8eaed", "#1b1f24"]


def test_what_is_folded_is_printed(tab: Browser, tmp_path: Path) -> None:
    file = put(tmp_path, document("x", folded("more", "<p id='it'>numbers</p>"), sheet=SHEET, footer=""))
    tall = []
    for media in ("screen", "print"):
        tab.show(file, width=1280, media=media)
        tall.append(tab.ask("document.getElementById('it').checkVisibility({contentVisibilityAuto: true})"))
    assert tall == [False, True]
