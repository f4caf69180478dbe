"""What axe finds on a page: every rule of WCAG 2.2 A and AA and of best practice."""

from __future__ import annotations

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import Page

# The size of targets is off unless asked for. Of the rest only what is wrong is gathered, which takes half the time.
OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"],
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
    "iframes": False,
}
_RUN = """async (options) => (await axe.run(options)).violations.flatMap((rule) =>
  rule.nodes.map((node) => [rule.id, node.html, node.failureSummary]))"""


def violations(page: Page) -> list[list[str]]:
    """Rule, element and why; in each frame by itself, because one of another origin can't be entered from outside."""
    found: list[list[str]] = []
    for frame in page.frames:
        if "chrome-error:" in frame.url:
            continue  # the browser's own page
        if not frame.evaluate("'axe' in window"):
            frame.evaluate(AXE_SCRIPT)
        found += frame.evaluate(_RUN, OPTIONS)
    return found
