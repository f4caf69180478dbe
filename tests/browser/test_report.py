"""The evaluation report in a real browser: opened from disk with the network off, at two widths, in both schemes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect

from bot import gate
from bot.compare import compare
from bot.pipeline import Bot
from bot.results import baseline_json, item_hash, read_baseline
from bot.sets import read_set
from bot.summary import summarise
from tests.browser.conftest import DESKTOP, PHONE, Watch
from tests.questions import HOSTILE_TURN, worse, write_set


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, bicycle_bot: Bot) -> Path:
    """A report with a regression, failures of several kinds, and a message full of markup."""
    folder = tmp_path_factory.mktemp("report")
    items = read_set(write_set(folder / "set.jsonl", hostile=True))
    good, bad = gate.run_bot(bicycle_bot, items), gate.run_bot(worse(bicycle_bot), items)
    (folder / "base.json").write_text(baseline_json(good))
    hashes = {i.id: item_hash(i) for i in items.items}
    comparison = compare(bad, read_baseline(folder / "base.json"), hashes)
    files = gate.files(bad, summarise(bad.results), comparison)
    (folder / "report.html").write_text(files["report.html"])
    return folder / "report.html"


Opened = Callable[..., Page]


@pytest.fixture
def opened_report(browser: Browser, watch: Watch, report: Path) -> Iterator[Opened]:
    pages: list[Page] = []

    def open_report(size: dict[str, int] = DESKTOP, scheme: str = "light", script: bool = True) -> Page:
        context = browser.new_context(
            viewport=size,  # type: ignore[arg-type]
            color_scheme=scheme,  # type: ignore[arg-type]
            java_script_enabled=script,
            offline=True,
        )
        page = context.new_page()
        watch.attach(page)
        page.goto(report.as_uri())
        pages.append(page)
        return page

    yield open_report
    for page in pages:
        page.context.close()
    watch.check(report.as_uri())


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened_report: Opened, size: dict[str, int], scheme: str) -> None:
    page = opened_report(size, scheme)
    for details in page.locator("details").all():
        details.evaluate("e => e.open = true")
    found = Axe().run(page)
    assert [(v["id"], v["nodes"][0]["html"]) for v in found.response["violations"]] == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_wider_than_the_page(opened_report: Opened, width: int) -> None:
    page = opened_report({"width": width, "height": 800})
    for details in page.locator("details").all():
        details.evaluate("e => e.open = true")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_it_says_what_happened(opened_report: Opened) -> None:
    page = opened_report()
    expect(page.locator(".verdict")).to_contain_text("Regression")
    for name in ("Figures", "Confidence", "Statuses", "By category", "Items"):
        expect(page.get_by_role("heading", level=2, name=name, exact=True)).to_be_visible()
    assert page.locator("svg[role=img]").count() >= 3
    changed = page.locator(".item", has=page.get_by_role("heading", level=3, name="oil", exact=True))
    expect(changed.get_by_role("heading", level=4, name="Before: answered")).to_be_visible()
    expect(changed.get_by_role("heading", level=4, name="After: answered")).to_be_visible()
    changed.locator("summary").click()
    expect(changed.get_by_role("table")).to_contain_text("all facts")


def test_filter_and_search(opened_report: Opened) -> None:
    page = opened_report()
    total = page.locator(".item").count()
    expect(page.get_by_role("status")).to_have_text(f"{total} of {total} items")
    page.get_by_label("Error", exact=True).select_option(index=1)  # the first kind of error after "all"
    shown = page.locator(".item:visible")
    assert 0 < shown.count() < total
    expect(page.get_by_role("status")).to_have_text(f"{shown.count()} of {total} items")
    page.get_by_label("Error", exact=True).select_option("")
    page.get_by_label("Search", exact=True).fill("zzz")
    expect(page.get_by_role("status")).to_have_text(f"0 of {total} items")
    page.get_by_label("Search", exact=True).fill("")
    page.get_by_label("Change", exact=True).select_option("pass to fail")
    assert page.locator(".item:visible").count() == page.locator('.item[data-change="pass to fail"]').count()


def test_without_script_everything_is_there(opened_report: Opened) -> None:
    page = opened_report(script=False)
    expect(page.locator("#filter")).to_be_hidden()
    assert page.locator(".item:visible").count() > 3


def test_what_visitors_typed_stays_text(opened_report: Opened) -> None:
    page = opened_report()
    assert page.evaluate("window.owned") is None
    expect(page.locator(".item", has_text=HOSTILE_TURN[:20])).not_to_have_count(0)
    assert page.locator(".item img, .item script").count() == 0


def test_it_prints_with_everything_open(opened_report: Opened) -> None:
    page = opened_report()
    page.emulate_media(media="print")
    expect(page.locator("#filter")).to_be_hidden()
    assert page.locator(".item details table").first.bounding_box()
