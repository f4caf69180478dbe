"""A picture of every state, at both sizes, light and dark: ``python -m tests.browser.screenshots [PART_OF_A_NAME]``.

They go to ``tests/browser/screenshots``, which git ignores. ``--shown`` takes README's two instead, of the shipped
articles; then options of ``app.py`` may follow, such as ``--index DIR``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import CHROMIUM, DESKTOP, FLAGS, PHONE, Sites, serving, serving_sites
from tests.browser.states import STATES, State, ask, open_chat

FOLDER, SHOWN = Path(__file__).parent / "screenshots", Path(__file__).parent / "shown"
SIZES = {"desktop": DESKTOP, "phone": PHONE}


def take(browser: Browser, sites: Sites, state: State, folder: Path) -> None:
    """Take the four pictures of a state."""
    for size, viewport in SIZES.items():
        context = browser.new_context(viewport=viewport, reduced_motion="reduce")  # type: ignore[arg-type]
        page = context.new_page()
        state.reach(page, sites).wait_for()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=folder / f"{state.name}-{size}-{scheme}.png")
        context.close()


def main(part: str = "") -> int:
    """Take the pictures; exit code 1 if no state has such a name."""
    FOLDER.mkdir(exist_ok=True)
    chosen = [state for state in STATES if part in state.name]
    with sync_playwright() as playwright, serving_sites() as sites:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for state in chosen:
            take(browser, sites, state, FOLDER)
            sys.stderr.write(f"{state.name}\n")
        browser.close()
    return 0 if chosen else 1


def shown(*options: str) -> int:
    """Take README's pictures: an answer on a wide screen, its source on a phone."""
    with sync_playwright() as playwright, serving("app.py", "--port", "{port}", *options, seconds=600) as address:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name, viewport in (("answer", DESKTOP), ("source", PHONE)):
            page = browser.new_page(viewport=viewport, reduced_motion="reduce")  # type: ignore[arg-type]
            open_chat(page, address)
            cited = ask(page, "does it hurt").locator(".says a.cite").first
            page.locator("#chat .tools").wait_for()
            if name == "source":
                cited.click()
                page.locator("#source mark").first.wait_for()
            page.mouse.move(0, 0)
            page.screenshot(path=SHOWN / f"{name}.png")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(shown(*sys.argv[2:]) if sys.argv[1:2] == ["--shown"] else main(*sys.argv[1:2]))
