"""Whether a message is only small talk or noise: made of greeting words, or of no language at all. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.polarity import compile_all

_VOWELS = frozenset("aeiouy")
_CONSONANT_RUN = re.compile(r"[^aeiouy\W\d_]{5}")
_SYLLABLE_RUN = re.compile(r"(.{1,3}?)\1{2,}")
_SHORTEST_NOISE = 4  # letters; shorter ones are abbreviations
_KINDS = ("thanks", "goodbye", "greeting")  # "great thanks bye" is a goodbye, "hi thanks" a thank-you


@dataclass(frozen=True, slots=True)
class SmallTalk:
    """The word lists of ``smalltalk.toml`` and the keyboard runs of ``policy.toml``."""

    lists: Mapping[str, frozenset[str]]
    phrases: re.Pattern[str]
    keys: tuple[str, ...]

    @classmethod
    def make(cls, words: Mapping[str, Any], keys: str) -> SmallTalk:
        """Split the lists and compile the phrases."""
        lists = {kind: frozenset(text.split()) for kind, text in words.items() if isinstance(text, str)}
        return cls(lists, compile_all(words["phrases"], {}, "smalltalk.toml: phrases"), tuple(keys.split()))

    def text_key(self, plain: str, original: str) -> str:
        """The key of the text to reply with, or the empty string if there is more than small talk."""
        if not any(char.isalpha() for char in plain):
            return "gibberish" if any(char.isalnum() for char in original) else "empty"
        letters = [char for char in original.lower() if char.isalnum()]
        if len(letters) >= _SHORTEST_NOISE and len(set(letters)) == 1:
            return "gibberish"
        words = [w for w in plain.split() if w[0].isalnum()]
        rest = [w for w in self.phrases.sub(" ", plain).split() if w[0].isalnum()]
        if all(any(w in known for known in self.lists.values()) for w in rest):
            kinds = [kind for kind in _KINDS if self.lists[kind] & set(words)]
            asks = "?" in plain and len(rest) == len(words)  # "good?" asks, "how are you?" does not
            if kinds and not (asks and kinds[0] == "thanks"):
                return "goodbye" if "goodbye" in kinds else kinds[0]
            if len(rest) < len(words):
                return "greeting"
        return "gibberish" if all(map(self._noise, words)) else ""

    def _noise(self, word: str) -> bool:
        if word.isdigit():
            return True
        if not word.isascii() or len(word) < _SHORTEST_NOISE:
            return len(word) == _SHORTEST_NOISE - 1 and any(word in key for key in self.keys)  # "qwe"
        no_vowel = len(word) > _SHORTEST_NOISE + 1 and not _VOWELS & set(word)
        runs = _CONSONANT_RUN.search(word) or _SYLLABLE_RUN.fullmatch(word)
        return bool(no_vowel or runs) or any(key in word for key in self.keys)
