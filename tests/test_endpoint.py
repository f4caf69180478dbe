"""A running server is evaluated like the bot itself; what it does wrong is counted or refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bot import gate
from bot.config import Config
from bot.endpoint import Endpoint, EndpointError, reply_of
from bot.metrics import Item
from bot.pipeline import Bot
from bot.schema import Turn
from bot.sets import read_set
from bot.summary import summarise
from tests.conftest import Command
from tests.questions import ITEMS, write_set

Handle = Callable[[dict[str, Any]], tuple[int, bytes]]


@contextmanager
def server(handle: Handle) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that answers ``POST /api/ask`` with what ``handle`` returns; gives its address and what it was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/api/ask"
            asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            status, body = handle(asked[-1])
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    started = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=started.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{started.server_port}", asked
    finally:
        started.shutdown()
        thread.join()
        started.server_close()


def replying(bot: Bot) -> Handle:
    def handle(question: dict[str, Any]) -> tuple[int, bytes]:
        turns = [Turn("user", text) for text in [*question["history"], question["message"]]]
        return 200, json.dumps(bot.ask(turns).to_dict()).encode()

    return handle


FINE = b'{"status": "answered", "answer": "Yes."}'
ITEM = Item("a", ("first", "second"), "answer")


def test_a_server_gets_the_figures_of_its_bot(
    bicycle_bot: Bot, bicycle: Config, tmp_path: Path, command: Command
) -> None:
    source = write_set(tmp_path / "set.jsonl")
    with server(replying(bicycle_bot)) as (url, asked):
        done = command("evaluate", source, "--endpoint", url, "--report", tmp_path / "r", "--corpus", bicycle.corpus)
    assert done.returncode == 0, done.stderr
    assert len(asked) == len(ITEMS)
    assert asked[10] == {"message": "and the tyres pumped?", "history": ["how often is the chain oiled"]}
    raw = json.loads((tmp_path / "r" / "results.json").read_text())
    local = summarise(gate.run_bot(bicycle_bot, read_set(source)).results)
    assert (raw["ranked"], raw["subject"]) == ("cited", url + "/api/ask")
    for name in ("right", "wrong", "citation recall", "citation precision", "fact recall", "evidence precision"):
        assert raw["measures"][name] == local.measures[name].to_dict(), name
    assert raw["confusion"] == local.confusion
    assert raw["measures"]["Success@1"]["mean"] == 1.0


@pytest.mark.parametrize("body", [b"oops", b"[]", b"{}", b'{"status": "odd", "answer": ""}', b'{"status": "answered"}'])
def test_what_is_no_reply_ends_the_run_at_first_and_counts_as_none_later(body: bytes) -> None:
    with server(lambda question: (200, body)) as (url, _), pytest.raises(EndpointError, match="does not answer as"):
        Endpoint(url)(ITEM)
    bodies = iter([FINE, body, FINE])
    with server(lambda question: (200, next(bodies))) as (url, asked):
        ask = Endpoint(url)
        assert [ask(ITEM) is None for _ in range(3)] == [False, True, False]
        assert len(asked) == 3


def test_a_failed_reply_counts_as_none_and_is_not_asked_again() -> None:
    codes = iter([200, 500, 200])
    with server(lambda question: (next(codes), FINE)) as (url, asked):
        ask = Endpoint(url + "/")
        assert [ask(ITEM) is None for _ in range(3)] == [False, True, False]
        assert len(asked) == 3


@pytest.mark.parametrize(
    ("code", "said"),
    [(429, "give --pause 1"), (404, "refused with 404"), (401, "refused with 401"), (503, "still starting")],
)
def test_a_refusal_that_would_repeat_ends_the_run(code: int, said: str) -> None:
    with server(lambda question: (code, b"{}")) as (url, _), pytest.raises(EndpointError, match=said):
        Endpoint(url)(ITEM)


def test_nobody_there(command: Command, tmp_path: Path, bicycle: Config) -> None:
    done = command(
        "evaluate", write_set(tmp_path / "s.jsonl"), "--endpoint", "http://127.0.0.1:9", "--corpus", bicycle.corpus
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "start the server, or check the address" in done.stderr


@pytest.mark.parametrize("url", ["localhost:7860", "file:///etc/passwd", "ftp://host", "http://", ""])
def test_only_web_addresses_are_asked(url: str) -> None:
    with pytest.raises(EndpointError, match="write http://HOST:PORT"):
        Endpoint(url)


def test_a_slow_server_is_not_waited_for() -> None:
    gate_ = threading.Event()
    bodies = iter([True, False])

    def handle(question: dict[str, Any]) -> tuple[int, bytes]:
        if not next(bodies):
            gate_.wait(5)
        return 200, FINE

    with server(handle) as (url, _):
        ask = Endpoint(url, timeout=0.5)
        assert ask(ITEM) is not None
        assert ask(ITEM) is None
        gate_.set()


def test_a_reply_survives_its_json_form(bicycle_bot: Bot) -> None:
    for question in ("how often is the chain oiled", "how often are the tyres pumped and the chain oiled", "bitcoin"):
        reply = bicycle_bot.ask([Turn("user", question)])
        assert reply_of(reply.to_dict()).to_dict() == json.loads(json.dumps(reply.to_dict()))


def test_another_server_may_leave_out_what_it_has_not() -> None:
    quoted = {"n": 1, "source_id": "s", "quote": "Yes.", "start": 3, "end": 7, "extra": True}
    found = reply_of({"status": "answered", "answer": "Yes. [1]", "citations": [quoted], "more": 1})
    assert (found.citations[0].passage, found.citations[0].passage_start) == ("Yes.", 3)
