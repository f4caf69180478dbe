"""Two servers behind nginx: one that dies, or is restarted, costs its open conversations and nothing else."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from bot.config import Config
from bot.guard import KEEPER
from tests.browser.conftest import ProgramOf
from tests.proxy import NGINX, Load, Server, proxied

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx on this machine: 'apt-get install nginx'")
BOX = "#question textarea"
QUESTION = "how do I oil the chain"
RESTARTED = "no longer knows what was said above"


@dataclass(frozen=True)
class Site:
    """The address of the proxy and the servers behind it."""

    address: str
    servers: list[Server]


@pytest.fixture(scope="module")
def site(bicycle: Config, program_of: ProgramOf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ExitStack() as stack:
        servers, program = [], stack.enter_context(program_of(bicycle))
        for _ in range(2):
            servers.append(Server(bicycle, program.settings))
            stack.callback(servers[-1].end, signal.SIGKILL)
        for server in servers:
            server.wait()
        yield Site(stack.enter_context(proxied(servers, tmp_path_factory.mktemp("nginx"))), servers)


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    page = browser.new_page(ignore_https_errors=True)
    page.set_default_timeout(15_000)
    page.goto(site.address)
    page.locator("#chat .example").first.wait_for()
    yield page
    page.close()


def send(page: Page, question: str = "") -> None:
    """Send a question, or the one in the box."""
    if question:
        page.locator(BOX).fill(question)
    page.locator(BOX).press("Enter")


def begin(page: Page, site: Site) -> Server:
    """Ask a first question; the server that keeps the conversation."""
    with page.expect_response(re.compile("/queue/join")) as joined:
        send(page, QUESTION)
    name = joined.value.header_value(KEEPER) or ""
    expect(page.locator("#chat .reply.answered")).to_have_count(1)
    return next(server for server in site.servers if server.process.poll() is None and keeps(server, name))


def keeps(server: Server, name: str) -> bool:
    """Whether a conversation of that name is this server's."""
    join = f"http://127.0.0.1:{server.port}/chat/gradio_api/queue/join"
    return httpx.post(join, json={}, headers={KEEPER: name}).status_code != 410


def expect_lost(page: Page, replies: int) -> None:
    """The page says that the conversation is lost, the question and what was said are still there, and sent again
    the question begins a new one."""
    expect(page.locator("#notice")).to_contain_text(RESTARTED)
    expect(page.locator(BOX)).to_have_value(QUESTION)
    expect(page.locator("#chat .reply")).to_have_count(replies)
    send(page)
    expect(page.locator("#chat .reply.answered")).to_have_count(1)
    expect(page.locator("#chat .asked")).to_have_text([QUESTION])
    expect(page.locator("#notice")).to_be_hidden()


def test_a_server_that_dies_or_is_restarted_costs_its_open_conversations_and_nothing_else(
    site: Site, page: Page
) -> None:
    holder = begin(page, site)
    send(page, "and how often")  # by the same server, or this would be refused
    expect(page.locator("#chat .reply")).to_have_count(2)
    with Load(site.address).running() as load:
        holder.process.send_signal(signal.SIGSTOP)  # so that it dies with the question under way
        send(page, QUESTION)
        page.wait_for_timeout(500)
        holder.end(signal.SIGKILL)
        expect(page.locator("#notice")).to_contain_text("can't be reached")
        expect(page.locator(BOX)).to_have_value(QUESTION)
        send(page)
        expect_lost(page, 2)

        holder.start()  # it refuses while it loads
        holder.wait()
        page.reload()
        page.locator("#chat .example").first.wait_for()
        holder = begin(page, site)
        assert holder.end(signal.SIGTERM) == 0  # told to stop under load, as in a rolling restart
        send(page, QUESTION)
        expect_lost(page, 1)
    assert set(load.codes) == {"answered"}
    assert load.codes["answered"] > 50
