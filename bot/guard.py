"""The gate in front of every route: what is open, how often, and with which headers (pure ASGI).

It wraps the whole app, because Gradio opens more routes than a public page needs and answers some
with streams, which Starlette's ``BaseHTTPMiddleware`` would hold back.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CHAT = "/chat"
LAUNCHER = "/embed.js"
_FRAMED = (CHAT + "/", "/embed")  # what other people's pages may show, if they are allowed to
# The only Gradio routes that the chat page asks for; each other one is closed.
_OPEN = {
    "GET": re.compile(
        rf"{CHAT}/(?:|theme\.css|(?:assets|static)/[\w./-]+|config"
        r"|gradio_api/(?:startup-events|queue/data|heartbeat/\w+))\Z"
    ),
    "POST": re.compile(rf"{CHAT}/gradio_api/queue/join\Z"),
}
_OPEN["HEAD"] = _OPEN["GET"]
_HASHED = re.compile(rf"{CHAT}/assets/")  # names carry a content hash, so they never change
_ASKS = re.compile(rf"(?:{CHAT}/gradio_api/queue/join|/api/ask|/ask)\Z")
MAX_BODY_BYTES = 2_000_000  # 100,000 characters, each a 12-byte JSON escape, still get a reply in words
TOO_MANY = "That was many questions in a short time. Please wait a moment and send it again."

_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How often one address may ask. A clinic's waiting room shares one address, hence the burst."""

    burst: int = 30  # questions at once
    per_second: float = 1.0  # questions regained; nobody reads answers faster
    addresses: int = 10_000  # remembered at a time, so that memory stays bounded


class Buckets:
    """A token bucket per address. Full buckets are forgotten first: forgetting them changes nothing."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, address: str) -> float:
        """Take one token; returns 0.0, or the seconds to wait where none is left."""
        now = self._clock()
        tokens, since = self._left.pop(address, (float(self._limits.burst), now))
        tokens = min(self._limits.burst, tokens + (now - since) * self._limits.per_second)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._limits.per_second
        self._left[address] = (tokens if wait else tokens - 1, now)
        while len(self._left) > self._limits.addresses:
            del self._left[next(iter(self._left))]  # the one that has been quiet the longest
        return wait


class Guard:
    """ASGI middleware: closed routes, rate limit, security and cache headers, a fresh nonce a request."""

    def __init__(self, app: ASGIApp, limits: Limits, frame_ancestors: str = "'self'") -> None:
        self.app = app
        self._buckets = Buckets(limits)
        self._frame_ancestors = frame_ancestors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with headers added to the answer."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            nonce = secrets.token_urlsafe(16)
            scope["nonce"] = nonce
            app = self._refusal(scope) or self.app
            await app(scope, receive, self._with_headers(scope, nonce, send))
        # anything else is a websocket, which no page of ours opens

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        path, method = scope["path"], scope["method"]
        if path.startswith(CHAT + "/") and not (method in _OPEN and _OPEN[method].match(path)):
            return JSONResponse({"detail": "There is nothing here."}, 404)
        asks = _ASKS.match(path) and (method == "POST" or scope["query_string"])
        wait = self._buckets.take(scope["client"][0] if scope.get("client") else "") if asks else 0.0
        if wait:
            later = {"retry-after": str(int(wait) + 1)}
            form = path == "/ask"  # read by a person, not by a script
            return PlainTextResponse(TOO_MANY, 429, later) if form else JSONResponse({"detail": TOO_MANY}, 429, later)
        return None

    def _with_headers(self, scope: Scope, nonce: str, send: Send) -> Send:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cross-origin-resource-policy", "same-origin")
                headers["content-security-policy"] = self._policy(nonce, scope["path"])
                if _HASHED.match(scope["path"]) and message["status"] == 200:
                    headers["cache-control"] = "public, max-age=31536000, immutable"
                elif headers.get("content-type", "").startswith("text/event-stream"):
                    headers["x-accel-buffering"] = "no"  # or a proxy would hold the answer back
                else:
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        return guarded

    def _policy(self, nonce: str, path: str) -> str:
        if path == LAUNCHER:
            return "default-src 'none'"  # runs under the policy of the page that includes it
        ancestors = self._frame_ancestors if path in _FRAMED else "'self'"
        # Gradio sets style attributes, so styles can't be closed; scripts are.
        return (
            f"default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
            "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; "
            f"base-uri 'self'; form-action 'self'; frame-ancestors {ancestors}"
        )


class Rewritten:
    """ASGI wrapper of the chat page: nonces for its scripts, a title, our head and header, no foreign addresses."""

    def __init__(self, app: ASGIApp, title: str, head: str, top: str) -> None:
        """``title``, ``head`` and ``top`` are safe HTML; ``top`` is shown before any script has run."""
        self.app = app
        self._title = title
        self._head = head
        self._top = top

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rewrite ``/chat/``; pass everything else through."""
        if scope["type"] != "http" or scope["path"] != CHAT + "/" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        start: dict[str, Any] = {}
        body = bytearray()

        async def held(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            if message["type"] != "http.response.body":
                return  # an extension's message
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                await self._send(start, bytes(body), scope.get("nonce", ""), send)

        # The query is for the page's own script (?__theme=dark); the server has no use for it.
        await self.app({**scope, "query_string": b""}, receive, held)

    async def _send(self, start: dict[str, Any], body: bytes, nonce: str, send: Send) -> None:
        if Headers(raw=start["headers"]).get("content-type", "").startswith("text/html"):
            body = self.rewrite(body.decode(), nonce).encode()
        MutableHeaders(scope=start)["content-length"] = str(len(body))
        await send(start)
        await send({"type": "http.response.body", "body": body})

    def rewrite(self, page: str, nonce: str) -> str:
        """The page as it is sent; ``<script`` can't stand in its data, where ``<`` is written as an escape."""
        page = re.sub(r'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>', "", page)
        page = page.replace("<script", f'<script nonce="{nonce}"')
        page = page.replace("</head>", f"<title>{self._title}</title>{self._head}</head>", 1)
        return page.replace("<gradio-app", f"{self._top}<gradio-app", 1)
