"""Somebody else's page that includes the launcher: on an origin of its own, strict, and with hostile styles.

To look at it: start the chat with ``FAQ_EMBED_PARENTS=http://localhost:7861 python app.py`` and then
``python -m tests.browser.host_page http://127.0.0.1:7860 [hostile]``.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# What a careful site allows: its own styles, and of the chat's host a script and a frame. Nothing inline,
# nothing evaluated, no markup made from text.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src {site}; frame-src {site}; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
CALM = """
html { font: 62.5%/1.5 serif; background: #fff; color: #222; }
body { margin: 0 auto; max-width: 70ch; padding: 2rem; font-size: 1.8rem; }
@media (prefers-color-scheme: dark) { html { background: #111; color: #eee; } a { color: #9cf; } }
"""
# Everything is hidden, flattened and pushed away with !important; only the page's own parts are shown again.
HOSTILE = """
* { all: unset !important; display: none !important; opacity: 0 !important; visibility: hidden !important;
  position: absolute !important; inset: -9999px !important; transform: scale(0) !important; z-index: -1 !important;
  pointer-events: none !important; color: #777 !important; background: #777 !important; font-size: 3px !important;
  --c: red !important; --k: red !important; clip-path: inset(50%) !important; content-visibility: hidden !important; }
html, body, main, h1, p { all: revert !important; display: block !important; font-size: 62.5% !important; }
body { transform: translateX(-30px) rotate(2deg) !important; overflow: hidden !important; height: 200vh !important;
  color: #000 !important; background: #fff !important; }
button, iframe, dialog, div, span, clinic-faq-chat { width: 1px !important; height: 1px !important; }
"""
PAGE = """<!doctype html><html lang="en" dir="{direction}"><head><meta charset="utf-8"><title>A dermatologist</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/{styles}.css">
{head}</head><body><main><h1>A dermatologist</h1><p>We are <a href="#prices">open</a> from nine to five.</p></main>
{scripts}</body></html>"""


class Host:
    """A site of one page, which a test sets up before it opens it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.same_site = address.replace("localhost", "127.0.0.1")  # another origin still, by its port
        self.asked: list[str] = []
        self.set_up("")

    def set_up(
        self, site: str, *attributes: str, styles: str = "calm", direction: str = "ltr", times: int = 1, head: str = ""
    ) -> str:
        """Include the launcher of ``site`` with these attributes, ``times`` times; gives the page's address."""
        script = f'<script src="{site}/embed.js" {" ".join(attributes)}></script>' * times
        self.page = PAGE.format(direction=direction, styles=styles, scripts=script, head=head)
        self.policy = POLICY.format(site=site)
        return self.address

    def find(self, path: str) -> tuple[int, str, str]:
        """Status, type and text of a file of the site."""
        self.asked.append(path)
        if path == "/":
            return 200, "text/html; charset=utf-8", self.page
        styles = {"/calm.css": CALM, "/hostile.css": HOSTILE}.get(path)
        return (200, "text/css", styles) if styles else (204, "text/plain", "")


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, host: Host, *arguments: object) -> None:
        self.host = host
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        status, kind, text = self.host.find(self.path)
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-security-policy", self.host.policy)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests count for themselves."""


@contextmanager
def hosting(port: int = 0) -> Iterator[Host]:
    """Serve a host page on ``localhost``: for a browser another site than the chat's 127.0.0.1."""
    server = ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler)
    host = Host(f"http://localhost:{server.server_address[1]}")
    server.RequestHandlerClass = partial(_Handler, host)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    with hosting(7861) as shown:
        print(f"{shown.set_up(sys.argv[1], styles=(sys.argv[2:] or ['calm'])[0])}/  (Enter stops it)")
        input()
