"""Words, stems and sentences of English."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.language import content_words, language, leans, read_toml, sentence_spans, stem, stems, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Does it HURT?", ["does", "it", "hurt"]),
        ("0.5-3 mm", ["0.5-3", "mm"]),
        ("a 6-week gap", ["a", "6-week", "gap"]),
        ("don’t and don't", ["don't", "and", "don't"]),
        ("'quoted' end-", ["quoted", "end"]),
        ("one,two/three", ["one", "two", "three"]),
        ("... ?! — 😀", []),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("forms", "root"),
    [
        (["treatment", "treatments"], "treatment"),
        (["needle", "needles", "needling"], "needl"),
        (["hurt", "hurts", "hurting"], "hurt"),
    ],
)
def test_forms_of_a_word_share_a_stem(forms: list[str], root: str) -> None:
    assert {stem(form) for form in forms} == {root}


def test_content_words_leave_out_what_carries_no_topic() -> None:
    assert content_words("Does it really hurt me? I don't like PAIN") == ["hurt", "like", "pain"]
    assert content_words("what is it") == []


def test_stems_of_hyphenated_words_come_whole_and_in_parts() -> None:
    assert stems("six-week gaps") == ["six-week", "six", "week", "gap"]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("It may sting.", True),
        ("“They say so.”", True),
        ("(This is rare.)", True),
        ("However, it fades.", True),
        ("On the other hand, oil lasts.", True),
        ("It is important to rest.", False),
        ("It takes a week.", False),
        ("This treatment helps.", False),
        ("Those who bruise easily wait.", False),
        ("Thistles prick.", False),
        ("Items are listed.", False),
        ("A rider waits.", False),
        ("", False),
    ],
)
def test_sentences_that_need_the_one_before(sentence: str, expected: bool) -> None:
    assert leans(sentence) is expected


@given(st.text(max_size=200))
def test_sentence_spans_are_ordered_and_lose_only_space(text: str) -> None:
    spans = sentence_spans(text)
    end, lost = 0, ""
    for start, stop in spans:
        assert end <= start < stop <= len(text)
        assert text[start:stop].strip()
        lost += text[end:start]
        end = stop
    assert not (lost + text[end:]).strip()


def test_word_lists_are_lower_case_single_words() -> None:
    lists = language()
    for listed in (lists.function_words, lists.asking_words, frozenset(lists.chat)):
        assert listed
        assert all(word == word.lower() and " " not in word for word in listed)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("u", "you"), ("b4", "before"), ("wks", "weeks"), ("tmrw", "tomorrow"), ("appt", "appointment")],
)
def test_chat_forms_are_known(typed: str, meant: str) -> None:
    assert language().chat[typed] == meant


def test_a_data_file_is_read_once() -> None:
    assert read_toml("language.toml") is read_toml("language.toml")
