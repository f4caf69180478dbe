"""What an open server is tried with: each route of the running app, named files, uploads, other origins, slow senders.

Single rules are tested with their module (``test_web``, ``test_sign_in``, ``test_staff_ui``); here everything is asked.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi.testclient import TestClient

import app as program
from bot.guard import Limits
from bot.patience import Patience
from bot.stage import LOADER
from bot.web import create_app
from tests.conftest import ROOT
from tests.fake_bot import FakeBot
from tests.site import in_thread
from tests.test_staff_ui import ROUTES, every_route
from tests.test_web import GENEROUS, failing, ready

Record = Callable[[str, object], None]
Answers = dict[tuple[str, str], Any]  # by method and path
# Routes of Gradio that the page asks for; each other one that there is must be closed.
OPEN = {
    ("GET", "/"), ("GET", "/theme.css"), ("GET", "/assets/{path:path}"), ("GET", "/static/{path:path}"),
    ("GET", "/config"), ("GET", "/gradio_api/startup-events"), ("GET", "/gradio_api/app_id"),
    ("GET", "/gradio_api/queue/data"), ("GET", "/gradio_api/heartbeat/{session_hash}"),
    ("POST", "/gradio_api/queue/join"),
}  # fmt: skip
INTERNALS = re.compile(r"Traceback|site-packages|File \"|\.py\b|uvicorn|starlette|fastapi|pydantic|Python/|line \d+")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(FakeBot().as_bot, limits=GENEROUS), follow_redirects=False) as started:
        yield ready(started)


def filled(path: str) -> str:
    """A route's path with something in each of its places."""
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: "x/y" if "path" in found[1] else "1", path)


def gradio_routes(client: TestClient) -> set[tuple[str, str]]:
    """The routes of the running app's Gradio, with every method that they take."""
    app: Any = client.app
    outer = app.state.stage._chat.app
    inner = next(route for route in outer.routes if getattr(route, "path", "") == "/chat").app
    return every_route(inner)


def test_each_route_of_gradio_is_closed_but_what_the_page_needs(client: TestClient, record_property: Record) -> None:
    routes = gradio_routes(client)
    assert len(routes) > 40
    closed = routes - OPEN
    for method, path in sorted(closed):
        answer = client.request(method, "/chat" + filled(path))
        assert answer.status_code in (404, 405), (method, path)
    assert routes >= OPEN
    record_property("figure", f"Gradio's {len(routes)} routes: {len(closed)} closed, {len(OPEN)} open")


@pytest.fixture(scope="module")
def answers(client: TestClient) -> Answers:
    """What another site's page gets from each of our routes, in a simple request and in a preflight."""
    evil = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    routes = {r for r in every_route(client.app) if r[1].startswith("/")} | {("GET", "/chat/"), ("GET", "/chat/config")}
    found = {}
    for method, path in sorted(routes):
        for asked in (method, "OPTIONS"):
            found[asked, path] = client.request(asked, filled(path), headers=evil)
    assert set(ROUTES) <= set(found)
    return found


def test_no_route_lets_another_origin_read(answers: Answers, record_property: Record) -> None:
    allowed = [route for route, answer in answers.items() if "access-control-allow-origin" in answer.headers]
    assert allowed == []
    record_property("figure", f"{len(allowed)} of {len(answers)} answers allow another origin")


def test_each_answer_has_a_policy_and_the_headers(answers: Answers, record_property: Record) -> None:
    for route, answer in answers.items():
        headers = answer.headers
        policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
        if route[1] != "/embed.js":  # a script, which runs under the policy of the page that includes it
            assert policy["frame-ancestors"] in ("'self'", "'none'"), route
        assert policy["default-src"] in ("'self'", "'none'"), route
        assert "'unsafe-inline'" not in policy.get("script-src", "") and "unsafe-eval" not in str(policy), route
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"], route
        assert headers["cross-origin-opener-policy"] == "same-origin" and headers["permissions-policy"], route
        assert "server" not in headers and "x-powered-by" not in headers, route
    record_property("figure", f"{len(answers)} of {len(answers)} answers of {len({p for _, p in answers})} routes")


def test_cookies_are_the_staff_s_alone_and_closed(answers: Answers, record_property: Record) -> None:
    given = {route: answer.headers.get_list("set-cookie") for route, answer in answers.items()}
    cookies = [(route, cookie) for route, many in given.items() for cookie in many]
    assert cookies and {route[1].split("/")[1] for route, _ in cookies} == {"staff"}
    for route, cookie in cookies:
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/staff" in cookie, route
    public = sum(not path.startswith("/staff") for _, path in answers)
    record_property("figure", f"0 cookies in {public} public answers, {len(cookies)} of the staff's with every flag")


# --- files ------------------------------------------------------------------------------------------------------------

_watched: list[tuple[str, str]] | None = None  # path and mode of what is opened meanwhile; a hook can't be removed


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched is not None and event in ("open", "os.listdir", "os.scandir"):
        mode = arguments[1] if event == "open" and isinstance(arguments[1], str) else ""
        _watched.append((str(arguments[0]), mode))


@contextmanager
def watched() -> Iterator[list[tuple[str, str]]]:
    """What this process opens or lists while the block runs."""
    global _watched
    if not hasattr(sys, "_file_hook"):
        sys.addaudithook(_hook)
        sys._file_hook = True  # type: ignore[attr-defined]
    seen: list[tuple[str, str]] = []
    _watched = seen
    try:
        yield seen
    finally:
        _watched = None


def test_no_path_of_a_visitor_s_reaches_the_disk(client: TestClient, tmp_path: Path, record_property: Record) -> None:
    secret = tmp_path / "canary.txt"
    secret.write_text("tweet")
    named = str(secret)
    up = "../" * 12
    forms = [named, up + named[1:], quote(up + named[1:], safe=""), quote(named, safe=""), "file://" + named, named[1:]]
    forms += [up.replace("../", "..%5c") + named[1:], "....//" * 12 + named[1:], named + "%00.css", "/" + named]
    places = ["/static/", "/source/", "/api/passages/", "/chat/assets/", "/chat/static/", "/chat/gradio_api/file="]
    places += ["/chat/file=", "/chat/gradio_api/file/", "/chat/custom_component/", "/embed/", "/staff/static/", "/"]
    thing = {"path": named, "url": "file://" + named, "orig_name": "x", "meta": {"_type": "gradio.FileData"}}
    bodies = [
        {"fn_index": n, "data": data, "session_hash": "s"} for n in range(8) for data in ([thing], [named], thing)
    ]
    asked = 0
    with watched() as seen:
        for place in places:
            for form in forms:
                answer = client.get(place + form, headers={"accept-encoding": "identity"})
                assert "tweet" not in answer.text and answer.status_code < 500
                asked += 1
        for body in bodies:
            assert "tweet" not in client.post("/chat/gradio_api/queue/join", json=body).text
            asked += 1
        time.sleep(0.5)  # what was taken is worked on in another thread
        opened = [path for path, _ in seen if "canary" in path]
    assert opened == []
    with watched() as seen:
        assert client.get("/chat/static/img/logo.svg").status_code in (200, 404)
        secret.read_text()
    assert any("canary" in path for path, _ in seen)  # the watch does see
    record_property("figure", f"{len(opened)} of {asked} named paths opened")


def test_no_upload_is_taken(client: TestClient, record_property: Record) -> None:
    files = {"files": ("canary.png", b"\x89PNG canary" * 50, "image/png")}
    routes = {path for method, path in gradio_routes(client) | every_route(client.app) if method == "POST"}
    codes = []
    with watched() as seen:
        for path in sorted(routes):
            for prefix in ("/chat", ""):
                codes.append(client.post(prefix + filled(path), files=files, params={"upload_id": "x"}).status_code)
        written = [path for path, mode in seen if set(mode) & set("wxa+") and path != os.devnull]
    assert written == []
    taken = [code for code in codes if code < 300]
    record_property("figure", f"{len(codes)} uploads, {len(written)} files written, {len(taken)} answered as taken")


# --- what is told and logged ------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_errors_tell_nothing_of_the_inside(client: TestClient, record_property: Record) -> None:
    asked: list[Any] = [
        client.request(method, path, content=body, headers={"content-type": kind})
        for method in ("GET", "POST", "PUT", "DELETE")
        for path in ("/none", "/ask", "/api/ask", "/source/none", "/chat/x", "/chat/gradio_api/queue/join", "/api/none",
                     "/staff/x", "/staff/login", "/api/feedback", "/static/none", "/metrics", "/readyz/x")
        for body, kind in ((b"", "text/plain"), (b"{", "application/json"), (b"\xff" * 9, "multipart/form-data"))
    ]  # fmt: skip
    asked.append(client.post("/api/ask", json={"message": "crash"}))
    asked.append(client.post("/ask", data={"q": "crash"}))
    asked.append(client.post("/api/ask", content=b"x" * 3_000_000))
    with TestClient(create_app(failing(ZeroDivisionError("secret reason")), on_failure=lambda error: None)) as broken:
        asked += [broken.get(path) for path in ("/chat/", "/ask", "/readyz", "/staff")]
        for thread in threading.enumerate():
            if thread.name == LOADER:
                thread.join()  # what it raises belongs to this test
    refused = [answer for answer in asked if answer.status_code >= 400]
    for answer in refused:
        told = str(dict(answer.headers)) + answer.text
        assert not (found := INTERNALS.search(told)), (answer.request.url, found)
        assert str(ROOT) not in told and "secret reason" not in told
    codes = sorted({answer.status_code for answer in refused})
    record_property("figure", f"{len(refused)} refusals ({', '.join(map(str, codes))}), 0 with anything of the inside")


def test_no_word_of_a_visitor_is_in_any_log(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], record_property: Record
) -> None:
    """In no line of any library either, at the level where they say everything."""
    caplog.set_level(logging.DEBUG)
    word = "zanzibar"
    with served() as site:
        caplog.clear()
        own = {"sec-fetch-site": "same-origin", "user-agent": word, "referer": f"http://x/{word}", "cookie": word}
        for message in (word, f"crash {word}", f"my number is 555-0199 {word}", f"slow {word}"):
            site.post("/api/ask", json={"message": message, "history": [word]}, headers=own)
            site.post("/ask", data={"q": message}, headers=own)
            site.get("/ask", params={"q": message, "lang": word}, headers=own)
        site.post("/api/ask", content=b'{"message": 1, "' + word.encode(), headers=own)
        site.post("/api/feedback", json={"status": word, "helpful": word}, headers=own)
        site.get(f"/source/{word}?h={word}", headers=own)
        for number in range(6):  # what fits an event of the page and what doesn't
            for data in ([], [word], [word, None], [None]):
                join = {"fn_index": number, "data": data, "session_hash": word, "event_data": {"value": word}}
                site.post("/chat/gradio_api/queue/join", json=join, headers=own)
        site.post("/staff/login", data={"name": word, "password": word}, headers=own)
    ours = [record for record in caplog.records if record.name.partition(".")[0] not in ("httpx", "httpcore")]
    lines = [logging.Formatter("%(name)s %(message)s").format(record) for record in ours]  # with their tracebacks
    assert any("RuntimeError" in line for line in lines)
    lines += "".join(capfd.readouterr()).splitlines()
    assert [line for line in lines if word in line or "555-0199" in line] == []
    record_property("figure", f"0 of {len(lines)} lines, at the level that says most")


# --- who asks too much, or too slowly ---------------------------------------------------------------------------------


@contextmanager
def served(
    proxies: str = "127.0.0.1", limits: Limits = GENEROUS, patience: type[Patience] = Patience
) -> Iterator[httpx.Client]:
    """A site on a port of this machine, served as the product is."""
    loaded = threading.Event()
    settings = program.settings(create_app(FakeBot().as_bot, limits=limits, on_ready=loaded.set), proxies)
    settings.http = patience
    with in_thread(settings, loaded) as client:
        yield client


@pytest.mark.parametrize("proxies", ["127.0.0.1", "192.0.2.1"], ids=["from our proxy", "from anybody"])
def test_an_address_counts_as_told_by_a_trusted_proxy_only(proxies: str, record_property: Record) -> None:
    trusted = proxies == "127.0.0.1"
    with served(proxies, Limits(burst=5, per_second=0.001)) as site:
        codes = [
            site.post(
                "/api/ask", json={"message": "hello"}, headers={"x-forwarded-for": f"203.0.113.{n % 4}"}
            ).status_code
            for n in range(40)
        ]
    assert codes.count(200) == (20 if trusted else 5)
    assert set(codes) == {200, 429}
    record_property("figure", f"{'4 addresses by our proxy' if trusted else '4 forged addresses'}: "
                    f"{codes.count(200)} of 40 answered, limit 5 each")  # fmt: skip


class Hasty(Patience):
    """As the product, in tenths of a second."""

    spell, least = 0.5, 200


def test_slow_senders_are_hung_up_on_and_others_answered(record_property: Record) -> None:
    """Heads that never end, bodies that trickle, connections that say nothing; beside them somebody asks."""
    head = b"POST /api/ask HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n"
    starts = [b"", b"GET / HT", head, head + b"\r\n", head + b'\r\n{"message": "']

    async def trickle(port: int, start: bytes) -> float:
        """Seconds until the server hangs up on who sends a byte now and then."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        begun = time.monotonic()
        writer.write(start)
        end = asyncio.ensure_future(reader.read())
        while not end.done() and time.monotonic() - begun < 20:
            await asyncio.wait([end], timeout=0.1)
            if start:
                writer.write(b"a")
        writer.close()
        assert end.done()
        return time.monotonic() - begun

    async def steady(port: int) -> bytes:
        """Somebody on a slow line who does send: a body in pieces, longer than a spell."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = json.dumps({"message": "does it hurt", "history": ["x" * 100] * 20}).encode()
        writer.write(head.replace(b"1000000", str(len(body)).encode()) + b"\r\n")
        for place in range(0, len(body), 200):
            writer.write(body[place : place + 200])
            await asyncio.sleep(0.1)
        answer = await reader.readline()
        writer.close()
        return answer

    async def all_at_once(site: httpx.Client) -> tuple[list[float], bytes, list[int]]:
        port = int(str(site.base_url).rpartition(":")[2].strip("/"))
        slow = [asyncio.ensure_future(trickle(port, start)) for start in starts * 20]
        slow_line = asyncio.ensure_future(steady(port))
        codes = []
        for _ in range(10):
            answer = await asyncio.to_thread(site.post, "/api/ask", json={"message": "hello"})
            codes.append(answer.status_code)
        return await asyncio.gather(*slow), await slow_line, codes

    # The browser that other tests share has a loop in this thread.
    with served(patience=Hasty) as site, ThreadPoolExecutor(1) as apart:
        ended, kept, codes = apart.submit(lambda: asyncio.run(all_at_once(site))).result()
    assert codes == [200] * 10
    assert kept == b"HTTP/1.1 200 OK\r\n"
    assert len(ended) == 100
    record_property(
        "figure",
        f"{len(ended)} of 100 slow connections closed after at most {max(ended):.1f} s (limit {Hasty.spell} s here, "
        f"{Patience.spell:.0f} s in service); {codes.count(200)} of 10 others answered",
    )


def test_a_connection_that_rests_between_two_questions_stays() -> None:
    with served(patience=Hasty) as site:
        port = int(str(site.base_url).rpartition(":")[2].strip("/"))
        with socket.create_connection(("127.0.0.1", port)) as line:
            for _ in range(2):
                line.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
                answer = b""
                while not answer.endswith(b'{"status":"ok"}'):
                    more = line.recv(9000)
                    assert more
                    answer += more
                time.sleep(3 * Hasty.spell)
