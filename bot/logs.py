"""What the server says on stderr: a line for people, or a JSON object a line for programs. Never a visitor's words.

An exception's own text could quote a visitor, whichever library raised it, so only its type and place are told.
"""

from __future__ import annotations

import datetime
import json
import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Any

FORMS = ("text", "json")
ANSWERS = "bot.monitor"  # says each answer's status and time, which only programs care to read


class Text(logging.Formatter):
    """The message alone; behind it where an exception came from, without what it says."""

    def formatException(self, ei: Any) -> str:
        """The types of the exception and its causes, and the places of the last."""
        return f"{' <- '.join(kinds(ei[1]))} at\n{''.join(traceback.format_tb(ei[2]))}".rstrip()


class Json(Text):
    """One object a line: when (UTC), how bad, who says it, what, and fields of the event."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        at = datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds")
        said: dict[str, Any] = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        said["message"] = record.getMessage()
        if record.exc_info and record.exc_info[1]:
            said["exception"] = list(kinds(record.exc_info[1]))
            said["places"] = places(record.exc_info[2])
        return json.dumps(said | getattr(record, "fields", {}), ensure_ascii=False)


def kinds(error: BaseException | None) -> list[str]:
    """The types of an exception and of what caused it."""
    found: list[str] = []
    while error is not None and len(found) < 10:
        found.append(type(error).__name__)
        error = error.__cause__ or error.__context__
    return found


def places(back: TracebackType | None) -> list[str]:
    """Where an exception came by, the innermost last."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(back)]


def set_up(form: str) -> None:
    """Send every logger's lines to stderr in one of ``FORMS``, and what nobody caught too."""
    handler = logging.StreamHandler()
    handler.setFormatter(Json() if form == "json" else Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("bot").setLevel(logging.INFO)
    logging.getLogger(ANSWERS).setLevel(logging.INFO if form == "json" else logging.WARNING)
    logging.captureWarnings(form == "json")
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, back: TracebackType | None) -> None:
    if error is not None:
        logging.getLogger("bot").critical("the program failed", exc_info=(kind, error, back))
