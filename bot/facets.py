"""What is asked about a treatment (pain, interval, depth, ...). Knowledge is in ``data/facets.toml``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bot.errors import DataError
from bot.language import read_toml
from bot.matcher import Matcher

ValueKind = Literal["interval", "count", "time", "length", "money", "age", "list", "none"]
Patterns = tuple[re.Pattern[str], ...]
_FIELDS = {"ask", "not", "about", "value", "say", "topic", "wins", "aside", "cautious", "sides", "alone", "of_thing"}


@dataclass(frozen=True, slots=True)
class Facet:
    """One kind of question: how it is asked, and what a sentence that answers it speaks of."""

    id: str
    ask: Patterns
    unless: Patterns
    about: Patterns
    value: ValueKind
    say: str
    topic: str
    wins: tuple[str, ...]
    aside: Patterns = ()
    cautious: str = ""  # "more", "less" or a pattern
    sides: tuple[tuple[str, re.Pattern[str]], ...] = ()
    alone: bool = False  # a side may be told without the more cautious one, where something else is asked
    of_thing: bool = False  # its values differ from thing to thing: how long to leave off makeup, or a swim

    def side(self, sentence: str) -> tuple[str, ...]:
        """Which of the opposed statements the sentence makes, if any."""
        return tuple(says for says, pattern in self.sides if pattern.search(sentence))

    def answered(self, sentence: str) -> bool:
        """Does the sentence speak of what is asked?"""
        return all(p.search(sentence) for p in self.about)

    def directly(self, sentence: str) -> float:
        """How directly the sentence answers: 1, a half where it only touches it in passing, 0 not at all."""
        if not self.answered(sentence):
            return 0.0
        return 0.5 if any(p.search(sentence) for p in self.aside) else 1.0

    def rank(self, sentence: str) -> int:
        """Place of the sentence's most cautious statement among the sides, 0 first; -1 for none."""
        return next((i for i, (_, pattern) in enumerate(self.sides) if pattern.search(sentence)), -1)


@dataclass(frozen=True, slots=True)
class Facets:
    """All facets, in the order of the file."""

    by_id: Mapping[str, Facet]
    questions: Matcher  # the patterns of all ``ask``, by the facet's id, and of all ``unless``, by "not" and the id

    @classmethod
    def load(cls, data: Mapping[str, Any] | None = None) -> Facets:
        """Read ``data/facets.toml``, or entries of the same form.

        Raises:
            DataError: an unknown field or a broken pattern; the entry is named.
        """
        entries = read_toml("facets.toml") if data is None else data
        by_id = {name: _facet(name, entry) for name, entry in entries.items()}
        asking = [(name, pattern) for name, facet in by_id.items() for pattern in facet.ask]
        others = [(f"not {name}", pattern) for name, facet in by_id.items() for pattern in facet.unless]
        return cls(by_id, Matcher([*asking, *others]))

    def asked(self, question: str) -> tuple[str, ...]:
        """Facets of a question; one that another wins over is left out."""
        matches = self.questions.find(question)
        found = [f for name, f in self.by_id.items() if name in matches and f"not {name}" not in matches]
        beaten = {loser for f in found for loser in f.wins}
        return tuple(f.id for f in found if f.id not in beaten)

    def __getitem__(self, name: str) -> Facet:
        return self.by_id[name]


def _sides(name: str, entries: Sequence[Sequence[str]]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    try:
        return tuple((says, re.compile(pattern, re.IGNORECASE)) for says, pattern in entries)
    except (re.error, ValueError) as error:
        raise DataError(f"facets.toml: [{name}] sides: {error}: write [what it says, pattern]") from None


def _facet(name: str, entry: Mapping[str, Any]) -> Facet:
    if set(entry) - _FIELDS:
        raise DataError(f"facets.toml: [{name}]: unknown {sorted(set(entry) - _FIELDS)}: use {sorted(_FIELDS)}")

    def compiled(key: str) -> Patterns:
        try:
            return tuple(re.compile(p, re.IGNORECASE) for p in entry.get(key, ()))
        except re.error as error:
            raise DataError(f"facets.toml: [{name}] {key}: {error}: mend the pattern") from None

    return Facet(
        id=name,
        ask=compiled("ask"),
        unless=compiled("not"),
        about=compiled("about"),
        value=entry.get("value", "none"),
        say=entry["say"],
        topic=entry["topic"],
        wins=tuple(entry.get("wins", ())),
        aside=compiled("aside"),
        cautious=entry.get("cautious", ""),
        sides=_sides(name, entry.get("sides", ())),
        alone=entry.get("alone", False),
        of_thing=entry.get("of_thing", False),
    )
