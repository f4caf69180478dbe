"""A picture of every state, at both sizes, light and dark: ``python -m tests.browser.screenshots [PART_OF_A_NAME]``.

They go to ``tests/browser/screenshots``, which git ignores.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM, DESKTOP, FLAGS, PHONE, serving_sites
from tests.browser.states import STATES

FOLDER = Path(__file__).parent / "screenshots"
SIZES = {"desktop": DESKTOP, "phone": PHONE}


def main(part: str = "") -> int:
    """Take the pictures; exit code 1 if no state has such a name."""
    FOLDER.mkdir(exist_ok=True)
    chosen = [state for state in STATES if part in state.name]
    with sync_playwright() as playwright, serving_sites() as sites:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for state in chosen:
            for size, viewport in SIZES.items():
                context = browser.new_context(viewport=viewport, reduced_motion="reduce")  # type: ignore[arg-type]
                page = context.new_page()
                state.reach(page, sites).wait_for()
                for scheme in ("light", "dark"):
                    page.emulate_media(color_scheme=scheme)
                    page.screenshot(path=FOLDER / f"{state.name}-{size}-{scheme}.png")
                context.close()
            sys.stderr.write(f"{state.name}\n")
        browser.close()
    return 0 if chosen else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
