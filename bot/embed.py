"""The chat on other people's pages: the launcher they include, and the compact chat page in its frame.

Which pages may show it is the guard's to say, in the policy of each answer.
"""

from __future__ import annotations

import gzip
import re
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.guard import CHAT, LAUNCHER, packed
from bot.stage import Assets, Stage

IN_FRAME = "embed"  # in the chat page's query: show the compact form
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*\Z")
_SPARE = re.compile(r"(?m)^\s*(?://.*)?\n?")  # indentation, empty lines and lines that are comments
router = APIRouter(include_in_schema=False)


@lru_cache(2)  # before and after the clinic's colours are known
def launcher(source: bytes) -> tuple[bytes, bytes]:
    """The launcher's script as it is sent, plain and gzipped: every page of the clinic's site loads it."""
    script = _SPARE.sub("", source.decode()).encode()
    return script, gzip.compress(script, 9, mtime=0)


@router.get(LAUNCHER)
async def embed_script(request: Request) -> Response:
    stage: Stage = request.app.state.stage
    plain, small = launcher(stage.assets.read("embed.js"))
    zipped = "gzip" in request.headers.get("accept-encoding", "")
    headers = {
        # The address is in other people's pages and can't change. While starting, the colours aren't known yet.
        "cache-control": "public, max-age=3600" if stage.ready else "no-store",
        "vary": "accept-encoding",
        "cross-origin-resource-policy": "cross-origin",
    }
    if zipped:
        headers["content-encoding"] = "gzip"
    return Response(small if zipped else plain, media_type="text/javascript", headers=headers)


@router.get("/embed")
async def embed(request: Request, lang: str = "") -> Response:
    stage: Stage = request.app.state.stage
    _ = stage.bot  # while there is none, the page that says so, as everywhere
    language = {"lang": lang} if _LANGUAGE.match(lang) else {}
    return RedirectResponse(f"{CHAT}/?{urlencode({IN_FRAME: '1'} | language)}")


class Compact:
    """ASGI middleware: adds to a page in the launcher's frame what it needs there.

    The styles suit a small panel. The script tells the launcher that there is a page, whichever it is: the
    launcher, of another origin, can't see it.
    """

    def __init__(self, app: ASGIApp, assets: Assets) -> None:
        self.app = app
        self._assets = assets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; change only pages at ``/embed`` and ``/chat/?embed=1``."""
        if not _in_frame(scope):
            await self.app(scope, receive, send)
            return
        start: dict[str, Any] = {}
        body = bytearray()

        async def held(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))

        # Asked for unpacked: what is packed can't be added to.
        headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self.app({**scope, "headers": headers}, receive, held)
        await self._send(start, bytes(body), HTTPConnection(scope), send)

    async def _send(self, start: dict[str, Any], body: bytes, connection: HTTPConnection, send: Send) -> None:
        if Headers(raw=start["headers"]).get("content-type", "").startswith("text/html"):
            styles = f'<link rel="stylesheet" href="{self._assets.address("frame.css")}">'
            script = f'<script src="{self._assets.address("frame.js")}"></script>'
            body = body.replace(b"</head>", f"{styles}{script}</head>".encode(), 1)
            body, more = packed(body, connection)
            MutableHeaders(scope=start).update({**more, "content-length": str(len(body))})
        await send(start)
        await send({"type": "http.response.body", "body": body})


def _in_frame(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    asked = scope["path"] == CHAT + "/" and IN_FRAME in parse_qs(scope["query_string"].decode("latin-1"))
    return asked or scope["path"] == "/embed"
