"""Many regular expressions looked for in one text: each only where, by the first characters, it can begin. Pure.

Most of them stand in no message, and to search for each costs more than all else that is done to a question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any

_HEAD = 4  # characters of a match's beginning that are compared with the text
_WIDEST = 300  # characters a class may stand for; a wider one tells nothing
_WORD_START = re.compile(r"(?<!\w)(?=.)")
_DIGITS, _DIGIT = re.compile(r"\d"), "0"  # one stands for all

Named = tuple[str, re.Pattern[str]]
Found = dict[str, list[re.Match[str]]]


class Matcher:
    """Named patterns; several may share a name. ``whole``: each begins where a word or a mark does."""

    def __init__(self, patterns: Iterable[Named], whole: bool = False) -> None:
        self._all = tuple(patterns)
        self._whole = whole
        self._any_case = any(pattern.flags & re.IGNORECASE for _, pattern in self._all)
        self._anywhere: list[Named] = []
        self._by_head: dict[str, list[Named]] = {}
        for name, pattern in self._all:
            heads = openings(pattern)
            if heads is None:
                self._anywhere.append((name, pattern))
            for head in {head.lower() if self._any_case else head for head in heads or ()}:
                self._by_head.setdefault(head, []).append((name, pattern))

    def find(self, text: str) -> Found:
        """What ``finditer`` finds, by name and from left to right. Of patterns that share a name one has to match."""
        if self._any_case and not text.isascii():  # a letter may have more than two forms
            return _each(self._all, text)
        found = _each(self._anywhere, text)
        key = _DIGITS.sub(_DIGIT, text.lower() if self._any_case else text)
        starts = [match.start() for match in _WORD_START.finditer(text)] if self._whole else range(len(text))
        for start in starts:
            for end in range(start + 1, min(start + _HEAD, len(text)) + 1):
                for name, pattern in self._by_head.get(key[start:end], ()):
                    earlier = found.get(name)
                    if earlier and earlier[-1].end() > start:
                        continue
                    if match := pattern.match(text, start):
                        found.setdefault(name, []).append(match)
        return found


def _each(patterns: Iterable[Named], text: str) -> Found:
    found: Found = {}
    for name, pattern in patterns:
        if name not in found and (matches := list(pattern.finditer(text))):
            found[name] = matches
    return found


@cache
def openings(pattern: re.Pattern[str]) -> frozenset[str] | None:
    """What a match of the pattern can begin with, any digit written as 0; None if anything."""
    try:
        parsed = import_module("re._parser").parse(pattern.pattern, pattern.flags)
        going, ended = _begin({""}, parsed)
    except (ImportError, AttributeError):  # another Python: every pattern is tried
        return None
    found = frozenset(going | ended)
    return None if "" in found else found


def _begin(going: set[str], parsed: Iterable[tuple[Any, Any]]) -> tuple[set[str], set[str]]:
    """Lengthen the beginnings by one parsed sequence: those that may go on, and those that are known far enough."""
    ended: set[str] = set()
    for op, value in parsed:
        name = str(op)
        if name in ("ASSERT", "ASSERT_NOT", "AT"):
            continue
        if name == "BRANCH":
            parts = [_begin(going, branch) for branch in value[1]]
        elif name == "SUBPATTERN" and not (value[1] or value[2]):  # with flags of its own other letters may match
            parts = [_begin(going, value[-1])]
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            more, done = _begin(going, value[2])
            parts = [(more, done) if value[1] == 1 else (set(), more | done)]
            parts += [(going, set())] if value[0] == 0 else []
        elif (chars := _characters(name, value)) is not None:
            parts = [({head + char for head in going for char in chars}, set())]
        else:
            return set(), ended | going
        going = set().union(*(more for more, _ in parts))
        ended |= set().union(*(done for _, done in parts)) | {head for head in going if len(head) >= _HEAD}
        going = {head for head in going if len(head) < _HEAD}
    return going, {head[:_HEAD] for head in ended}


def _characters(name: str, value: Any) -> list[str] | None:
    """The characters of a literal or of a small class; None if there are too many to name."""
    if name not in ("LITERAL", "IN"):
        return None
    chars = ""
    for op, item in value if name == "IN" else (("LITERAL", value),):
        if str(op) == "LITERAL":
            chars += chr(item)
        elif str(op) == "RANGE" and item[1] - item[0] <= _WIDEST:
            chars += "".join(map(chr, range(item[0], item[1] + 1)))
        elif str(item) == "CATEGORY_DIGIT":
            chars += _DIGIT
        else:
            return None
    return sorted(set(_DIGITS.sub(_DIGIT, chars)))
