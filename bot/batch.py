"""Conversations in a JSON Lines file to replies in another; a bad line is reported, the rest answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.errors import MessageError
from bot.schema import Turn

if TYPE_CHECKING:
    from bot.pipeline import Bot

_ROLES = {"user": "user", "visitor": "user", "assistant": "assistant", "bot": "assistant"}


def turns_of(raw: Any) -> list[Turn]:
    """A conversation given as texts of the visitor's, or objects with ``role`` and ``text`` or ``content``.

    Raises:
        MessageError: any other form, or an empty list.
    """
    if not isinstance(raw, list) or not raw:
        raise MessageError('"turns" must be a list of one or more messages')
    return [_turn(item) for item in raw]


def _turn(item: Any) -> Turn:
    if isinstance(item, str):
        return Turn("user", item)
    if isinstance(item, dict):
        role, text = _ROLES.get(item.get("role", "user")), item.get("text", item.get("content"))
        if isinstance(text, str) and role == "assistant":
            return Turn("assistant", text)
        if isinstance(text, str) and role == "user":
            return Turn("user", text)
    raise MessageError('a turn must be a text, or an object with "role" (user or assistant) and "text"')


def answer_file(
    open_bot: Callable[[], Bot], source: Path, target: Path, progress: Callable[[str, int, int], None]
) -> list[str]:
    """Answer every good line of ``source``; returns what was wrong with the others, by line number.

    Raises:
        MessageError: the input can't be read, or the output not be written.
    """
    try:
        lines = source.read_text(encoding="utf-8-sig", errors="surrogateescape").split("\n")
    except OSError as error:
        raise MessageError(f"can't read {source}: {error.strerror}: check the path") from None
    if source.resolve() == target.resolve():
        raise MessageError(f"{target} is the input: give the output another name")
    bot = open_bot()
    bad: list[str] = []
    try:
        # Half a character, as JSON may hold, goes out as the escape it came in as.
        with target.open("w", encoding="utf-8", errors="backslashreplace") as out:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        out.write(_reply(bot, line) + "\n")
                    except MessageError as error:
                        bad.append(f"{source}:{number}: {error}")
                progress("answer", number, len(lines))
    except OSError as error:
        raise MessageError(f"can't write {target}: {error.strerror}: check the path and the space left") from None
    return bad


def _reply(bot: Bot, line: str) -> str:
    try:
        item = json.loads(line)
        line.encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise MessageError(f"not a JSON object ({type(error).__name__}): write one object a line") from None
    if not isinstance(item, dict) or "turns" not in item:
        raise MessageError('no "turns": write {"id": ..., "turns": [...]}')
    reply = bot.ask(turns_of(item["turns"]))
    return json.dumps({"id": item.get("id"), **reply.to_dict()}, ensure_ascii=False)
