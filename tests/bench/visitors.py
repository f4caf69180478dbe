"""Visitors without a browser: they speak the chat page's protocol, or the API, over a socket of their own.

What a page sends for one question is recorded from a real browser and sent again with other words, so that a page of
eight requests is asked with eight. The client is as thin as it can be, because it shares the machine with the server.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from playwright.sync_api import Request, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS

TYPED = "does it hurt much"  # stands in what is recorded until a visitor's own question takes its place
TURNS = 4  # questions of a conversation; then another visitor comes


class Failed(Exception):
    """A request was refused, or the answer was none."""


@dataclass(frozen=True)
class Page:
    """A chat page: its address and what it sends for one question, in order."""

    address: str
    prefix: str
    sends: tuple[tuple[str, str], ...]  # which route, and JSON with TYPED in the place of the question


def recorded(address: str, prefix: str) -> Page:
    """What a browser sends when a question is typed and Enter is pressed."""
    sends: list[tuple[str, str]] = []

    def note(request: Request) -> None:
        route = urlsplit(request.url).path.partition("/gradio_api/")[2]
        if request.method == "POST" and route in ("queue/join", "run/predict"):
            sends.append((route, request.post_data or ""))

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.goto(f"{address}{prefix}/")
        box = page.locator("textarea").first
        box.wait_for()
        page.wait_for_timeout(3000)  # what a page asks for when it is opened is no part of a question
        page.on("request", note)
        box.fill(TYPED)
        box.press("Enter")
        page.wait_for_timeout(6000)
        browser.close()
    if not any(TYPED in send for _, send in sends):
        raise Failed(f"{address}{prefix}/: the page sent no question")
    return Page(address, prefix, tuple(sends))


class Connection:
    """One HTTP/1.1 connection; opened again when the server has closed it."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, method: str, path: str, who: str, body: bytes = b"") -> None:
        """Send a request; ``who``: the address it comes from, as a proxy tells it."""
        if self._writer is None or self._writer.is_closing() or (self._reader and self._reader.at_eof()):
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nX-Forwarded-For: {who}\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self._writer.write(f"{head}\r\n".encode() + body)
        await self._writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        """The code and the headers of the answer."""
        assert self._reader
        raw = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in raw[1:] if ": " in line)
        return int(raw[0].split()[1]), headers

    async def lines(self) -> AsyncIterator[bytes]:
        """Lines of a body in chunks."""
        assert self._reader
        held = b""
        while size := int((await self._reader.readline()).strip() or b"0", 16):
            held += (await self._reader.readexactly(size + 2))[:-2]
            *whole, held = held.split(b"\n")
            for line in whole:
                yield line
        await self._reader.readline()

    async def json(self, path: str, who: str, body: bytes) -> Any:
        """Post, and read JSON.

        Raises:
            Failed: the answer is no 200.
        """
        await self.send("POST", path, who, body)
        code, headers = await self.head()
        assert self._reader
        raw = await self._reader.readexactly(int(headers["content-length"]))
        if code != 200:
            raise Failed(f"{code} {raw[:80]!r}")
        return json.loads(raw)

    def close(self) -> None:
        """Hang up."""
        if self._writer:
            self._writer.close()


class Visitor(Protocol):
    """Somebody who asks."""

    async def ask(self, question: str) -> None:
        """Ask, and wait for the reply."""

    def close(self) -> None:
        """Leave."""


class ApiVisitor:
    """Asks through ``POST /api/ask``."""

    def __init__(self, address: str, who: str) -> None:
        self._connection, self._who = Connection(address), who

    async def ask(self, question: str) -> None:
        """Ask, and wait for the reply."""
        reply = await self._connection.json("/api/ask", self._who, json.dumps({"message": question}).encode())
        if not reply["answer"]:
            raise Failed("no answer")

    def close(self) -> None:
        """Leave."""
        self._connection.close()


class PageVisitor:
    """Has the chat page open, and asks through it."""

    def __init__(self, page: Page, who: str) -> None:
        self._page, self._who = page, who
        self._session = secrets.token_hex(6)
        self._posts, self._stream, self._heart = (Connection(page.address) for _ in range(3))
        self._beating = False

    async def ask(self, question: str) -> None:
        """Send what the page sends, one after the other, and wait for each to be done."""
        gradio = f"{self._page.prefix}/gradio_api"
        if not self._beating:
            await self._heart.send("GET", f"{gradio}/heartbeat/{self._session}", self._who)
            self._beating = True
        typed = json.dumps(question)[1:-1]
        for route, send in self._page.sends:
            body = json.loads(send.replace(TYPED, typed))
            body["session_hash"] = self._session
            told = await self._posts.json(f"{gradio}/{route}?", self._who, json.dumps(body).encode())
            if route == "queue/join":
                await self._done(f"{gradio}/queue/data?session_hash={self._session}", told["event_id"])

    async def _done(self, path: str, event: str) -> None:
        await self._stream.send("GET", path, self._who)
        code, _ = await self._stream.head()
        if code != 200:
            raise Failed(str(code))
        done = False
        async for line in self._stream.lines():
            if not line.startswith(b"data: "):
                continue
            told = json.loads(line[6:])
            if told["msg"] == "process_completed" and told["event_id"] == event:
                if not told["success"]:
                    raise Failed("the page's event failed")
                done = True
            if told["msg"] == "close_stream":
                break
        self._stream.close()
        if not done:
            raise Failed("the stream ended without a reply")

    def close(self) -> None:
        """Close the page."""
        for connection in (self._posts, self._stream, self._heart):
            connection.close()


@dataclass
class Told:
    """How long replies took, in seconds, and what failed."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def at(self, share: float) -> float:
        """Milliseconds within which that share of the replies came."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


async def visit(
    new: Callable[[str], Visitor], questions: Sequence[str], users: int, seconds: float, pause: float
) -> Told:
    """So many users for so long, each with a question every ``pause`` seconds (0: at once after each reply)."""
    told, end = Told(), time.monotonic() + seconds

    async def one(number: int) -> None:
        chance = random.Random(number)
        await asyncio.sleep(chance.uniform(0, pause))
        visitor, asked = None, 0
        while time.monotonic() < end:
            if visitor is None or asked % TURNS == 0:
                if visitor:
                    visitor.close()
                visitor = new(f"198.{18 + chance.randrange(2)}.{chance.randrange(256)}.{chance.randrange(256)}")
            begun = time.monotonic()
            try:
                await asyncio.wait_for(visitor.ask(chance.choice(questions)), 60)
                told.seconds.append(time.monotonic() - begun)
            except (Failed, OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                told.failures.append(f"{type(error).__name__} {error}"[:100])
                visitor.close()
                visitor = None
            asked += 1
            left = begun + pause * chance.uniform(0.5, 1.5) - time.monotonic()
            await asyncio.sleep(max(0.0, left))
        if visitor:
            visitor.close()

    await asyncio.gather(*(one(number) for number in range(users)))
    await asyncio.sleep(0.1)  # until connections that were closed are
    return told
