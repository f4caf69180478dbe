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
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Request, sync_playwright

from bot.config import Config
from tests.browser.host_page import Host, hosting
from tests.hosted import Program

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
# The flags that start with "disable" keep the browser itself from calling anybody.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}


ProgramOf = Callable[[Config], AbstractContextManager[Program]]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    *command: str,
    seconds: float = 60,
    ready: str = "/readyz",
    stops: bool = False,
    port: int = 0,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[str]:
    """Run a command that serves on ``{port}``, a free one by default; gives the address once it is ready, ends it.

    ``stops``: at once, in the middle of what it does. ``settings`` are added to its environment.
    """
    with running(*command, stops=stops, port=port, settings=settings) as (address, process):
        wait_until_ready(address + ready, process, seconds)
        yield address


@contextmanager
def running(
    *command: str, stops: bool = False, port: int = 0, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The same without waiting: several at once are ready sooner."""
    port = port or free_port()
    arguments = [sys.executable, *(part.format(port=port) for part in command)]
    process = subprocess.Popen(arguments, cwd=ROOT, env={**os.environ, **settings})
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill() if stops else process.terminate()
        code = process.wait(20)
    assert stops or code == 0


def wait_until_ready(address: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
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
    """Addresses of sites with canned replies: one as usual, one that takes two questions, one that never gets ready.

    And somebody else's page, which may show the usual one in a frame.
    """

    usual: str
    limited: str
    starting: str
    host: Host


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

    def check(self, *addresses: str) -> None:
        """Nobody but these was asked, and nothing was complained about."""
        foreign = [r.url for r in self.requests if not r.url.startswith((*addresses, "data:", "blob:"))]
        assert foreign == []
        assert [c for c in self.complaints if not any(part in c for part in self.excused)] == []


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    if CHROMIUM is None:
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse("no Chromium: install one, or name it in CHROMIUM")
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield browser
    browser.close()


@contextmanager
def serving_sites() -> Iterator[Sites]:
    """Serve them all."""
    fake = "tests/fake_bot.py"
    with (
        hosting() as host,
        running(fake, "{port}", "10000", "0", host.address, host.same_site) as (usual, first),
        running(fake, "{port}", "2") as (limited, second),
        running(fake, "{port}", "1", "3600") as (starting, third),
    ):
        wait_until_ready(usual + "/readyz", first)
        wait_until_ready(limited + "/readyz", second)
        wait_until_ready(starting + "/healthz", third)
        host.set_up(usual)
        yield Sites(usual, limited, starting, host)


@pytest.fixture(scope="session")
def sites() -> Iterator[Sites]:
    with serving_sites() as served:
        yield served


@pytest.fixture(scope="session")
def fake_site(sites: Sites) -> str:
    return sites.usual


@pytest.fixture(scope="session")
def real_program(request: pytest.FixtureRequest, program_of: ProgramOf) -> Iterator[tuple[Path, Program]]:
    """The shipped index, and how the whole program serves it."""
    # A kept index is opened by the program alone: opening it here as well takes ten seconds.
    index = request.config.getoption("--index") or request.getfixturevalue("shipped").index
    with program_of(Config(index=index)) as program:
        yield index, program


@pytest.fixture(scope="session")
def real_site(real_program: tuple[Path, Program], sites: Sites) -> Iterator[str]:
    """The whole program over the shipped articles; the host page may show it, too."""
    index, program = real_program
    parents = f"https://www.clinic.example {sites.host.address}"
    settings = {**program.settings, "FAQ_EMBED_PARENTS": parents, "FAQ_KEEP": "text"}  # the staff's pages show words
    with serving("app.py", "--port", "{port}", "--index", str(index), seconds=600, settings=settings) as address:
        yield address


@pytest.fixture
def watch() -> Watch:
    return Watch()


Opener = Callable[..., Page]
Visit = Callable[[dict[str, int]], Page]


@pytest.fixture(scope="session")
def visitors(browser: Browser) -> dict[int, BrowserContext]:
    """A browser's memory by width, kept from page to page so that the pages' files are loaded once."""
    sizes: Any = (DESKTOP, PHONE)
    return {size["width"]: browser.new_context(viewport=size, reduced_motion="reduce") for size in sizes}


@pytest.fixture
def visit(visitors: dict[int, BrowserContext]) -> Iterator[Visit]:
    """A new page at a size. What a test does to the memory is undone; the pages themselves leave nothing there."""
    pages: list[Page] = []

    def new_page(size: dict[str, int]) -> Page:
        page = visitors[size["width"]].new_page()
        page.set_default_timeout(15_000)
        pages.append(page)
        return page

    yield new_page
    for page in pages:
        page.close()
        page.context.set_offline(False)
        page.context.clear_permissions()
        assert page.context.cookies() == []


@pytest.fixture
def opened(visit: Visit, watch: Watch) -> Iterator[Opener]:
    """Open the chat of a site; afterwards it must have asked no other host and complained about nothing."""
    done: list[tuple[Page, str]] = []

    def open_chat(address: str, size: dict[str, int] = DESKTOP, path: str = "/") -> Page:
        page = visit(size)
        watch.attach(page)
        page.goto(address + path)
        page.locator("#question textarea").wait_for(timeout=60_000)  # a new browser loads all of the page's files
        page.locator("#chat .example").first.wait_for()
        done.append((page, address))
        return page

    yield open_chat
    for page, address in done:
        page.close()
        watch.check(address)
