"""Per-question measures (pure): is one reply right, as an item of a regression set defines it.

The form of an item and the rule are in ``tests/regression/README.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bot.errors import MessageError
from bot.schema import Citation, Reply

Outcome = Literal["right", "partial", "silent", "wrong"]
MAX_WORDS = 120  # of the answer text, markers left out: more is not an answer but an article
EXPECTED = {
    "answer": ("answered",),
    "caution": ("caution",),
    "urgent": ("urgent",),
    "abstain": ("abstained", "clarify"),
    "handoff": ("handoff",),
    "smalltalk": ("smalltalk",),
    "refuse": ("refused",),
}
DECLINED = ("abstained", "clarify", "handoff")
_MARKER = re.compile(r"\s*\[\d+\]")


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a set. ``facts`` is all of (any of (regex)); ``sources`` are id prefixes."""

    id: str
    turns: tuple[str, ...]
    expect: str
    category: str = ""
    style: str = ""
    split: str = ""
    group: str = ""
    sources: tuple[str, ...] = ()
    facts: tuple[tuple[str, ...], ...] = ()
    forbid: tuple[str, ...] = ()

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Item:
        """Read one JSON object.

        Raises:
            MessageError: a field is missing or wrong; the item is named.
        """
        name = raw.get("id", "?")
        try:
            item = cls(
                id=str(raw["id"]),
                turns=tuple(raw["turns"]),
                expect=raw["expect"],
                category=raw.get("category", ""),
                style=raw.get("style", ""),
                split=raw.get("split", ""),
                group=raw.get("group", ""),
                sources=tuple(raw.get("sources", ())),
                facts=tuple(tuple(group) for group in raw.get("facts", ())),
                forbid=tuple(raw.get("forbid", ())),
            )
            for pattern in (*(p for group in item.facts for p in group), *item.forbid):
                re.compile(pattern)
        except (KeyError, TypeError, re.error) as error:
            raise MessageError(f"item {name}: {error!r}: mend the item") from None
        if item.expect not in EXPECTED or not item.turns:
            raise MessageError(f"item {name}: 'expect' must be one of {', '.join(EXPECTED)}, 'turns' not empty")
        return item


def judge(item: Item, reply: Reply) -> Outcome:
    """Right only if status, facts, first source, nothing forbidden and length all hold."""
    text = _MARKER.sub("", reply.answer)
    if reply.status not in EXPECTED[item.expect]:
        return "silent" if item.expect == "answer" and reply.status in DECLINED else "wrong"
    if any(re.search(p, text, re.IGNORECASE) for p in item.forbid):
        return "wrong"
    if item.expect != "answer":
        return "right"
    sourced = not item.sources or _from(item.sources, reply.citations)
    if _stated(item.facts, text) and sourced and len(text.split()) <= MAX_WORDS:
        return "right"
    return "partial" if _stated(item.facts, " ".join(c.passage for c in reply.citations)) else "wrong"


def _from(sources: Sequence[str], citations: Sequence[Citation]) -> bool:
    """Is the first citation from one of the sources?"""
    return bool(citations) and citations[0].source_id.startswith(tuple(sources))


def _stated(facts: Sequence[Sequence[str]], text: str) -> bool:
    return all(any(re.search(p, text, re.IGNORECASE) for p in group) for group in facts)
