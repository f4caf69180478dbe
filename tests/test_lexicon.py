"""Lay words to concepts; the longest wording wins."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import DataError
from bot.language import read_toml
from bot.lexicon import Lexicon, Match

BIKE: dict[str, Any] = {
    "wheel": {"terms": ["wheel", "front wheel"], "lay": ["round thing"]},
    "tyre": {"terms": ["tyre", "tire"], "lay": ["rubber", "rubber ring"], "say": "bicycle tyre"},
    "ring": {"terms": ["ring"], "soft": True},
}


@pytest.fixture(scope="module")
def bike() -> Lexicon:
    return Lexicon.load(BIKE)


@pytest.fixture(scope="module")
def shipped() -> Lexicon:
    return Lexicon.load()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the front wheels wobble", [Match("wheel", 1, 3, False)]),
        ("a rubber ring", [Match("tyre", 1, 3, True)]),
        ("a ring of rubber", [Match("ring", 1, 2, False), Match("tyre", 3, 4, True)]),
        ("my ROUND thing", [Match("wheel", 1, 3, True)]),
        ("round and thing", []),
        ("", []),
    ],
)
def test_concepts_are_found_where_they_stand(bike: Lexicon, text: str, expected: list[Match]) -> None:
    assert bike.matches(text) == expected


def test_articles_are_read_without_slang(bike: Lexicon) -> None:
    assert bike.concepts("rubber on the round thing") == frozenset()
    assert bike.concepts("rubber on the round thing", lay=True) == {"tyre", "wheel"}


@pytest.mark.parametrize(
    ("asked", "plain"),
    [
        ("Is the rubber worn?", "is the bicycle tyre worn"),
        ("is the tire worn", "is the tire worn"),
        ("round thing and rubber ring", "wheel and bicycle tyre"),
        ("nothing of the kind", "nothing of the kind"),
    ],
)
def test_lay_words_are_replaced_by_terms(bike: Lexicon, asked: str, plain: str) -> None:
    assert bike.plain(asked) == plain


def test_soft_concepts_are_marked(bike: Lexicon) -> None:
    assert bike.soft == {"ring"}


@pytest.mark.parametrize(
    "entry",
    [{}, {"terms": []}, {"terms": ["x"], "slang": ["y"]}, "just a text"],
    ids=["empty", "no terms", "unknown field", "no table"],
)
def test_a_bad_entry_is_named(entry: Any) -> None:
    with pytest.raises(DataError, match=r"lexicon\.toml: \[saddle\]: give 'terms'"):
        Lexicon.load({**BIKE, "saddle": entry})


@pytest.mark.parametrize(
    ("asked", "concept"),
    [
        ("can they do the craters on my cheeks", "acne_scars"),
        ("is slap allowed tomorrow", "makeup"),
        ("im up the duff", "pregnancy"),
        ("will it shift my crow's feet", "wrinkles"),
        ("going out for a pint", "alcohol"),
        ("spiky wheel from the shop", "roller"),
        ("off amazon", "home"),
        ("freeze my face first", "numbing"),
        ("stretchies on my tum", "stretch_marks"),
        ("fever blister", "cold_sores"),
        ("hair falling out", "hair_loss"),
        ("my keloids", "keloid"),
        ("a dip in the sea", "swimming"),
    ],
)
def test_everyday_words_are_understood(shipped: Lexicon, asked: str, concept: str) -> None:
    assert concept in shipped.concepts(asked, lay=True)


@pytest.mark.parametrize(
    "text", ["it was a long day", "how often should I come", "put it off until later", "what is bitcoin"]
)
def test_words_about_nothing_in_particular_are_no_concept(shipped: Lexicon, text: str) -> None:
    assert not shipped.concepts(text, lay=True) - shipped.soft


@pytest.mark.parametrize("field", ["terms", "lay"])
def test_no_wording_belongs_to_two_concepts(field: str) -> None:
    owner: dict[tuple[str, ...], str] = {}
    for concept, entry in read_toml("lexicon.toml").items():
        if entry.get(field):
            for key in Lexicon.load({concept: {"terms": entry[field]}}).terms:
                first = owner.setdefault(key, concept)
                assert first == concept, f"{' '.join(key)!r} is in [{first}] and [{concept}]: the last one would win"


def test_what_is_said_for_slang_is_about_the_concept(shipped: Lexicon) -> None:
    for concept, entry in read_toml("lexicon.toml").items():
        if entry.get("lay"):
            assert concept in shipped.concepts(shipped.say[concept]), f"[{concept}] say: {shipped.say[concept]}"


def test_the_vocabulary_holds_every_word(shipped: Lexicon) -> None:
    assert {"microneedling", "duff", "keloid", "slap", "warfarin"} <= shipped.vocabulary()
