"""The report's page in a real browser: it needs nothing else, shows every step, and fits a phone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from inferencepool_rollout.drive.run_log import read_log
from inferencepool_rollout.report.data import report
from inferencepool_rollout.report.page import page
from inferencepool_rollout.report.theme import COLOURS
from kit.browser import Shown, show
from kit.plans import plan_of
from kit.run_logs import Recorded, rolled_back

PHONE, DESK = 390, 1280
MEASURE = Path(__file__).with_name("report_page.js").read_text()


@dataclass(frozen=True)
class Report:
    """The page of a rollout that was rolled back at its second step, at a width and in a colour scheme.

    `page` holds what report_page.js measures.
    """

    scheme: str
    shown: Shown

    @property
    def page(self) -> dict[str, Any]:
        assert isinstance(self.shown.value, dict)
        return self.shown.value


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    rolled_back(plan_of(folder), folder / "log")
    written = folder / "report.html"
    written.write_text(page(report(read_log(folder / "log"))))
    return written


@pytest.fixture(
    scope="module",
    params=[(PHONE, "light"), (PHONE, "dark"), (DESK, "light"), (DESK, "dark")],
    ids=lambda p: f"{p[0]}-{p[1]}",
)
def report_page(request: pytest.FixtureRequest, file: Path) -> Report:
    width, scheme = request.param
    picture = file.with_name(f"{width}-{scheme}.png")
    return Report(scheme, show(file, MEASURE, width, scheme, picture))


def test_the_page_loads_without_a_complaint_and_asks_for_nothing_else(report_page: Report, file: Path) -> None:
    assert report_page.shown.complaints == []
    assert [url for url in report_page.shown.requests if not url.startswith("data:")] == [file.as_uri()]


def test_each_step_has_its_row_and_its_charts(report_page: Report) -> None:
    rows = report_page.page["rows"]
    assert len(rows) == 2
    assert "promote" in rows[0]
    assert "roll back" in rows[1]
    assert report_page.page["charts"] == [["split", "ttft", "tpot", "itl", "e2e"]] * 2
    assert report_page.page["overview"] == 1


def test_the_outcome_and_its_reason_stand_at_the_top(report_page: Report) -> None:
    assert "rolled back" in report_page.page["outcome"]
    assert "error rate violated" in report_page.page["outcome"]


@pytest.mark.parametrize(
    "words",
    [
        "https://10.0.0.1:6443 (context production)",
        "gateway http://127.0.0.1:8080",
        "pool-new: 2 model servers, model food of meta-llama/Llama-3.1-8B-Instruct, revision 0e9e39f, "
        "vllm/vllm-openai:v0.32.0, 1 nvidia.com/gpu",
    ],
)
def test_the_top_names_cluster_context_gateway_and_what_the_pools_are(report_page: Report, words: str) -> None:
    assert words in report_page.page["top"]


def test_every_event_is_told(report_page: Report) -> None:
    told = "\n".join(report_page.page["events"])
    for words in ("begins at 0 %", "--set weights.new=10", "the gateway follows at 50 %", "helm rollback route 1"):
        assert words in told


def test_nothing_is_wider_than_the_screen(report_page: Report) -> None:
    assert report_page.page["overflow"] <= 0
    assert report_page.page["beyond"] == []


def test_no_chart_cuts_off_a_word_or_writes_it_too_small(report_page: Report) -> None:
    assert report_page.page["cutOff"] == []
    assert report_page.page["small"] == []


def test_ids_are_unique(report_page: Report) -> None:
    assert report_page.page["ids"] == []


def test_page_and_charts_take_the_colours_of_the_scheme(report_page: Report) -> None:
    dark = report_page.scheme == "dark"
    assert report_page.page["paper"] == rgb(COLOURS["paper"][dark])
    assert report_page.page["line"] == rgb(COLOURS["new"][dark])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "card"])
@pytest.mark.parametrize("name", ["ink", "dim", "old", "new", "good", "warn", "bad"])
def test_every_colour_of_words_is_readable(name: str, ground: str, dark: bool) -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5 at least."""
    light, shade = sorted((luminance(COLOURS[name][dark]), luminance(COLOURS[ground][dark])), reverse=True)
    assert (light + 0.05) / (shade + 0.05) >= 4.5


def test_what_a_log_says_is_shown_as_text(tmp_path: Path) -> None:
    recorded = Recorded(plan_of(tmp_path), tmp_path / "log")
    recorded.step(recorded.plan.steps[0])
    recorded.end("held", "<script>alert(1)</script>")
    text = page(report(read_log(tmp_path / "log")))
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(value) for value in bytes.fromhex(colour[1:]))})"


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [value / 255 for value in bytes.fromhex(colour[1:])]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
