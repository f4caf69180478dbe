"""``/metrics`` of a served site: what is counted, who may read it, and that no word of a visitor gets there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from prometheus_client.parser import text_string_to_metric_families

from bot.guard import Limits
from bot.monitor import Monitor
from bot.web import create_app
from tests.fake_bot import FakeBot
from tests.site import in_thread

Figures = dict[tuple[str, str], float]


@contextmanager
def served(token: str = "", limits: Limits | None = None) -> Iterator[httpx.Client]:
    """A site on a port of this machine."""
    ready = threading.Event()
    app = create_app(FakeBot().as_bot, limits=limits, metrics_token=token, on_ready=ready.set)
    with in_thread(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1), ready
    ) as client:
        yield client


@pytest.fixture(scope="module")
def site() -> Iterator[httpx.Client]:
    with served() as client:
        yield client


def figures(site: httpx.Client, **headers: str) -> Figures:
    """Every sample by its name and the value of its first label."""
    answer = site.get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["cache-control"] == "no-store"
    families = text_string_to_metric_families(answer.text)
    return {(s.name, next(iter(s.labels.values()), "")): s.value for family in families for s in family.samples}


def ask(site: httpx.Client, message: str) -> httpx.Response:
    return site.post("/api/ask", json={"message": message})


def test_answers_are_counted_by_status_with_their_time(site: httpx.Client) -> None:
    before = figures(site)
    for message in ("does it hurt", "does it hurt", "i can't breathe", "bitcoin"):
        assert ask(site, message).status_code == 200
    assert site.post("/ask", data={"q": "does it hurt"}).status_code == 200
    after = figures(site)
    grown = {key: after[key] - before.get(key, 0.0) for key in after}
    assert grown["faq_answers_total", "answered"] == 3
    assert grown["faq_answers_total", "urgent"] == grown["faq_answers_total", "abstained"] == 1
    assert grown["faq_answers_total", "caution"] == 0
    assert grown["faq_answer_seconds_count", ""] == grown["faq_answer_seconds_bucket", "+Inf"] == 5
    assert grown["faq_http_responses_total", "200"] == 6  # five and the first look
    assert after["faq_ready", ""] == after["faq_index_info", "fake-1"] == 1


def test_a_refusal_and_a_failure_are_counted(site: httpx.Client) -> None:
    before = figures(site)
    site.get("/chat/gradio_api/info")
    site.post("/api/ask", json={})
    ask(site, "crash")
    after = figures(site)
    for key in (("faq_http_responses_total", "404"), ("faq_http_responses_total", "422"), ("faq_failures_total", "")):
        assert after[key] - before.get(key, 0.0) == 1, key


def test_what_is_under_way_and_in_line_is_told(site: httpx.Client) -> None:
    threads = [threading.Thread(target=ask, args=(site, "slow")) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert eventually(lambda: figures(site)["faq_questions_in_progress", ""] == 3)
    for thread in threads:
        thread.join()
    now = figures(site)
    assert now["faq_questions_in_progress", ""] == 0
    assert {where for name, where in now if name == "faq_waiting"} == {"chat", "threads", "recorder"}
    assert eventually(lambda: figures(site)["faq_waiting", "recorder"] == 0)


def eventually(holds: Callable[[], bool]) -> bool:
    for _ in range(100):
        if holds():
            return True
        time.sleep(0.05)
    return False


def test_memory_and_files_of_the_process_are_told(site: httpx.Client) -> None:
    now = figures(site)
    assert now["process_resident_memory_bytes", ""] > 1e7
    assert 0 < now["process_open_fds", ""] < now["process_max_fds", ""]


def test_no_word_of_a_visitor_is_in_it(site: httpx.Client) -> None:
    for message in ("my-secret-words hurt", "crash my-secret-words"):
        ask(site, message)
    site.get("/my-secret-words")
    assert "secret" not in site.get("/metrics").text


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip"])
def test_who_comes_through_a_proxy_gets_none(site: httpx.Client, header: str) -> None:
    for address in ("203.0.113.5", "127.0.0.1"):
        refused = site.get("/metrics", headers={header: address})
        assert refused.status_code == 403
        assert "FAQ_METRICS_TOKEN" in refused.text
        assert "faq_" not in refused.text


def test_with_a_token_it_is_the_token_that_counts() -> None:
    with served("sesame") as site:
        assert site.get("/metrics").status_code == 403
        for wrong in ("Bearer", "Bearer sesam", "Basic sesame", "sesame", "Bearer s\u00e9same"):
            assert site.get("/metrics", headers={b"authorization": wrong.encode()}).status_code == 403
        assert figures(site, authorization="Bearer sesame", **{"x-forwarded-for": "203.0.113.5"})


def test_a_token_is_not_printed_with_the_settings() -> None:
    from bot.config import Config

    assert "sesame" not in repr(Config.from_env({"FAQ_METRICS_TOKEN": "sesame"}))


def test_two_servers_count_apart() -> None:
    one, two = Monitor(), Monitor()
    one.failed()
    assert "faq_failures_total 1.0" in one.text(0).decode()
    assert "faq_failures_total 0.0" in two.text(0).decode()
