"""The HTTP app through its routes: what is open, what is closed, what bad requests get, which headers go out."""

from __future__ import annotations

import asyncio
import html
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from bot.clinic import Clinic
from bot.errors import BotError, CorpusError
from bot.guard import Buckets, Frame, Limits, Rewritten
from bot.interface import Words, tables
from bot.schema import Turn
from bot.stage import LOADER
from bot.theme import Theme
from bot.web import create_app
from tests.fake_bot import CREAM, HOSTILE, PLAIN, FakeBot

GENEROUS = Limits(burst=10_000)


def ready(client: TestClient) -> TestClient:
    """Wait until the bot is loaded."""
    for _ in range(600):
        if client.get("/readyz").status_code == 200:
            return client
        time.sleep(0.05)
    raise AssertionError("the app never became ready")


@pytest.fixture(scope="module")
def bot() -> FakeBot:
    return FakeBot()


@pytest.fixture(scope="module")
def client(bot: FakeBot) -> Iterator[TestClient]:
    with TestClient(create_app(bot.as_bot, limits=GENEROUS), follow_redirects=False) as started:
        yield ready(started)


def ask(client: TestClient, **body: Any) -> Any:
    return client.post("/api/ask", json=body)


# --- POST /api/ask ---------------------------------------------------------------------------


def test_ask_gives_the_reply_as_json(client: TestClient) -> None:
    reply = ask(client, message="does it hurt", history=[]).json()
    assert reply["status"] == "answered"
    cited = reply["citations"][0]
    assert PLAIN.text[cited["start"] : cited["end"]] == cited["quote"] == CREAM


def test_history_is_passed_on_in_order(client: TestClient, bot: FakeBot) -> None:
    said = ["what is it", {"role": "assistant", "content": "A treatment."}, {"role": "user", "text": "and then"}]
    assert ask(client, message="does it hurt", history=said).status_code == 200
    roles = ("user", "assistant", "user", "user")
    texts = ("what is it", "A treatment.", "and then", "does it hurt")
    assert bot.asked[-1] == [Turn(r, t) for r, t in zip(roles, texts, strict=True)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"does it hurt"',
        b"{}",
        b'{"message": 5}',
        b'{"message": null}',
        b'{"message": "a", "history": "b"}',
        b'{"message": "a", "history": [5]}',
        b'{"message": "a", "history": [{"role": "user"}]}',
        b'{"message": "a", "history": [{"role": "system", "content": "x"}]}',
        b'{"message": "a", "secret": 1}',
        b"\xff\xfe",
        b"[" * 50_000,
    ],
    ids=lambda b: b[:40].decode("latin-1"),
)
def test_a_bad_body_is_told_what_to_send_and_not_repeated(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/ask", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert "Send JSON such as" in answer.json()["detail"]
    assert "secret-word" not in client.post("/api/ask", json={"message": ["secret-word"]}).text


@pytest.mark.parametrize(
    "message",
    ["", "   ", "x" * 100_000, "\U0001f642" * 100_000, "\x00\x07", "\u202e\u05e9\u05dc", "\U0001f642", HOSTILE],
    ids=["empty", "blank", "100,000", "100,000 emoji", "control", "right-to-left", "emoji", "hostile"],
)
def test_an_odd_message_gets_a_reply(client: TestClient, message: str) -> None:
    answer = ask(client, message=message)
    assert answer.status_code == 200
    assert answer.json()["answer"]


def test_half_a_character_gets_a_reply(client: TestClient, bot: FakeBot) -> None:
    body = b'{"message": "hello \\ud800"}'
    assert client.post("/api/ask", content=body, headers={"content-type": "application/json"}).status_code == 200
    assert bot.asked[-1][0].text == "hello ?"


def test_a_huge_body_is_refused(client: TestClient) -> None:
    assert ask(client, message="x" * 3_000_000).status_code == 413
    assert client.post("/chat/gradio_api/queue/join", json={"data": ["x" * 3_000_000]}).status_code == 413
    assert client.post("/ask", data={"q": "x" * 3_000_000}).status_code == 413


def test_a_failure_is_an_apology_and_logs_no_words_of_the_visitor(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    reply = ask(client, message="crash my-secret-words").json()
    assert "went wrong" in reply["answer"]
    assert "112" in reply["answer"]
    assert "RuntimeError" in caplog.text
    assert "my-secret-words" not in caplog.text


def test_a_page_that_nobody_uses_hardly_wakes(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left alone, Gradio looks every millisecond whether somebody asked."""
    slept: list[float] = []
    sleep = asyncio.sleep

    async def counted(delay: float, result: Any = None) -> Any:
        if sys._getframe(1).f_code.co_name == "start_processing":
            slept.append(delay)
        return await sleep(delay, result)

    monkeypatch.setattr(asyncio, "sleep", counted)
    until = time.monotonic() + 30
    while len(slept) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    assert len(slept) >= 3
    assert min(slept) >= 0.005


# --- pages -----------------------------------------------------------------------------------


def test_home_leads_to_the_chat(client: TestClient) -> None:
    assert client.get("/").headers["location"] == "/chat/"
    assert client.get("/chat").headers["location"].endswith("/chat/")


def test_the_chat_page_says_whose_it_is_before_any_script_runs(client: TestClient) -> None:
    page = client.get("/chat/").text
    assert "<title>Example Clinic</title>" in page
    assert "<h1>Example Clinic</h1>" in page
    assert "Not for emergencies" in page
    assert '<noscript><p class="note">The chat needs JavaScript. <a href="/ask">' in page


def test_the_chat_page_names_no_other_host(client: TestClient) -> None:
    page = re.sub(r"window\.gradio_config = .*?</script>", "", client.get("/chat/").text)
    assert set(re.findall(r"https?://[\w.-]+", page)) <= {"http://testserver"}
    assert "og:image" not in page


def test_hostile_settings_stay_text() -> None:
    name = "</script><script>window.owned=1</script>"
    hostile = FakeBot(clinic=Clinic(name=name, emergency_number=name))
    with TestClient(create_app(hostile.as_bot)) as client:
        page = ready(client).get("/chat/").text
        assert "<script>window.owned" not in page
        assert "<script>window.owned" not in client.get("/ask").text
        assert "&lt;script&gt;window.owned" in page


def test_the_source_page_marks_the_quote(client: TestClient) -> None:
    reply = ask(client, message="does it hurt").json()["citations"][0]
    page = client.get(f"/source/{reply['source_id']}?start={reply['start']}&end={reply['end']}")
    assert f'<mark id="quote">{CREAM}</mark>' in page.text


@pytest.mark.parametrize("query", ["", "?start=&end=", "?start=-1&end=x", "?start=9&end=3", "?start=1&end=" + "9" * 40])
def test_the_source_page_reads_on_when_a_link_is_wrong(client: TestClient, query: str) -> None:
    page = client.get(f"/source/003-how-it-works{query}")
    assert page.status_code == 200
    assert "<mark" not in page.text


@pytest.mark.parametrize(
    "path",
    ["/source/none", "/api/passages/none", "/source/..%2f..%2fapp.py", "/static/none", "/static/..%2fweb.py", "/x"],
)
def test_what_is_not_there_is_404(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_passage_for_the_panel(client: TestClient) -> None:
    start = PLAIN.text.index(CREAM)
    found = client.get(f"/api/passages/003-how-it-works?start={start}&end={start + len(CREAM)}").json()
    marked = [p["text"] for b in found["blocks"] for p in b["parts"] if p["mark"]]
    assert marked == [CREAM]
    assert client.get("/api/passages/003-how-it-works?start=-1").status_code == 422


def test_without_javascript_a_form_asks(client: TestClient, bot: FakeBot) -> None:
    assert '<form class="ask" method="post"' in client.get("/ask").text
    assert CREAM in client.get("/ask", params={"q": "does it hurt"}).text
    page = client.post("/ask", data={"earlier": ["one", "two"], "q": "does it hurt"}).text
    assert CREAM in page
    assert [t.text for t in bot.asked[-1]] == ["one", "two", "does it hurt"]
    assert client.post("/ask", data={"choice": "does it hurt", "q": ""}).text.count(CREAM) == 1


def test_without_javascript_markup_stays_text(client: TestClient) -> None:
    page = client.post("/ask", data={"q": "evil " + HOSTILE}).text
    for tag in ("<script", "<img", "<svg", "<input name"):
        assert tag not in page


def test_the_api_is_documented_without_other_hosts(client: TestClient) -> None:
    page = client.get("/api/docs").text
    assert "POST /api/ask" in page
    assert "&quot;message&quot;" in page
    assert "http" not in re.sub(r"http-equiv|HTTP", "", page)
    paths = client.get("/api/openapi.json").json()["paths"]
    assert set(paths) == {"/api/ask", "/api/feedback", "/api/passages/{source_id}", "/healthz", "/readyz"}


def test_small_files(client: TestClient) -> None:
    assert client.get("/favicon.ico").headers["content-type"].startswith("image/svg+xml")
    assert client.get("/manifest.json").json()["start_url"] == "/chat/"
    for address in re.findall(r'"(/static/[^"]+)"', client.get("/chat/").text):
        found = client.get(address)
        assert found.status_code == 200
        assert "immutable" in found.headers["cache-control"]


@pytest.mark.parametrize("path", ["/chat/", "/static/chat.js"])
def test_what_is_large_is_packed_for_who_can_read_it(client: TestClient, path: str) -> None:
    sent = {}
    for accepted in ("gzip, br", "identity"):
        with client.stream("GET", path, headers={"accept-encoding": accepted}) as answer:
            sent[accepted] = len(b"".join(answer.iter_raw()))
            assert answer.headers.get("content-encoding") == ("gzip" if "gzip" in accepted else None)
            assert int(answer.headers["content-length"]) == sent[accepted]
            assert answer.headers["vary"] == "accept-encoding"
    assert sent["gzip, br"] < sent["identity"] / 2


# --- what is closed, and the headers ----------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/chat/gradio_api/upload"),
        ("GET", "/chat/gradio_api/upload"),
        ("POST", "/chat/gradio_api/process_recording"),
        ("GET", "/chat/gradio_api/file=/etc/passwd"),
        ("GET", "/chat/gradio_api/file/etc/passwd"),
        ("GET", "/chat/file=/etc/passwd"),
        ("GET", "/chat/gradio_api/proxy=https://evil.example"),
        ("GET", "/chat/gradio_api/info"),
        ("GET", "/chat/gradio_api/openapi.json"),
        ("POST", "/chat/gradio_api/run/send"),
        ("POST", "/chat/gradio_api/run/predict"),
        ("POST", "/chat/gradio_api/api/predict"),
        ("POST", "/chat/gradio_api/call/send"),
        ("GET", "/chat/gradio_api/deep_link"),
        ("GET", "/chat/gradio_api/runs"),
        ("GET", "/chat/gradio_api/queue/status"),
        ("GET", "/chat/monitoring"),
        ("GET", "/chat/monitoring/summary"),
        ("GET", "/chat/openapi.json"),
        ("GET", "/chat/docs"),
        ("POST", "/chat/login"),
        ("DELETE", "/chat/"),
        ("GET", "/chat//gradio_api/info"),
        ("GET", "/chat/assets/../gradio_api/info"),
        ("GET", "/chat/gradio_api/queue/data/../../info"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/gradio_api/info"),
    ],
)
def test_a_route_the_page_does_not_need_is_closed(client: TestClient, method: str, path: str) -> None:
    assert client.request(method, path).status_code in {404, 405}


def test_no_event_takes_a_file_or_the_conversation_from_the_client(client: TestClient) -> None:
    config = gradio_config(client)
    kinds = {c["id"]: c["type"] for c in config["components"]}
    taken = {kinds[i] for event in config["dependencies"] for i in event["inputs"]}
    assert taken == {"textbox", "state"}


def test_file_paths_are_checked_after_mounting() -> None:
    from bot import chat_ui

    async def mounted() -> Any:
        return chat_ui.mounted(FakeBot().as_bot, FakeBot().ask)

    with ThreadPoolExecutor(1) as pool:  # the browser tests leave a loop running in the main thread
        app = pool.submit(lambda: asyncio.run(mounted())).result()
    inner: Any = next(r for r in app.routes if getattr(r, "path", "") == "/chat")
    assert inner.app.get_blocks().has_launched is True
    assert inner.app.get_blocks().run_history is False


def gradio_config(client: TestClient) -> dict[str, Any]:
    found = re.search(r"window\.gradio_config = (\{.*?\});</script>", client.get("/chat/").text)
    assert found
    config: dict[str, Any] = json.loads(found[1])
    return config


@pytest.mark.parametrize("path", ["/chat/", "/ask", "/source/003-how-it-works", "/api/docs", "/healthz", "/none"])
def test_every_answer_has_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.split("style-src")[0]
    assert "frame-ancestors 'self'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_every_script_carries_the_nonce_of_its_answer(client: TestClient) -> None:
    nonces = set()
    for _ in range(2):
        answer = client.get("/chat/")
        found = re.search(r"'nonce-([\w-]{20,})'", answer.headers["content-security-policy"])
        assert found
        nonces.add(found[1])
        scripts = re.findall(r"<script[^>]*>", answer.text)
        assert len(scripts) >= 5
        # Our own script needs none: it is a file of this host.
        assert [s for s in scripts if f'nonce="{found[1]}"' not in s and 'src="/static/chat.js' not in s] == []
    assert len(nonces) == 2


def test_no_other_origin_is_allowed_in(client: TestClient) -> None:
    for path in ("/chat/", "/chat/config", "/api/ask"):
        headers = client.get(path, headers={"origin": "https://evil.example"}).headers
        assert "access-control-allow-origin" not in headers


# --- rate limit ------------------------------------------------------------------------------


def test_too_many_questions_are_told_so() -> None:
    with TestClient(create_app(FakeBot().as_bot, limits=Limits(burst=3, per_second=0.01))) as client:
        ready(client)
        assert [ask(client, message="hello").status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = client.post("/chat/gradio_api/queue/join", json={})
        assert refused.status_code == 429
        assert "wait a moment" in refused.json()["detail"]
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/ask", params={"q": "x"}).status_code == 429
        assert client.get("/chat/").status_code == 200


def test_a_bucket_refills_and_addresses_are_apart() -> None:
    now = [0.0]
    buckets = Buckets(Limits(burst=2, per_second=0.5), lambda: now[0])
    assert [buckets.take("a"), buckets.take("a")] == [0.0, 0.0]
    assert buckets.take("a") == pytest.approx(2.0)
    assert buckets.take("b") == 0.0
    now[0] = 2.0
    assert buckets.take("a") == 0.0
    assert buckets.take("a") > 0


def test_the_buckets_stay_few() -> None:
    buckets = Buckets(Limits(addresses=10), lambda: 0.0)
    for i in range(1000):
        buckets.take(str(i))
    assert len(buckets._left) == 10


# --- starting and failing ---------------------------------------------------------------------


def test_while_starting_health_is_fine_and_pages_say_so(bot: FakeBot) -> None:
    go = threading.Event()

    def slow() -> Any:
        go.wait(10)
        return bot

    with TestClient(create_app(slow)) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").status_code == 503
        assert client.get("/readyz").json() == {"status": "starting"}
        for path in ("/chat/", "/ask", "/source/003-how-it-works"):
            page = client.get(path)
            assert page.status_code == 503
            assert "is starting" in page.text
            assert 'src="/static/starting.js?v=' in page.text
        form = client.post("/ask", data={"q": "x"})
        assert (form.status_code, form.headers["content-type"]) == (503, "text/html; charset=utf-8")
        assert ask(client, message="hello").status_code == 503
        assert "starting" in ask(client, message="hello").json()["detail"]
        go.set()
        assert ready(client).get("/readyz").json() == {"status": "ready", "index_version": "fake-1"}


def failing(error: BaseException) -> Callable[[], Any]:
    def load() -> Any:
        raise error

    return load


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [CorpusError("no articles: put some there"), ZeroDivisionError()])
def test_a_bot_that_can_t_be_loaded_is_reported(error: Exception) -> None:
    told: list[BotError] = []
    with TestClient(create_app(failing(error), on_failure=told.append)) as client:
        for _ in range(100):
            if told:
                break
            time.sleep(0.02)
        assert client.get("/readyz").status_code == 503
    for thread in threading.enumerate():
        if thread.name == LOADER:
            thread.join()  # what it raised must be reported within this test, which expects it
    assert len(told) == 1
    assert told[0] is error or "could not be loaded" in str(told[0])


def test_rewriting_touches_scripts_head_and_language_only() -> None:
    page = '<html\tlang="en" a><head><script>a</script></head><body><gradio-app></gradio-app><script src=x></script>'
    frame = Frame("T", "<link>", "<h1>T</h1>")
    shown = Rewritten(lambda *_: None, lambda words: frame).rewrite(page + "@@send@@ @@x@@", "N", Words("de"))  # type: ignore[arg-type]
    assert shown == (
        '<html lang="de" dir="ltr" a><head><script nonce="N">a</script><title>T</title><link></head><body><h1>T</h1>'
        '<gradio-app data-opening="Der Chat wird geöffnet …"></gradio-app><script nonce="N" src=x></script>Senden @@x@@'
    )


# --- languages --------------------------------------------------------------------------------


@pytest.mark.parametrize("code", tables())
def test_each_page_speaks_the_browser_s_language_and_answers_stay_english(client: TestClient, code: str) -> None:
    words, browser = Words(code), {"accept-language": f"{code}-XX,en;q=0.5"}
    for path in ("/chat/", "/ask", "/source/003-how-it-works", "/none"):
        assert f'lang="{code}" dir="ltr"' in client.get(path, headers=browser).text
    assert words["question"] in client.get("/chat/", headers=browser).text
    assert "@@" not in client.get("/chat/", headers=browser).text
    page = client.post("/ask", data={"q": "does it hurt"}, headers=browser).text
    assert f'<div class="reply answered" lang="en" dir="auto"><div class="says"><span class="line">{CREAM}' in page
    assert words["sources"] in page
    assert words.date(19, 1, 2024) in client.get("/source/003-how-it-works", headers=browser).text
    assert words.date(19, 1, 2024) == client.get("/api/passages/003-how-it-works", headers=browser).json()["published"]
    assert html.escape(words["nothing"]) in client.get("/none", headers=browser).text


def test_the_address_names_a_language_and_links_and_forms_carry_it_on(client: TestClient) -> None:
    english = {"accept-language": "en"}
    assert client.get("/?lang=sv", headers=english).headers["location"] == "/chat/?lang=sv"
    assert client.get("/?lang=xx&q=secret", headers=english).headers["location"] == "/chat/"
    page = client.get("/ask?lang=sv&q=does+it+hurt", headers=english).text
    assert 'action="/ask?lang=sv"' in page
    assert "&amp;lang=sv#quote" in page
    assert 'href="/chat/?lang=sv"' in client.get("/source/003-how-it-works?lang=sv", headers=english).text


def test_a_refusal_is_told_in_the_visitor_s_language() -> None:
    with TestClient(create_app(FakeBot().as_bot, limits=Limits(burst=1, per_second=0.01))) as client:
        ready(client)
        assert ask(client, message="hello").status_code == 200
        spanish = {"accept-language": "es"}
        refused = client.post("/chat/gradio_api/queue/join", json={}, headers=spanish)
        assert refused.json()["detail"] == Words("es")["too_many"]
        assert Words("de")["too_many"] in client.post("/ask?lang=de", data={"q": "x"}, headers=spanish).text
        assert client.get("/ask?lang=de", headers=spanish).status_code == 200  # asks nothing


# --- the clinic's colour -----------------------------------------------------------------------


def test_the_clinic_s_colour_is_in_the_style_sheet_the_icon_and_the_launcher() -> None:
    coloured = FakeBot(clinic=Clinic(theme=Theme.read({"accent": "#6d28d9"})))
    with TestClient(create_app(coloured.as_bot)) as client:
        page = ready(client).get("/ask").text
        address = re.search(r'"(/static/site\.css\?v=\w+)"', page)
        assert address
        styles = client.get(address[1]).text
        assert ":root { --accent: #6d28d9;" in styles.rpartition("/*")[2]
        assert b"#6d28d9" in client.get("/favicon.ico").content
        assert b"#6d28d9" in client.get("/embed.js").content
        assert "style=" not in page
