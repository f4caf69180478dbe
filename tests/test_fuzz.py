"""Generated messages, conversations and bodies to the real bot and the whole site: no exception, no 5xx, no markup.

A few hundred here; ``FUZZ=20000`` in the environment, or ``python -m tests.bench.faults --fuzz 20000``, sends as many.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.contact import ask_clinic_html
from bot.guard import Limits
from bot.interface import Words
from bot.pipeline import Bot
from bot.render import contact_links, question_html, reply_html
from bot.schema import Turn
from bot.web import create_app
from tests import nasties
from tests.test_pipeline import assert_sound
from tests.test_web import ready

MANY = int(os.environ.get("FUZZ", "200"))
Record = Callable[[str, object], None]
BOUNDLESS = Limits(burst=10**9)  # of questions, which all come from one address
# Half of all go to the bot, the other half to the site.
SOME = settings(
    max_examples=MANY // 2, deadline=None, database=None, derandomize=True, phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
FEW = settings(SOME, max_examples=max(10, MANY // 20))
# What our own renderer makes of a message and a reply; everything else would be a visitor's or an article's.
TAGS = {
    "div", "span", "br", "a", "ol", "ul", "li", "table", "caption", "thead", "tbody", "tr", "th", "td", "p", "strong",
}  # fmt: skip
ATTRIBUTES = {"class", "data-index", "href", "title", "lang", "dir", "role", "id", "scope"}
HREFS = ("/source/", "tel:", "mailto:hello@clinic.example.com", "https://clinic.example.com", "#")


class Strict(HTMLParser):
    """Complains about any tag, attribute or address that is not ours."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        for name, value in attrs:
            assert name in ATTRIBUTES, (tag, name)
            assert name != "href" or str(value).startswith(HREFS), value

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError("a declaration")


def strict(markup: str) -> None:
    """Nothing in it but our own markup, on one line, as the chat page needs it."""
    parser = Strict()
    parser.feed(markup)
    parser.close()
    assert "\n" not in markup


def test_the_parser_finds_what_is_not_ours() -> None:
    for bad in ("<b>x</b>", "<a onclick=x>", '<a href="javascript:x">', "<!-- -->", "<div\n>", "<img src=x>"):
        with pytest.raises(AssertionError):
            strict(bad)
    strict('<div class="asked" dir="auto">&lt;b&gt;</div>')


def test_a_conversation_of_nasties_gets_a_sound_reply_without_markup(shipped_bot: Bot, record_property: Record) -> None:
    links, words = contact_links(shipped_bot.clinic), Words("en")
    seconds: list[float] = []

    @SOME
    @given(nasties.conversation)
    def asked(messages: list[str]) -> None:
        turns = [Turn("user", text.encode("utf-8", "replace").decode()) for text in messages]
        begun = time.process_time()
        reply = shipped_bot.ask(turns)
        seconds.append(time.process_time() - begun)
        assert_sound(shipped_bot, reply)
        strict(question_html(turns[-1].text, words))
        strict(reply_html(reply, links, words, ask_clinic_html(reply, turns[-1].text, shipped_bot.clinic, words)))

    asked()
    seconds.sort()
    median, slow, slowest = (1000 * seconds[int(q * (len(seconds) - 1))] for q in (0.5, 0.99, 1))
    record_property(
        "figure", f"{len(seconds)} conversations, CPU ms median {median:.0f}, p99 {slow:.0f}, most {slowest:.0f}"
    )


@pytest.fixture(scope="module")
def client(shipped_bot: Bot) -> Iterator[TestClient]:
    """The whole site over the real bot; what fails inside is raised here."""
    with TestClient(create_app(lambda: shipped_bot, limits=BOUNDLESS), follow_redirects=False) as started:
        yield ready(started)


JSON = {"content-type": "application/json", "sec-fetch-site": "same-origin"}


def test_bodies_of_the_api_are_answered_or_told_what_to_send(client: TestClient, record_property: Record) -> None:
    codes: dict[int, int] = {}

    @SOME
    @given(nasties.body)
    def posted(body: bytes) -> None:
        answer = client.post("/api/ask", content=body, headers=JSON)
        codes[answer.status_code] = codes.get(answer.status_code, 0) + 1
        assert answer.status_code in (200, 400, 422)
        told = answer.json()
        assert told["answer"] if answer.status_code == 200 else "Send JSON such as" in told["detail"]
        assert answer.headers["content-type"] == "application/json"

    posted()
    assert {200, 422} <= set(codes)
    record_property("figure", f"/api/ask {', '.join(f'{code}: {n}' for code, n in sorted(codes.items()))}")


def test_what_is_rightly_formed_is_answered(client: TestClient) -> None:
    @FEW
    @given(nasties.question)
    def posted(question: dict[str, object]) -> None:
        assert client.post("/api/ask", content=nasties.as_json(question), headers=JSON).status_code == 200

    posted()


def test_the_page_without_javascript_holds_no_markup_of_others(client: TestClient) -> None:
    plain = client.post("/ask", data={"q": "hello"}).text
    own = {tag: plain.count(f"<{tag}") for tag in ("script", "img", "svg", "style", "iframe")}

    @FEW
    @given(nasties.conversation)
    def sent(messages: list[str]) -> None:
        fields = {"earlier": messages[:-1], "q": messages[-1]}
        page = client.post("/ask", data={k: v for k, v in fields.items() if v})
        assert page.status_code == 200
        assert {tag: page.text.count(f"<{tag}") for tag in own} == own
        assert "onerror=" not in page.text.replace("onerror=alert(1)&gt;", "").replace("onerror=&quot;", "")

    sent()


def no_more_than(client: TestClient, waiting: int) -> None:
    """Wait until the chat page's line is that short."""
    app: Any = client.app
    while app.state.stage._chat.app.state.waiting() > waiting:
        time.sleep(0.02)


@pytest.mark.parametrize("path", ["/chat/gradio_api/queue/join", "/api/feedback"])
def test_bodies_of_the_page_s_own_requests_break_nothing(
    client: TestClient, path: str, capfd: pytest.CaptureFixture[str], record_property: Record
) -> None:
    known = ("fn_index", "data", "session_hash", "trigger_id", "event_data", "helpful", "status", "index_version")
    form = st.fixed_dictionaries({}, optional=dict.fromkeys(known, nasties.anything))
    chosen = st.one_of(nasties.anything, st.fixed_dictionaries({"index": nasties.anything, "value": nasties.anything}))
    event = st.fixed_dictionaries(
        {"fn_index": st.integers(-1, 5), "data": st.lists(nasties.anything, max_size=3), "session_hash": nasties.short},
        optional={"event_data": chosen, "trigger_id": st.integers(-1, 20), "batched": st.booleans()},
    )
    codes: dict[int, int] = {}

    @FEW
    @given(st.one_of(event.map(nasties.as_json), form.map(nasties.as_json), nasties.body))
    def posted(body: bytes) -> None:
        no_more_than(client, 100)  # at 200 who comes is told to try again
        answer = client.post(path, content=body, headers=JSON)
        codes[answer.status_code] = codes.get(answer.status_code, 0) + 1
        assert answer.status_code < 500

    posted()
    no_more_than(client, 0)
    time.sleep(0.5)  # those that were taken out last
    assert "Traceback" not in capfd.readouterr().err  # Gradio would print what was sent with it
    record_property("figure", f"{path} {', '.join(f'{code}: {n}' for code, n in sorted(codes.items()))}")


def test_addresses_break_nothing(client: TestClient) -> None:
    @FEW
    @given(st.sampled_from(["/source/", "/api/passages/", "/static/", "/"]), nasties.message, nasties.message)
    def got(start: str, name: str, query: str) -> None:
        safe = name.encode("utf-8", "replace").decode()[:200]
        asked = {"start": query[:50], "end": safe[:9], "h": query[:40], "lang": query[:20], "q": query[:300]}
        assert client.get(httpx_path(start, safe), params=asked).status_code < 500

    got()


def httpx_path(start: str, name: str) -> str:
    """An address whose last part is the name, whatever is in it."""
    from urllib.parse import quote

    return start + quote(name, safe="")


def test_the_api_is_as_its_description_says(tmp_path: Path, record_property: Record) -> None:
    """Schemathesis, over a served site: what the OpenAPI description allows is answered as it says."""
    from tests.test_monitor import served

    with served(limits=BOUNDLESS) as site:
        options = [
            "--max-examples",
            str(max(10, MANY // 30)),
            "--phases",
            "examples,coverage,fuzzing" if MANY > 1000 else "examples,fuzzing",
        ]
        checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{site.base_url}/api/openapi.json"]
        found = tmp_path / "found.ndjson"
        more = ["--checks", checks, "--include-path", "/api/ask", "--generation-deterministic", "--no-color"]
        done = subprocess.run(
            [*command, *options, *more, "--report", "ndjson", "--report-ndjson-path", str(found)], cwd=tmp_path,
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert json.loads(found.read_text().splitlines()[0])
    record_property(
        "figure", next((s.strip() for s in done.stdout.splitlines() if "generated" in s), "schemathesis: ok")
    )
