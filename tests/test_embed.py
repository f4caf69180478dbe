"""The launcher and the frame over HTTP: what is sent, to whom it may be shown, and in which form."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from bot.embed import launcher
from bot.stage import Assets
from bot.theme import Theme
from bot.web import create_app
from tests.fake_bot import FakeBot
from tests.test_web import ready

LIGHT_OWN, DARK_OWN = "#0f6b64", "#5fc9bd"  # the page's accents where a clinic chose none
PARENTS = ("https://www.clinic.example", "https://clinic.example:8443")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = create_app(FakeBot().as_bot, parents=PARENTS)
    with TestClient(app, follow_redirects=False) as started:
        yield ready(started)


def ancestors(client: TestClient, path: str) -> str:
    """Who may frame the answer."""
    policy = client.get(path).headers["content-security-policy"]
    return policy.partition("frame-ancestors ")[2]


# --- the launcher ----------------------------------------------------------------------------


def test_the_launcher_is_sent_small_and_other_origins_may_load_it(client: TestClient) -> None:
    answer = client.get("/embed.js", headers={"accept-encoding": "gzip, deflate"})
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    head = sum(len(f"{name}: {value}\r\n") for name, value in answer.headers.items())
    assert int(answer.headers["content-length"]) + head < 4096


def test_who_can_t_read_gzip_gets_the_same_script(client: TestClient) -> None:
    plain = client.get("/embed.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == client.get("/embed.js", headers={"accept-encoding": "gzip"}).content


def test_its_colours_are_the_clinic_s() -> None:
    """For pages that name none."""
    ours, theme = Assets(), Theme.read({"accent": "#6d28d9"})
    theirs = Assets()
    theirs.colour(theme)
    sent = theirs.read("embed.js").decode()
    assert (sent.count("#6d28d9"), sent.count(theme.accent_dark)) == (2, 2)
    back = sent.replace("#6d28d9", LIGHT_OWN).replace(theme.accent_dark, DARK_OWN)
    assert back == ours.read("embed.js").decode()
    styles = ours.read("site.css").decode()
    assert f"--accent: {LIGHT_OWN};" in styles
    assert f"--accent: {DARK_OWN};" in styles
    assert len(launcher(theirs.read("embed.js"))[1]) - len(launcher(ours.read("embed.js"))[1]) < 30


def test_the_script_loses_comments_and_nothing_else() -> None:
    sent = launcher(Assets().read("embed.js"))[0].decode()
    assert not re.search(r"^\s*//|^\s+\S|\n\n", sent, re.MULTILINE)
    assert sent.startswith("(() => {")
    assert "http://www.w3.org/2000/svg" in sent
    assert {"Ställ en fråga", "Zadaj pytanie"} <= set(re.findall(r'"([^"]+)"', sent))


# --- who may show what -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/embed", "/chat/", "/chat/?embed=1"])
def test_the_chat_may_be_framed_by_the_allowed_origins(client: TestClient, path: str) -> None:
    assert ancestors(client, path) == "'self' https://www.clinic.example https://clinic.example:8443"


@pytest.mark.parametrize(
    "path", ["/", "/ask", "/source/003-how-it-works", "/api/docs", "/healthz", "/embed/x", "/chat/config", "/chat/x"]
)
def test_every_other_page_only_by_its_own(client: TestClient, path: str) -> None:
    assert ancestors(client, path) == "'self'"
    assert client.get(path).headers["cross-origin-resource-policy"] == "same-origin"


def test_without_parents_nobody_else_may() -> None:
    with TestClient(create_app(FakeBot().as_bot), follow_redirects=False) as client:
        assert ancestors(ready(client), "/chat/") == ancestors(client, "/embed") == "'self'"


# --- the frame -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ("", "/chat/?embed=1"),
        ("?lang=sv", "/chat/?embed=1&lang=sv"),
        ("?lang=pt-BR", "/chat/?embed=1&lang=pt-BR"),
        ("?lang=%0d%0aset-cookie:x", "/chat/?embed=1"),
        ("?lang=//evil.example&next=//evil.example", "/chat/?embed=1"),
    ],
)
def test_the_frame_leads_to_the_chat_in_its_language(client: TestClient, query: str, target: str) -> None:
    assert client.get(f"/embed{query}").headers["location"] == target


def test_the_chat_in_a_frame_is_the_chat_with_two_files_more(client: TestClient) -> None:
    framed, whole = client.get("/chat/?embed=1&lang=sv"), client.get("/chat/")
    files = re.compile(r'"(/static/[^"]+)"')
    more = set(files.findall(framed.text)) - set(files.findall(whole.text))
    assert sorted(m.split("?")[0] for m in more) == ["/static/frame.css", "/static/frame.js"]
    assert all(client.get(address).status_code == 200 for address in more)
    assert len(framed.content) > len(whole.content)
    assert framed.headers["content-encoding"] == "gzip"
    plain = client.get("/chat/?embed=1&lang=sv", headers={"accept-encoding": "identity"})
    assert int(plain.headers["content-length"]) == len(plain.content)
    assert "/static/frame.js" in plain.text
    assert re.search(r"'nonce-[\w-]{20,}'", framed.headers["content-security-policy"])


def test_the_query_changes_nothing_but_the_page(client: TestClient) -> None:
    assert "frame.js" not in client.get("/chat/config?embed=1").text
    assert client.get("/chat/gradio_api/info?embed=1").status_code == 404
    assert client.head("/chat/?embed=1").content == b""


def test_while_starting_the_frame_says_so_to_the_visitor_and_to_the_launcher() -> None:
    go = threading.Event()

    def slow() -> Any:
        go.wait(10)
        return FakeBot()

    with TestClient(create_app(slow), follow_redirects=False) as client:
        page = client.get("/embed")
        assert page.status_code == 503
        assert page.headers["retry-after"] == "3"
        assert "is starting" in page.text
        assert "/static/frame.js" in page.text
        assert "/static/frame.js" in client.get("/chat/?embed=1").text
        assert "/static/frame.js" not in client.get("/chat/").text
        assert client.get("/embed.js").status_code == 200
        assert client.get("/embed.js").headers["cache-control"] == "no-store"  # the clinic's colours are to come
        go.set()
        ready(client)
        assert client.get("/embed").status_code == 307
