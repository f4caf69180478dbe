"""Quantities in a sentence, by the kind of value a facet asks for (pure)."""

from __future__ import annotations

import re

from bot.facets import ValueKind

_NUMBER = r"(?<![\w.])(?:\d+(?:\.\d+)?|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half an?)"
_RANGE = rf"{_NUMBER}(?:\s?(?:-|–|to|or|and)\s?(?:about )?{_NUMBER})?"
_TIME = r"(?:minutes?|hours?|days?|weeks?|months?|years?)"
_WORDS = {"a": "1", "an": "1", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6"}
_WORDS |= {"seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12"}
_VAGUE = rf"(?:a few|some|several) {_TIME}(?: (?:to|or) {_TIME})?|{_TIME} (?:to|or) {_TIME}"
_PERIOD = rf"(?:{_RANGE})[\s-]{_TIME}|{_VAGUE}"
_SESSIONS = r"(?:more )?(?:microneedling )?(?:treatments?|sessions?)"
_YEARS = r"(?:\d\d|eighteen|twenty|thirty|forty|fifty|sixty)\b"
_AGE = rf"\b(?:at|of|age|aged|around|about|over|under|after|turning) (?:the age of |age )?{_YEARS}"
_LENGTH = r"(?:mm|millimet(?:er|re)s?|minutes?)"
_PATTERNS: dict[str, re.Pattern[str]] = {
    kind: re.compile(pattern, re.IGNORECASE)
    for kind, pattern in {
        "interval": _PERIOD,
        "time": rf"{_PERIOD}|\bimmediate(?:ly)?\b|\btemporary\b",
        "count": rf"(?:{_RANGE}|several|multiple|more than one|more than 1|more)(?= {_SESSIONS})",
        "length": rf"{_RANGE}\s?-?\s?{_LENGTH}(?:\s?(?:-|–|to)\s?{_NUMBER}\s?{_LENGTH})?",
        "age": rf"{_AGE}(?![\s-]*(?:%|per ?cent|mm|minutes?|hours?|days?|weeks?|months?|{_SESSIONS}))",
        "money": r"[$£€]\s?\d[\d,.]*\d|[$£€]\d",
    }.items()
}


def values(sentence: str, kind: ValueKind) -> tuple[str, ...]:
    """The values of that kind as written, in order; empty where there is none."""
    pattern = _PATTERNS.get(kind)
    return tuple(m.group().strip() for m in pattern.finditer(sentence)) if pattern else ()


def canonical(value: str) -> str:
    """One form for equal values: "six weeks", "6-week" and "6 weeks" are the same."""
    words = [_WORDS.get(w, w) for w in re.split(r"[\s\-–]+", value.lower()) if w not in ("about", "or", "to", "and")]
    return " ".join(w if w.isdigit() else re.sub(r"(?<=[a-z])s$", "", w) for w in words)


_UNITS = {"minute": 1, "hour": 60, "day": 1440, "week": 10_080, "month": 43_800, "year": 525_600, "mm": 1}


def magnitude(value: str) -> float:
    """A size to compare values by: the largest number times the largest unit (minutes, millimetres)."""
    words = canonical(value).split()
    numbers = [float(n) for w in words for n in re.findall(r"\d+(?:\.\d+)?", w)]
    units = [size for w in words for unit, size in _UNITS.items() if w.startswith(unit) or w.endswith(unit)]
    vague = 3.0 if {"few", "some", "several"} & set(words) else 1.0
    return max(numbers, default=vague) * max(units, default=1)
