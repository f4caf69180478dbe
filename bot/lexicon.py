"""Lay words and concepts: what a question or passage is about. Knowledge is in ``data/lexicon.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.errors import DataError
from bot.language import read_toml, stem, words

Key = tuple[str, ...]
_FIELDS = {"terms", "lay", "say", "soft"}


@dataclass(frozen=True, slots=True)
class Match:
    """A concept found in words ``start`` to ``end`` (exclusive); ``lay`` tells slang from a term."""

    concept: str
    start: int
    end: int
    lay: bool


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Concepts by the stems of their wordings; the longest wording wins."""

    terms: Mapping[Key, str]
    lay: Mapping[Key, str]
    say: Mapping[str, str]
    soft: frozenset[str]
    longest: int

    @classmethod
    def load(cls, data: Mapping[str, Any] | None = None) -> Lexicon:
        """Read ``data/lexicon.toml``, or entries of the same form.

        Raises:
            DataError: an entry has no terms or an unknown field; named.
        """
        entries = read_toml("lexicon.toml") if data is None else data
        terms: dict[Key, str] = {}
        lay: dict[Key, str] = {}
        say: dict[str, str] = {}
        for concept, entry in entries.items():
            if not isinstance(entry, dict) or not entry.get("terms") or set(entry) - _FIELDS:
                raise DataError(f"lexicon.toml: [{concept}]: give 'terms', and only {', '.join(sorted(_FIELDS))}")
            terms.update({_key(t): concept for t in entry["terms"]})
            lay.update({_key(t): concept for t in entry.get("lay", ())})
            say[concept] = entry.get("say", entry["terms"][0])
        soft = frozenset(c for c, e in entries.items() if e.get("soft"))
        return cls(terms, lay, say, soft, max(len(k) for k in (*terms, *lay)))

    def matches(self, text: str, lay: bool = True) -> list[Match]:
        """Non-overlapping concepts in reading order. ``lay`` is for questions; articles use terms only."""
        stems = [stem(w) for w in words(text)]
        out: list[Match] = []
        i = 0
        while i < len(stems):
            found = self._at(stems, i, lay)
            if found:
                out.append(found)
            i = found.end if found else i + 1
        return out

    def _at(self, stems: list[str], i: int, lay: bool) -> Match | None:
        for size in range(min(self.longest, len(stems) - i), 0, -1):
            key = tuple(stems[i : i + size])
            if lay and key in self.lay:
                return Match(self.lay[key], i, i + size, True)
            if key in self.terms:
                return Match(self.terms[key], i, i + size, False)
        return None

    def concepts(self, text: str, lay: bool = False) -> frozenset[str]:
        """The concepts a text speaks of."""
        return frozenset(m.concept for m in self.matches(text, lay))

    def plain(self, text: str) -> str:
        """The question with lay wordings replaced by what articles say."""
        tokens = words(text)
        out: list[str] = []
        last = 0
        for match in self.matches(text):
            if match.lay:
                out.extend(tokens[last : match.start])
                if out[-1:] != [self.say[match.concept]]:  # "dewy glowy" is one thing said twice
                    out.append(self.say[match.concept])
                last = match.end
        return " ".join([*out, *tokens[last:]])

    def vocabulary(self) -> frozenset[str]:
        """Every word of every wording: known to the speller."""
        raw = read_toml("lexicon.toml")
        listed = (w for e in raw.values() for t in (*e["terms"], *e.get("lay", ())) for w in words(t))
        return frozenset(listed)


def _key(wording: str) -> Key:
    return tuple(stem(w) for w in words(wording))
