"""The report as text: everything escaped, nothing fetched, the same bytes each time (how it looks: tests/browser)."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from bot.aggregate import calibration, risk_coverage
from bot.compare import Change, Comparison, Delta, Side
from bot.evaluate import Result, Run
from bot.metrics import Item
from bot.plots import confusion_table, outcome_bars, reliability_plot, risk_coverage_plot
from bot.report import page
from bot.schema import Reply
from bot.summary import summarise

HOSTILE = "</script><script>alert(1)</script><b>\"'&"
RIGHT = Result(Item("fine", ("hello",), "smalltalk"), Reply("smalltalk", "Hello."), "right", None)
WRONG = Result(
    Item(HOSTILE, (HOSTILE, "again"), "answer", category=HOSTILE, sources=(HOSTILE,), facts=((HOSTILE,),)),
    Reply("abstained", HOSTILE, confidence=0.2), "silent", "declined wrongly", {"RR@10": 0.5},
    ranking=(HOSTILE, "001#1"), qrels={"001#1": 2}, would_be=False,
)  # fmt: skip


def run(*results: Result) -> Run:
    return Run("set.jsonl", "ab" * 32, "index v1", "retrieved", results)


def made(*results: Result, comparison: Comparison | None = None) -> str:
    return page(run(*results), summarise(results), comparison)


def comparison(*changes: Change, regressions: tuple[str, ...] = ()) -> Comparison:
    delta = Delta("right", 1.0, 0.5, 2, 0.5)
    return Comparison("base.json", 0.5, changes, (delta,), {"declined wrongly": 1}, 1, 2, regressions)


class Parsed(HTMLParser):
    """Collects tags, and complains where they do not nest."""

    VOID = frozenset(("meta", "link", "input", "rect", "path", "polyline"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_what_came_from_outside_is_text() -> None:
    change = Change(WRONG, "pass to fail", Side("right", "", "answered", HOSTILE), Side("silent", "", "x", HOSTILE))
    text = made(RIGHT, WRONG, comparison=comparison(change, regressions=(HOSTILE,)))
    parsed = Parsed(text)
    assert "<b>" not in text
    assert sum(tag == "script" for tag, _ in parsed.tags) == 1
    assert "alert(1)</script>" not in text


def test_nothing_is_fetched() -> None:
    parsed = Parsed(made(RIGHT, WRONG))
    for tag, attributes in parsed.tags:
        assert not {"src", "srcset", "action"} & set(attributes), tag
        assert (attributes.get("href") or "data:").startswith(("data:", "#"))
    assert not re.search(r"https?:|@import|url\(", made(RIGHT, WRONG))


def test_ids_are_unique_and_plots_are_described() -> None:
    parsed = Parsed(made(RIGHT, WRONG))
    ids = [a["id"] for _, a in parsed.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for tag, attributes in parsed.tags:
        if tag == "svg":
            assert attributes["role"] == "img"
            assert set(str(attributes["aria-labelledby"]).split()) <= set(ids)


def test_the_verdict_stands_first() -> None:
    change = Change(
        WRONG, "pass to fail", Side("right", "", "answered", "Yes."), Side("silent", "", "abstained", "No.")
    )
    bad = made(RIGHT, WRONG, comparison=comparison(change, regressions=("right 100.0 to 50.0",)))
    assert "Regression against base.json" in bad
    assert "New errors: declined wrongly 1." in bad
    assert "2 items were edited since the baseline, 1 are new." in bad
    assert bad.index("Before: answered") < bad.index("After: abstained")
    assert "Equal or better than base.json" in made(RIGHT, comparison=comparison())
    assert "without a baseline" in made(RIGHT)


def test_only_failures_and_changes_are_listed() -> None:
    assert "Every item is right, and none changed." in made(RIGHT)
    text = made(RIGHT, WRONG)
    assert text.count('<article class="item"') == 1
    assert "1 items: every failure" in text
    changed = Change(
        RIGHT, "fail to pass", Side("wrong", "", "answered", "x"), Side("right", "", "smalltalk", "Hello.")
    )
    assert made(RIGHT, WRONG, comparison=comparison(changed)).count('<article class="item"') == 2


def test_the_same_run_gives_the_same_page() -> None:
    assert made(RIGHT, WRONG) == made(RIGHT, WRONG)


# --- plots -----------------------------------------------------------------------------------


def test_points_of_the_curve_are_where_they_belong() -> None:
    """Coverage 50% and 100% at risk 0 and 50%: the axis runs to 50%, so the line ends in its top right corner."""
    plot = risk_coverage_plot(risk_coverage([0.9, 0.1], [True, False]))
    points = re.findall(r"([\d.]+),([\d.]+)", re.search(r'points="([^"]+)"', plot).group(1))  # type: ignore[union-attr]
    (x1, y1), (x2, y2) = [(float(x), float(y)) for x, y in points]
    assert x1 == pytest.approx((44 + x2) / 2)
    assert (y1, y2) == (220.0, 10.0)
    assert "50.0% wrong" in plot


def test_a_bar_is_as_high_as_its_accuracy() -> None:
    plot = reliability_plot(calibration([0.95] * 4, [True, True, True, False]))
    (height,) = re.findall(r'<rect class="bar"[^>]*height="([\d.]+)"', plot)
    assert float(height) == pytest.approx(0.75 * 210)


def test_plots_of_nothing_say_so() -> None:
    assert "Nothing was decided." in risk_coverage_plot(risk_coverage([], []))
    assert "0 decisions" in reliability_plot(calibration([], []))


def test_bars_are_as_wide_as_their_shares() -> None:
    bars = outcome_bars("turns", summarise([RIGHT, WRONG]).rows["turns"])
    widths = re.findall(r'class="(right|silent)"[^>]*width="([\d.]+)"', bars)
    assert widths == [("right", "184.0"), ("silent", "184.0")]
    assert "first question 100% of 1, follow-up 0% of 1" in bars


def test_the_confusion_table_adds_up() -> None:
    table = confusion_table({"answer": {"abstained": 1, "answered": 3}, "urgent": {"urgent": 2}})
    assert re.findall(r"<td>(\d+)</td></tr>", table) == ["4", "2"]
    assert re.findall(r'class="t(\d)">(\d+)', table) == [("2", "1"), ("3", "3"), ("4", "2")]
