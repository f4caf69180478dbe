"""How long a visitor waits: from Enter to the visible answer, in a real browser: ``python -m tests.bench.page_time``.

The brief's bounds are 250 ms at the median, 40 ms of it the server's, with the model warm. Arguments are handed to
``app.py``, such as ``--index DIR``.
"""

from __future__ import annotations

import json
import statistics
import sys
import urllib.request

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS, PHONE, serving
from tests.browser.states import BOX, open_chat

WHOLE, SERVER = 250, 40  # milliseconds
QUESTIONS = (
    "does it hurt", "how often", "how long until it heals", "can i wear makeup after", "is it safe", "what is it",
    "does it help with acne scars", "how deep do the needles go", "who should not have it", "redness how long",
    "can i do it at home", "how many sessions", "does it work on dark skin", "side effects", "sun afterwards",
    "what about wrinkles", "stretch marks?", "how does it work", "numbing cream", "what is bitcoin",
)  # fmt: skip
# From the key to the first frame that shows the reply.
WATCH = """() => {
  const count = () => document.querySelectorAll("#chat .reply").length;
  const before = count();
  let pressed = 0;
  addEventListener("keydown", () => (pressed = performance.now()), { capture: true, once: true });
  window.shown = new Promise((done) => {
    const look = new MutationObserver(() => {
      if (count() === before) return;
      look.disconnect();
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - pressed)));
    });
    look.observe(document.querySelector("#chat"), { childList: true, subtree: true });
  });
}"""


def in_page(page: Page, question: str) -> float:
    """Milliseconds until a question's reply is visible."""
    page.locator(BOX).fill(question)
    page.evaluate(WATCH)
    page.locator(BOX).press("Enter")
    return float(page.evaluate("window.shown"))


def on_server(address: str, question: str) -> float:
    """Milliseconds that the bot itself reports for the same question."""
    body = json.dumps({"message": question}).encode()
    headers = {"content-type": "application/json", "x-forwarded-for": f"198.51.100.{len(question)}"}
    with urllib.request.urlopen(urllib.request.Request(f"{address}/api/ask", body, headers)) as answer:
        return float(json.load(answer)["timings_ms"]["total"])


def measured(page: Page, address: str) -> tuple[list[float], list[float]]:
    """Milliseconds of every question in an open page, and of the bot alone."""
    in_page(page, "hello")
    in_page(page, QUESTIONS[0])  # warm
    whole, own = [], []
    for number, question in enumerate(QUESTIONS):
        # As behind a proxy: each question comes from a visitor of its own, so that none is one too many.
        page.set_extra_http_headers({"x-forwarded-for": f"192.0.2.{number}"})
        page.get_by_role("button", name="New chat").click()
        page.locator("#chat .example").first.wait_for()
        whole.append(in_page(page, question))
        own.append(on_server(address, question))
    return whole, own


def main(arguments: list[str]) -> int:
    """Print the medians and the slowest; with ``--json`` the medians beside their bounds."""
    as_json = "--json" in arguments
    arguments = [argument for argument in arguments if argument != "--json"]
    with sync_playwright() as playwright, serving("app.py", "--port", "{port}", *arguments, seconds=600) as address:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport=PHONE)  # type: ignore[arg-type]
        open_chat(page, address)
        whole, own = measured(page, address)
        browser.close()
    if as_json:
        named = (("Enter to visible answer, ms", whole, WHOLE), ("of it the bot, ms", own, SERVER))
        print(
            json.dumps([{"measure": m, "value": statistics.median(taken), "limit": bound} for m, taken, bound in named])
        )
        return 0
    rows = {f"Enter to visible answer (bound {WHOLE})": whole, f"of it the bot (bound {SERVER})": own}
    print(f"{len(QUESTIONS)} questions, milliseconds\n{'median':>8} {'slowest':>8}")
    for name, taken in rows.items():
        print(f"{statistics.median(taken):8.0f} {max(taken):8.0f}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
