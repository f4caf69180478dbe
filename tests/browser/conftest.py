"""A served site in a process of its own and a real Chromium to look at it with."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, Request, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
# The flags that start with "disable" keep the browser itself from calling anybody.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(*command: str, seconds: float = 60, ready: str = "/readyz", stops: bool = False) -> Iterator[str]:
    """Run a command that serves on ``{port}``; gives the address once it is ready, ends it afterwards.

    ``stops``: at once, in the middle of what it does.
    """
    port = free_port()
    arguments = [sys.executable, *(part.format(port=port) for part in command)]
    process = subprocess.Popen(arguments, cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(address + ready, process, seconds)
        yield address
    finally:
        process.kill() if stops else process.terminate()
        code = process.wait(20)
    assert stops or code == 0


def wait_until_ready(address: str, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until the address answers with 200."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert process.poll() is None, "the server ended before it was ready"
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("the server did not become ready")


@dataclass(frozen=True)
class Sites:
    """Addresses of sites with canned replies: one as usual, one that takes two questions, one that never gets ready."""

    usual: str
    limited: str
    starting: str


@dataclass
class Watch:
    """What a page asked for and complained about."""

    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    excused: tuple[str, ...] = ()  # parts of complaints that a test provokes

    def attach(self, page: Page) -> None:
        page.on("request", lambda request: self.requests.append(request))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)

    def check(self, address: str) -> None:
        foreign = [r.url for r in self.requests if not r.url.startswith((address, "data:", "blob:"))]
        assert foreign == []
        assert [c for c in self.complaints if not any(part in c for part in self.excused)] == []


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium: install one, or name it in CHROMIUM")
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield browser
    browser.close()


@contextmanager
def serving_sites() -> Iterator[Sites]:
    """Serve the three."""
    fake = "tests/fake_bot.py"
    with (
        serving(fake, "{port}") as usual,
        serving(fake, "{port}", "2") as limited,
        serving(fake, "{port}", "1", "3600", ready="/healthz") as starting,
    ):
        yield Sites(usual, limited, starting)


@pytest.fixture(scope="session")
def sites() -> Iterator[Sites]:
    with serving_sites() as served:
        yield served


@pytest.fixture(scope="session")
def fake_site(sites: Sites) -> str:
    return sites.usual


@pytest.fixture
def watch() -> Watch:
    return Watch()


Opener = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, watch: Watch) -> Iterator[Opener]:
    """Open the chat of a site; afterwards it must have asked no other host and complained about nothing."""
    done: list[tuple[Page, str]] = []

    def open_chat(address: str, size: dict[str, int] = DESKTOP, scheme: str = "light", path: str = "/") -> Page:
        context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(15_000)
        watch.attach(page)
        page.goto(address + path)
        page.locator("#question textarea").wait_for()
        page.locator("#chat .example").first.wait_for()
        done.append((page, address))
        return page

    yield open_chat
    for page, address in done:
        page.context.close()
        watch.check(address)
