"""Negation, supposition, the past and other people, one contrast at a time."""

from __future__ import annotations

import pytest

from bot.errors import DataError
from bot.polarity import compile_all
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
