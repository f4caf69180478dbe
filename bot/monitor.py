"""What a running server tells its operator in figures: ``/metrics``, in Prometheus' text form.

Counts and times only: no word of a visitor and no address. The route answers this machine alone, or whoever has the
token.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.schema import STATUSES, Reply

if TYPE_CHECKING:
    from bot.stage import Stage

log = logging.getLogger(__name__)
CLOSED = "Metrics are for this machine only. From elsewhere, set FAQ_METRICS_TOKEN and send it as a bearer token.\n"
# Seconds; .15 is what 95 of 100 answers shall take at most, and the rest tells how far off it is.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# Any of these, and a proxy stands between: then the nearest address says nothing of who asks.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")

router = APIRouter(include_in_schema=False)


class Monitor:
    """The figures of one server. Thread-safe."""

    def __init__(self, token: str = "") -> None:
        """``token``: who sends it may read the figures from anywhere; without one only this machine may."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # when each count began is told by the start of the process
        self.registry = new = CollectorRegistry()
        self._token = token
        self._answers = Counter("faq_answers", "Replies to visitors.", ["status"], registry=new)
        self._seconds = Histogram("faq_answer_seconds", "Time a reply took.", registry=new, buckets=BUCKETS)
        self._busy = Gauge("faq_questions_in_progress", "Questions being answered.", registry=new)
        self._failures = Counter("faq_failures", "Questions on which the program failed: an apology.", registry=new)
        self._uncounted = Counter("faq_uncounted_replies", "Replies that the database did not count.", registry=new)
        self._responses = Counter("faq_http_responses", "HTTP answers.", ["code"], registry=new)
        self._waiting = Gauge(
            "faq_waiting", "Questions in line at the chat page, requests without a thread, replies not yet counted.",
            ["where"], registry=new,
        )  # fmt: skip
        self._ready = Gauge("faq_ready", "1 once questions are answered, 0 while starting.", registry=new)
        self._index = Info("faq_index", "The index that is served.", registry=new)
        ProcessCollector(registry=new)
        for status in STATUSES:
            self._answers.labels(status)  # from the start at 0, or the first one of its kind is no increase

    def answered(self, answer: Callable[[], Reply]) -> Reply:
        """The reply, counted with the time it took."""
        begun = time.perf_counter()
        with self._busy.track_inprogress():
            reply = answer()
        taken = time.perf_counter() - begun
        self._seconds.observe(taken)
        self._answers.labels(reply.status).inc()
        told: dict[str, Any] = {"status": reply.status, "ms": round(1000 * taken, 1), "index": reply.index_version}
        log.info("answered", extra={"fields": told})
        return reply

    def failed(self) -> None:
        """Count a question on which the program failed."""
        self._failures.inc()

    def uncounted(self, replies: int = 1) -> None:
        """Count replies that are missing in the database."""
        self._uncounted.inc(replies)

    def serves(self, index_version: str) -> None:
        """Questions are answered from this index from now on."""
        self._index.info({"version": index_version})
        self._ready.set(1)

    def sent(self, code: int) -> None:
        """Count an HTTP answer."""
        self._responses.labels(str(code)).inc()

    def waits(self, where: str, length: Callable[[], int]) -> None:
        """Where something waits, and how to learn how much does."""
        self._waiting.labels(where).set_function(length)

    def may_read(self, request: Request) -> bool:
        """Whether the figures may be given to who asks."""
        if self._token:
            sent = request.headers.get("authorization", "").encode()
            return secrets.compare_digest(sent, f"Bearer {self._token}".encode())
        return not any(name in request.headers for name in _FORWARDED) and _is_here(request)

    def text(self, threads: int) -> bytes:
        """The figures as Prometheus reads them; ``threads``: requests that wait for a thread."""
        self._waiting.labels("threads").set(threads)
        return generate_latest(self.registry)


def _is_here(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:  # no address but a name
        return False


class Counted:
    """ASGI wrapper of the whole app: counts answers by their code."""

    def __init__(self, app: ASGIApp, monitor: Monitor) -> None:
        self.app = app
        self._monitor = monitor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and note the code."""

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._monitor.sent(message["status"])
            await send(message)

        await self.app(scope, receive, noted)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    stage: Stage = request.app.state.stage
    if not stage.monitor.may_read(request):
        return PlainTextResponse(CLOSED, 403)
    threads = to_thread.current_default_thread_limiter().statistics()
    return Response(stage.monitor.text(threads.tasks_waiting), media_type=CONTENT_TYPE_LATEST)
