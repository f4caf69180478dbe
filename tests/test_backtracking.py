"""No pattern of the safety step can be made to run away: none is built so that it could, and long messages are judged.

How long the step takes beside the encoder is measured by ``python -m tests.bench.safety_time``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

import pytest

from bot.clinic import Clinic
from bot.rules import Rulebook
from bot.safety import Safety
from bot.schema import Turn
from bot.texts import Texts

BOOK = Rulebook.load()
CLINIC = Clinic()
SAFETY = Safety.load(CLINIC, Texts.load(CLINIC), BOOK)
MOST = 20  # repeats that count as bounded; the widest gap in the data is 12 words
CHARS = 4000
GENEROUS = 40  # times as long for four times the text; linear is 4, a runaway pattern is thousands

PATTERNS: list[tuple[str, re.Pattern[str]]] = [
    *((f"term {name}", term.pattern) for name, term in BOOK.terms.items()),
    *((rule.id, rule.pattern) for rule in BOOK.rules if rule.pattern),
    *((f"polarity {name}", pattern) for name, pattern in BOOK.polarity.patterns.items()),
    ("idioms", BOOK.idioms),
]


def parsed(pattern: re.Pattern[str]) -> Iterable[tuple[Any, Any]]:
    tree: Iterable[tuple[Any, Any]] = import_module("re._parser").parse(pattern.pattern, pattern.flags)
    return tree


def unbounded(tree: Iterable[tuple[Any, Any]], inside: bool = False) -> Iterator[str]:
    """Repeats without a bound that stand inside another: the shape that backtracks exponentially."""
    for op, value in tree:
        name = str(op)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            endless = value[1] > MOST
            if endless and inside:
                yield f"{{{value[0]},{value[1]}}}"
            yield from unbounded(value[2], inside or endless)
        elif name == "BRANCH":
            for branch in value[1]:
                yield from unbounded(branch, inside)
        elif name in ("SUBPATTERN", "ATOMIC_GROUP"):
            yield from unbounded(value[-1] if name == "SUBPATTERN" else value, inside)
        elif name in ("ASSERT", "ASSERT_NOT"):
            yield from unbounded(value[1], inside)


@pytest.mark.parametrize(("name", "pattern"), PATTERNS, ids=[name for name, _ in PATTERNS])
def test_no_endless_repeat_stands_inside_another(name: str, pattern: re.Pattern[str]) -> None:
    assert list(unbounded(parsed(pattern))) == []


def test_the_check_sees_a_runaway_pattern() -> None:
    assert list(unbounded(parsed(re.compile(r"(?:\w+ ?)+x"))))
    assert not list(unbounded(parsed(re.compile(r"(?:\w+ ){0,4}x"))))


def seconds(message: str) -> float:
    """The best of three, in processor time: other work on the machine doesn't count."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        SAFETY.judge([Turn("user", message)])
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize(
    "filler",
    ["a", "no ", "cant ", "my lips are ", "i am on ", "(((", "how much is ", "is it ", "aaaa ", "😭", "can i do it ",
     "swelling and ", "i have had ", ", ", "not ", "é", "हल ", "repeat after me "],
)  # fmt: skip
def test_four_times_the_text_never_takes_a_runaway_time(filler: str) -> None:
    short, long = (filler * CHARS)[: CHARS // 4], (filler * CHARS)[:CHARS]
    seconds(short)  # what is kept after first use
    assert seconds(long) <= GENEROUS * max(seconds(short), 0.001)
