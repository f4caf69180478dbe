"""Words and sentences of English: splitting, content words, stems. Pure; knowledge is in ``data/language.toml``."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import Stemmer
from syntok import segmenter

_WORD = re.compile(r"[a-z0-9]+(?:[.'’-][a-z0-9]+)*", re.IGNORECASE)
_stemmer = Stemmer.Stemmer("english")


@dataclass(frozen=True, slots=True)
class Language:
    """The word lists of ``data/language.toml``."""

    leaning: re.Pattern[str]
    not_leaning: re.Pattern[str]
    function_words: frozenset[str]
    chat: dict[str, str]
    asking_words: frozenset[str]
    kept_words: frozenset[str]
    mixed_up: dict[str, list[str]]


@cache
def read_toml(name: str) -> dict[str, Any]:
    """A data file of the package, parsed once. ``name`` is relative to ``bot/data``."""
    return tomllib.loads((resources.files("bot") / "data" / name).read_text(encoding="utf-8"))


@cache
def language() -> Language:
    """The word lists, read at first use."""
    data = read_toml("language.toml")
    openers = "|".join(re.escape(w) for w in sorted(data["leaning"], key=len, reverse=True))
    return Language(
        leaning=re.compile(rf"(?:{openers})\b", re.IGNORECASE),
        not_leaning=re.compile("|".join(f"(?:{p})" for p in data["not_leaning"]), re.IGNORECASE),
        function_words=frozenset(data["function_words"].split()),
        chat=data["chat"],
        asking_words=frozenset(data["asking_words"].split()),
        kept_words=frozenset(f"{data['kept_words']} {data['slang']}".split()),
        mixed_up={written: meant.split() for written, meant in data["mixed_up"].items()},
    )


def written_out(word: str) -> str | None:
    """What a lower-case chat form ("u", "dont", "don't") stands for; None for other words."""
    chat = language().chat
    return chat.get(word, chat.get(word.replace("'", "")))


def wording(text: str) -> str:
    """The words of a question without case and marks: equal ones are the same question."""
    return " ".join(words(text.lower()))


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences of one paragraph, by syntok, without surrounding space."""
    spans: list[tuple[int, int]] = []
    for paragraph in segmenter.analyze(text):
        for tokens in paragraph:
            start = tokens[0].offset
            end = tokens[-1].offset + len(tokens[-1].value)
            if text[start:end].strip():
                spans.append((start, end))
    return spans


def words(text: str) -> list[str]:
    """Lower-case words; "0.5", "6-week" and "don't" are one word each."""
    return [w.lower().replace("’", "'") for w in _WORD.findall(text)]


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Porter2 stem of a lower-case word."""
    return str(_stemmer.stemWord(word))


def content_words(text: str) -> list[str]:
    """Words that carry meaning, in order."""
    functional = language().function_words
    return [w for w in words(text) if w.replace("'", "") not in functional and w not in functional]


def stems(text: str) -> list[str]:
    """Stems of the content words, hyphenated words also in parts."""
    out: list[str] = []
    for word in content_words(text):
        out.append(stem(word))
        if "-" in word:
            out.extend(stem(part) for part in word.split("-") if part)
    return out


def leans(sentence: str) -> bool:
    """Does the sentence need the one before it to be understood?"""
    opening = sentence.lstrip("\"'“‘(")
    return bool(language().leaning.match(opening)) and not language().not_leaning.match(opening)


def quotable(text: str) -> bool:
    """A statement: questions and bare references answer nothing."""
    return not text.rstrip("\"'”’)").endswith("?") and len(text.split()) > 2
