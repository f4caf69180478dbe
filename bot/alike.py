"""Do two questions ask the same? By how near their embeddings are, and by what they name and ask (pure).

The nearer two questions are, the less else has to agree. Measured on the development split: CONTRIBUTING, "What staff
teach".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from bot.dense import Matrix
from bot.language import read_toml, stems
from bot.rewrite import Query

SAME = 0.85  # cosine above which only figures, denials and opposites must agree
NEAR = 0.6  # then what is named must agree too, and either the kind of question or some words,
FAR = 0.5  # then both,
FARTHEST = 0.3  # and then the passage that would answer it as well
OVERLAP = 0.2  # share of the stems of both that both have (Jaccard)
_FIGURE = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Asking:
    """A question as it is compared: its query, the embedding of that, and the id of the passage ranked first for it."""

    query: Query
    vector: Matrix
    passage: str

    @property
    def exact(self) -> tuple[frozenset[str], bool]:
        """What must always agree: figures, and whether something is denied."""
        text = self.query.asked
        return frozenset(_FIGURE.findall(text)), bool(_turning().denial.search(text))

    @property
    def sides(self) -> tuple[int, ...]:
        """Of each pair of opposites ("before" and "after") which is said: 1 the first, -1 the other, 0 none or both."""
        said = self.query.asked
        return tuple(bool(one.search(said)) - bool(other.search(said)) for one, other in _turning().opposites)

    def opposes(self, other: Asking) -> bool:
        """Whether one says the opposite of what the other says."""
        return any(one * two < 0 for one, two in zip(self.sides, other.sides, strict=True))

    @property
    def named(self) -> frozenset[str]:
        """What it is about: concepts, and rare words that nothing knows."""
        return (self.query.concepts | self.query.soft | frozenset(self.query.unknown)) - {"treatment"}

    def overlap(self, other: Asking) -> bool:
        """Whether enough of the words are the same."""
        one, two = frozenset(stems(self.query.text)), frozenset(stems(other.query.text))
        return len(one & two) >= OVERLAP * len(one | two)


def alike(one: Asking, other: Asking) -> float:
    """The cosine of two questions that ask the same, else 0."""
    near = float(one.vector @ other.vector)
    if near < FARTHEST or one.exact != other.exact or one.opposes(other):
        return 0.0
    if near >= SAME:
        return near
    if one.named != other.named:
        return 0.0
    facets, others = frozenset(one.query.facets), frozenset(other.query.facets)
    kind = not facets.isdisjoint(others) or facets == others
    if near >= NEAR:
        same = kind or one.overlap(other)
    elif near >= FAR:
        same = kind and (bool(one.named) or one.overlap(other))
    else:
        same = kind and bool(facets) and one.passage == other.passage
    return near if same else 0.0


@dataclass(frozen=True, slots=True)
class _Turning:
    denial: re.Pattern[str]
    opposites: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]


@cache
def _turning() -> _Turning:
    data = read_toml("language.toml")["turning"]

    def any_of(said: str) -> re.Pattern[str]:
        return re.compile(rf"\b(?:{said.replace(' ', '|')})\b", re.IGNORECASE)

    pairs = tuple((any_of(one), any_of(other)) for one, other in data["opposites"])
    return _Turning(re.compile(data["denial"], re.IGNORECASE), pairs)
