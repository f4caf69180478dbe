"""Ask a running server through ``POST /api/ask``, so that what is deployed can be evaluated.

One request an item, never repeated: a server that fails once has failed. What the server answers is read
as the public JSON form of a reply; fields it leaves out are empty.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from urllib.parse import urlsplit

from bot.errors import BotError
from bot.metrics import Item
from bot.schema import STATUSES, Citation, Differ, DifferValue, Reply

MAX_BYTES = 5_000_000  # of a reply; ours have a few thousand


class EndpointError(BotError):
    """The server can't be evaluated at all; says what to do. A single failed reply is no such error."""


class Endpoint:
    """``ask(item)`` for a server at ``url``, with ``pause`` seconds between two requests."""

    def __init__(self, url: str, timeout: float = 30.0, pause: float = 0.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise EndpointError(f"{url!r} is not an address: write http://HOST:PORT or https://HOST")
        base = url.rstrip("/")
        self.url = base if base.endswith("/api/ask") else base + "/api/ask"
        self._timeout = timeout
        self._pause = pause
        self._reached = False

    def __call__(self, item: Item) -> Reply | None:
        """The reply to the item's last turn; None where the server failed on it.

        Raises:
            EndpointError: nobody listens, it is no such server, or it limits how often it is asked.
        """
        if self._reached:
            time.sleep(self._pause)
        body = json.dumps({"message": item.turns[-1], "history": list(item.turns[:-1])}).encode()
        request = urllib.request.Request(self.url, body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                raw = json.loads(answer.read(MAX_BYTES))
            reply = reply_of(raw)
        except urllib.error.HTTPError as error:
            error.close()
            self._refuse(error.code)
            return None
        except (OSError, http.client.HTTPException) as error:
            if not self._reached:
                raise EndpointError(f"{self.url}: {error}: start the server, or check the address") from None
            return None
        except (ValueError, KeyError, TypeError, AttributeError):
            if not self._reached:
                raise EndpointError(f"{self.url}: does not answer as POST /api/ask does: check the address") from None
            return None
        self._reached = True
        return reply

    def _refuse(self, code: int) -> None:
        """A refusal that would repeat itself for every item ends the run; a failed reply doesn't."""
        if code == 429:
            raise EndpointError(f"{self.url}: too many requests (429): give --pause 1, or raise the server's limit")
        if code == 503 and not self._reached:
            raise EndpointError(f"{self.url}: still starting (503): wait until /readyz says ready")
        if code < 500 and code not in (400, 413, 422):
            raise EndpointError(f"{self.url}: refused with {code}: check the address and who may ask")


def reply_of(raw: Mapping[str, Any]) -> Reply:
    """A reply from its JSON form.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is none.
    """
    if raw["status"] not in STATUSES or not isinstance(raw["answer"], str):
        raise ValueError(raw["status"])
    differ = tuple(
        Differ(d["topic"], tuple(DifferValue(v["value"], tuple(v["n"])) for v in d["values"]))
        for d in raw.get("differ", ())
    )
    return Reply(
        status=raw["status"],
        answer=raw["answer"],
        citations=tuple(map(_citation, raw.get("citations", ()))),
        differ=differ,
        disclaimers=tuple(raw.get("disclaimers", ())),
        suggestions=tuple(raw.get("suggestions", ())),
        confidence=float(raw.get("confidence", 0.0)),
        index_version=str(raw.get("index_version", "")),
        timings_ms={k: float(v) for k, v in raw.get("timings_ms", {}).items()},
    )


def _citation(raw: Mapping[str, Any]) -> Citation:
    empty = {"title": "", "section": "", "passage": raw["quote"], "kind": "original", "publisher": None}
    empty |= {"published": None, "passage_start": raw["start"]}
    known = {f.name for f in fields(Citation)}
    return Citation(**{**empty, **{k: v for k, v in raw.items() if k in known}})
