"""The gate in front of every route: what is open, how often, and with which headers (pure ASGI).

It wraps the whole app, because Gradio opens more routes than a public page needs and answers some
with streams, which Starlette's ``BaseHTTPMiddleware`` would hold back.
"""

from __future__ import annotations

import gzip
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.interface import Words, choose
from bot.pages import message_page

CHAT = "/chat"
STAFF = "/staff"
LAUNCHER = "/embed.js"
_FRAMED = (CHAT + "/", "/embed")  # what other people's pages may show, if they are allowed to
# The only Gradio routes that the chat page asks for; each other one is closed.
_OPEN = {
    "GET": re.compile(
        rf"{CHAT}/(?:|theme\.css|(?:assets|static)/[\w./-]+|config"
        r"|gradio_api/(?:startup-events|app_id|queue/data|heartbeat/\w+))\Z"
    ),
    "POST": re.compile(rf"{CHAT}/gradio_api/queue/join\Z"),
}
_OPEN["HEAD"] = _OPEN["GET"]
_JOIN = f"{CHAT}/gradio_api/queue/join"
KEEPER = "x-conversation"  # who holds a conversation in memory; the page sends it back with what leans on that
_HASHED = re.compile(rf"{CHAT}/assets/")  # names carry a content hash, so they never change
_ASKS = re.compile(rf"(?:{CHAT}/gradio_api/queue/join|/api/ask|/ask)\Z")
_TELLS = re.compile(r"/api/feedback\Z")  # counted apart, so that telling never costs a question
_KNOCKS = re.compile(rf"{STAFF}/(?:login|account)\Z")  # each costs a slow hash
MAX_BODY_BYTES = 2_000_000  # 100,000 characters, each a 12-byte JSON escape, still get a reply in words

_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
# Staff pages are our own alone: files of this host, nothing inline, in nobody's frame.
_STAFF_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_EFFORT = 6  # of 9; more saves no packet
STYLES = "/static/site.css"  # without its hash: a refusal is shown before anything is known of the files


def words_of(connection: HTTPConnection) -> Words:
    """The page's words in the language of a request."""
    return choose(connection.query_params.get("lang"), connection.headers.get("accept-language"))


def from_our_page(connection: HTTPConnection) -> bool:
    """Whether a page of this site sent the request. Browsers say where one comes from; a page can't change that."""
    site, origin = connection.headers.get("sec-fetch-site"), connection.headers.get("origin")
    # A proxy may change the host, so what the browser says of the site counts more than the origin.
    return site == "same-origin" if site else urlsplit(origin or "").netloc == connection.headers.get("host")


def asks(scope: Scope) -> bool:
    """Whether a request asks a question."""
    post = scope["method"] == "POST"
    return bool(_ASKS.match(scope["path"])) and (post or "q" in HTTPConnection(scope).query_params)


def packed(body: bytes, connection: HTTPConnection) -> tuple[bytes, dict[str, str]]:
    """A body as small as the browser can read it, and the headers that say so. Nothing in our pages is secret."""
    headers = {"vary": "accept-encoding"}
    if "gzip" not in connection.headers.get("accept-encoding", ""):
        return body, headers
    return gzip.compress(body, _EFFORT, mtime=0), {**headers, "content-encoding": "gzip"}


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
        self._name = secrets.token_urlsafe(8)  # of this process; another one, or the next, knows none of its talks

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
        if path == _JOIN and Headers(scope=scope).get(KEEPER, self._name) != self._name:
            return JSONResponse({"detail": words_of(HTTPConnection(scope))["restarted"]}, 410)
        wait = self._wait(scope)
        if not wait:
            return None
        words, later = words_of(HTTPConnection(scope)), {"retry-after": str(int(wait) + 1)}
        if path == "/ask" or path.startswith(STAFF):  # read by a person, not by a script
            return HTMLResponse(message_page(words["failed"], words["too_many"], STYLES, words), 429, later)
        return JSONResponse({"detail": words["too_many"]}, 429, later)

    def _wait(self, scope: Scope) -> float:
        """Seconds until the address may do this, 0.0 for now."""
        path, post = scope["path"], scope["method"] == "POST"
        address = scope["client"][0] if scope.get("client") else ""
        if _TELLS.match(path) and post:
            return self._buckets.take(f"tells {address}")
        if _KNOCKS.match(path) and post:
            return self._buckets.take(f"knocks {address}")
        return self._buckets.take(address) if asks(scope) else 0.0

    def _with_headers(self, scope: Scope, nonce: str, send: Send) -> Send:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if scope["path"] == _JOIN:
                    headers[KEEPER] = self._name
                if scope["path"].startswith(STAFF):
                    headers["referrer-policy"] = "same-origin"  # or browsers withhold the origin of a form
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
        if path.startswith(STAFF):
            return _STAFF_POLICY
        ancestors = self._frame_ancestors if path in _FRAMED else "'self'"
        # Gradio sets style attributes, so styles can't be closed; scripts are.
        return (
            f"default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
            "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; "
            f"base-uri 'self'; form-action 'self'; frame-ancestors {ancestors}"
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """What the chat page gains, as safe HTML; ``top`` is shown before any script has run."""

    title: str
    head: str
    top: str


class Rewritten:
    """ASGI wrapper of the chat page: nonces for its scripts, our frame and language, no foreign addresses."""

    def __init__(self, app: ASGIApp, frame: Callable[[Words], Frame]) -> None:
        self.app = app
        self._frame = frame

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rewrite ``/chat/``; pass everything else through."""
        if scope["type"] != "http" or scope["path"] != CHAT + "/" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        start: dict[str, Any] = {}
        body = bytearray()
        words = words_of(HTTPConnection(scope))

        async def held(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            if message["type"] != "http.response.body":
                return  # an extension's message
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            whole = bytes(body)
            if Headers(raw=start["headers"]).get("content-type", "").startswith("text/html"):
                whole = self.rewrite(whole.decode(), scope.get("nonce", ""), words).encode()
            whole, more = packed(whole, HTTPConnection(scope))
            MutableHeaders(scope=start).update({**more, "content-length": str(len(whole))})
            await send(start)
            await send({"type": "http.response.body", "body": whole})

        # The query is for the page's own script (?__theme=dark); what is behind has no use for it.
        await self.app({**scope, "query_string": b""}, receive, held)

    def rewrite(self, page: str, nonce: str, words: Words) -> str:
        """The page as it is sent; ``<script`` can't stand in its data, where ``<`` is written as an escape."""
        frame = self._frame(words)
        page = re.sub(r'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>', "", page)
        page = _TOKEN.sub(lambda found: words[found[1]] if found[1] in words else found[0], page)
        page = re.sub(r'(<html\b[^>]*?)\slang="\w+"', rf"\1 {words.html_attributes()}", page, count=1)
        page = page.replace("<script", f'<script nonce="{nonce}"')
        page = page.replace("</head>", f"<title>{frame.title}</title>{frame.head}</head>", 1)
        return page.replace("<gradio-app", f'{frame.top}<gradio-app data-opening="{words["opening"]}"', 1)


def token(key: str) -> str:
    """Stands in the chat page for a text of the interface until the page is sent in the visitor's language."""
    return f"@@{key}@@"


_TOKEN = re.compile("@@([a-z_]+)@@")
