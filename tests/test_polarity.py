"""Negation, supposition, the past and other people, one contrast at a time."""

from __future__ import annotations

import pytest

from bot.errors import DataError
from bot.polarity import beginnings, by_opening, compile_all, find_all, openings
from bot.rules import Rulebook

BOOK = Rulebook.load()


def tag(message: str, word: str, fused: bool = False) -> str:
    plain = BOOK.normaliser.plain(message)
    start = plain.index(word)
    return BOOK.polarity.tag(plain, start, start + len(word), fused)


@pytest.mark.parametrize(
    ("message", "word", "polarity"),
    [
        ("there is pus on my cheek", "pus", "present"),
        ("no pus on my cheek", "pus", "negated"),
        ("no fever, pus or swelling", "swelling", "negated"),
        ("no fever but there is pus", "pus", "present"),
        ("pus? no", "pus", "negated"),
        ("no, my lips are swelling", "swelling", "present"),
        ("not only red, my pus is back", "pus", "present"),
        ("not sure if it is pus", "pus", "present"),
        ("it isn't getting better, it's oozing", "oozing", "present"),
        ("I don't think it is infected", "infected", "negated"),
        ("I'm not on warfarin", "warfarin", "negated"),
        ("what if I get pus", "pus", "hypothetical"),
        ("can it cause blisters", "blisters", "hypothetical"),
        ("what is the risk of infection", "infection", "hypothetical"),
        ("will my face swell", "swell", "hypothetical"),
        ("will it scar my lips are swelling", "lips are swelling", "present"),
        ("is it ok if my lips are swelling", "lips are swelling", "present"),
        ("I had eczema years ago", "eczema", "past"),
        ("blisters as a kid", "blisters", "past"),
        ("the swelling has gone", "swelling", "past"),
        ("the swelling hasn't gone", "swelling", "unknown"),
        ("swelling gone weird since yesterday", "swelling", "present"),
        ("my friend has keloids, I don't", "keloids", "other"),
        ("keloids", "keloids", "unknown"),
    ],
)
def test_polarity(message: str, word: str, polarity: str) -> None:
    assert tag(message, word) == polarity


def test_no_clears_a_soft_symptom_but_never_a_fused_one() -> None:
    assert tag("no swelling", "swelling") == "negated"
    assert tag("no i cant breathe", "cant breathe", fused=True) != "negated"


@pytest.mark.parametrize(
    ("patterns", "message"),
    [(["(open"], "file, pattern 1"), (["ok", "{nobody}"], "nobody"), (["{a}"], "circle")],
)
def test_a_broken_pattern_is_named(patterns: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        compile_all(patterns, {"a": "{a}"}, "file")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("lips?", {"lips", "lip"}),
        ("(?:tongue|lips) swelling", {"tong", "lips"}),
        ("(?:my )?lips", {"my l", "lips"}),
        ("[ab]us", {"aus", "bus"}),
        (r"red\w*", {"red"}),
        ("(?<!no )pus(?! oil)", {"pus"}),
        (r"\w+ lips", None),
        ("(?:very )*", None),
        (r"\d mm", None),
    ],
)
def test_what_a_match_can_begin_with(pattern: str, expected: set[str] | None) -> None:
    assert openings(compile_all([pattern], {}, "here")) == (expected if expected is None else frozenset(expected))


def test_looking_only_where_a_pattern_can_begin_finds_the_same() -> None:
    patterns = [term.pattern for term in BOOK.terms.values()] + [rule.pattern for rule in BOOK.rules if rule.pattern]
    messages = [
        "no, my lips are swelling and i cant breathe , my lips are huge",
        "how much is it , and when are you open ? how much",
        "i am 14 . is it safe at home with a roller",
        "no puedo respirar",
        "मुझे सांस नहीं आ रही",
        "لا استطيع التنفس",
    ]
    for pattern in patterns:
        names = by_opening({"it": pattern})
        for plain in messages:
            found = [match.span() for match in find_all(pattern, plain, beginnings(names, plain).get("it", ()))]
            assert found == [match.span() for match in pattern.finditer(plain)]
