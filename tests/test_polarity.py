"""Negation, supposition, the past and other people, one contrast at a time."""

from __future__ import annotations

import re
import tomllib

import pytest

from bot.errors import DataError
from bot.polarity import compile_all, expand
from bot.rules import DATA, Rulebook

BOOK = Rulebook.load()
FRAGMENTS = tomllib.loads((DATA / "fragments.toml").read_text(encoding="utf-8"))


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
        ("is pus normal, it started an hour ago", "pus", "present"),
        ("an essay on pus", "pus", "hypothetical"),
        ("an infection years back", "infection", "past"),
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


def test_every_shipped_pattern_is_sound_alone() -> None:
    """Together two could mend each other: "a(" and ")"."""
    for file in DATA.glob("*.toml"):
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        lists = [e["patterns"] for e in (*data.get("term", {}).values(), *data.get("rule", ())) if "patterns" in e]
        lists += [
            value for value in data.values() if isinstance(value, list) and all(isinstance(v, str) for v in value)
        ]
        for pattern in (pattern for listed in lists for pattern in listed):
            re.compile(expand(pattern, FRAGMENTS, file.name))
