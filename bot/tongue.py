"""Messages in another language than the articles': recognised by common words and by script, answered in both. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.clinic import Clinic
from bot.errors import DataError
from bot.language import language

UNKNOWN = "other"  # a script no line is written in
_FEWEST = 2  # words of a language that tell it; one may be a name or a slip
_SHARE = 0.4  # of all words; the rest are names, products and words both languages have
_KEYS = {"urgent", "articles", "words", "script"}


@dataclass(frozen=True, slots=True)
class Tongues:
    """The entries of ``tongues.toml`` by language code."""

    lines: Mapping[str, str]  # first line of an emergency reply
    articles: Mapping[str, str]  # that the articles are in English
    words: Mapping[str, frozenset[str]]
    scripts: Mapping[str, str]  # beginning of the characters' Unicode names > code

    @classmethod
    def make(cls, data: Mapping[str, Mapping[str, Any]], clinic: Clinic) -> Tongues:
        """Check the entries and put the emergency number in place."""
        number = clinic.emergency_number or "112 / 911 / 999"
        for code, entry in data.items():
            if not {"urgent", "articles"} <= entry.keys() <= _KEYS:
                raise DataError(f"tongues.toml: {code} needs urgent and articles, and may have words, script.")
        words = {code: frozenset(entry.get("words", "").split()) for code, entry in data.items()}
        return cls(
            {code: entry["urgent"].format(emergency_number=number) for code, entry in data.items()},
            {code: entry["articles"] for code, entry in data.items()},
            {code: known - language().function_words for code, known in words.items()},
            {entry["script"]: code for code, entry in data.items() if "script" in entry},
        )

    def urgent(self, code: str, text: str) -> str:
        """An emergency text with the line of that language before it, if there is one."""
        return f"{self.lines[code]} {text}" if code in self.lines else text

    def answered(self, code: str, text: str) -> str:
        """A text with the line of that language before it, if there is one."""
        return f"{self.articles[code]} {text}" if code in self.articles else text

    def of(self, plain: str, original: str) -> str:
        """The code of the other language a message is written in; empty for English and where it isn't clear."""
        letters = [char for char in original if char.isalpha()]
        foreign = [char for char in letters if not unicodedata.name(char, "LATIN").startswith("LATIN")]
        if 2 * len(foreign) > len(letters):
            script = unicodedata.name(foreign[0], "").split(" ", 1)[0]
            return self.scripts.get(script, UNKNOWN)
        words = [word for word in plain.split() if word[0].isalpha()]
        english = sum(word in language().function_words for word in words)
        counts = {code: sum(word in known for word in words) for code, known in self.words.items()}
        code = max(counts, key=lambda name: counts[name])
        enough = counts[code] >= max(_FEWEST, english + 1) and counts[code] >= _SHARE * len(words)
        return code if enough else ""
