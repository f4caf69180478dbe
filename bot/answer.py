"""Hits to the sentences that answer, and where their sources differ."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import combinations
from operator import mul

from bot.citing import Chosen, length, whole
from bot.config import Answering
from bot.facets import Facet, Facets
from bot.language import quotable, stems
from bot.lexicon import Lexicon
from bot.retriever import Found
from bot.rewrite import Query
from bot.schema import Differ, DifferValue, Passage
from bot.values import canonical, magnitude, values

REDUNDANT = 0.7  # share of a sentence's weight already said: it adds nothing
RARE = 1.0  # weight of a stem that no article has
OF_PASSAGE = ("sparse", "learned", "worded")  # signals of the passage that its sentences take over
OF_PLACE = ("first", "top", "place")  # where the sentence stands, and whether in the best passage
PARTS = ("cosine", "asked", "meant", "passage", "overlap", "concept", "facet", "value", *OF_PLACE, *OF_PASSAGE)


class Composer:
    """``choose`` picks sentences for a query, ``differ`` tells on what their articles differ."""

    def __init__(self, lexicon: Lexicon, facets: Facets, settings: Answering, passages: Sequence[Passage]) -> None:
        self._lexicon = lexicon
        self._facets = facets
        self._settings = settings
        self._weight = _weights(passages)
        # Read once: the sentences of a corpus are few, and every question asks the same of them.
        self._said = lru_cache(maxsize=None)(lambda text: frozenset(stems(text)))
        self._spoken = lru_cache(maxsize=None)(lexicon.concepts)
        self._told = lru_cache(maxsize=None)(self._tells)
        self._quotable = lru_cache(maxsize=None)(quotable)
        self._stated = lru_cache(maxsize=None)(self._states)
        self._part_weights = [settings.weights.get(name, float(name == "cosine")) for name in PARTS]

    def choose(self, query: Query, found: Found, max_words: int, mention: str = "") -> tuple[Chosen, ...]:
        """The sentences that answer, best first, within ``max_words``.

        ``mention`` limits them to sentences that match the regular expression.
        """
        if not found.hits:
            return ()
        ranked = sorted(
            self._scored(query, found, mention, self._settings.passage_margin),
            key=lambda c: (-c.score, c.passage.id, c.number),
        )
        picked = self._cautious_first(query, self._picked(query, ranked, max_words))
        return picked if mention else self._paired(query, found, self._continued(picked, ranked, max_words), max_words)

    def _continued(self, picked: tuple[Chosen, ...], ranked: Sequence[Chosen], max_words: int) -> tuple[Chosen, ...]:
        """One sentence by itself seldom says all: the next ones of its passage follow, as far as there is room."""
        if len(picked) != 1:
            return picked
        own = {c.number: c for c in ranked if c.passage.id == picked[0].passage.id}
        for number in range(picked[0].number + 1, len(picked[0].passage.sentences)):
            after = own.get(number)
            if not after or len(picked) == self._settings.max_sentences or length([*picked, after]) > max_words:
                break
            picked = (*picked, after)
        return picked

    def _scored(self, query: Query, found: Found, mention: str, margin: float) -> Iterable[Chosen]:
        top = found.hits[0].score
        wanted = frozenset(stems(query.text))
        weight = self._weigh(wanted)
        asked = query.concepts or (query.soft - {"treatment"})
        for hit in found.hits:
            if hit.score < top - margin:
                break
            for number, sentence in enumerate(hit.passage.sentences):
                text = sentence.text
                if not self._quotable(text) or (mention and not re.search(mention, text, re.IGNORECASE)):
                    continue
                key = (hit.passage.id, number)
                near = {"cosine": found.sentences[key], "asked": found.asked[key], "meant": found.meant.get(key, 0.0)}
                told = [self._told(facet, text) for facet in query.facets]
                parts = {
                    **near,
                    "passage": hit.score,
                    "overlap": self._share(wanted, self._said(text), weight),
                    "concept": len(asked & self._spoken(text)) / len(asked) if asked else 0.0,
                    "facet": max((directly for directly, _ in told), default=0.0),
                    "value": max((directly * valued for directly, valued in told), default=0.0),
                    "first": float(number == 0),
                    "top": float(hit.score == top),
                    "place": 1 / (1 + number),
                    **{name: hit.parts[name] for name in OF_PASSAGE},
                }
                score = sum(map(mul, self._part_weights, parts.values()))
                yield Chosen(hit.passage, number, sentence, score, parts)

    def _tells(self, facet: str, sentence: str) -> tuple[float, bool]:
        """How directly a sentence answers the facet, and whether it gives a value of the facet's kind."""
        return self._facets[facet].directly(sentence), bool(values(sentence, self._facets[facet].value))

    def _picked(self, query: Query, ranked: Sequence[Chosen], max_words: int) -> tuple[Chosen, ...]:
        """Greedy: the best sentence, then the best of what is left; ahead is what nobody has said yet."""
        settings = self._settings
        ahead = settings.fresh_source + settings.fresh_side
        lowest = max((c.score for c in ranked), default=0.0) - settings.sentence_margin - ahead
        left = [c for c in ranked if c.score >= lowest]  # no other can be picked
        out: list[Chosen] = []
        used = 0
        while left and len(out) < settings.max_sentences:
            worth = [c.score + self._news(query, c, out) for c in left]
            place = max(range(len(left)), key=worth.__getitem__)
            best = left.pop(place)
            if out and worth[place] < out[0].score - settings.sentence_margin:
                break
            if out and worth[place] < out[0].score - settings.aside_margin and _aside(best, out[0]):
                continue
            size = len(whole(best).split())
            told = self._redundant(best, out) or self._repeats(query, best, out)
            if (used + size <= max_words or not out) and not told:
                out.append(best)
                used += size
        return tuple(out)

    def _paired(self, query: Query, found: Found, picked: tuple[Chosen, ...], max_words: int) -> tuple[Chosen, ...]:
        """A statement that a more cautious one opposes is never shown without it: that one stands before it."""
        for facet in (f for f in self._facets.by_id.values() if f.sides and not f.alone):
            ranks = [facet.rank(whole(c)) for c in picked]
            bold = next((i for i, rank in enumerate(ranks) if rank > 0), None)
            if bold is None or 0 in ranks:
                continue
            opposed = [c for c in self._scored(query, found, "", math.inf) if 0 <= facet.rank(whole(c)) < ranks[bold]]
            if opposed:
                best = max(opposed, key=lambda c: (-facet.rank(whole(c)), c.parts["cosine"]))
                kept = (picked[0], best, picked[bold])
                picked = _fitting((*picked[:bold], best, *picked[bold:]), kept, max_words)
        return picked

    def _cautious_first(self, query: Query, picked: tuple[Chosen, ...]) -> tuple[Chosen, ...]:
        """Where articles differ on what is asked, the most cautious sentence leads."""
        if not picked:
            return picked
        for facet in (self._facets[f] for f in query.facets if self._facets[f].cautious):
            near = picked[0].score - self._settings.side_margin
            sides = [c for c in picked if facet.directly(whole(c)) == 1.0 and c.score >= near]
            if len({c.passage.source_id for c in sides}) > 1 and picked[0] in sides:
                ordered = sorted(sides, key=lambda c: -caution(whole(c), facet))
                return (*ordered, *(c for c in picked if c not in sides))
        return picked

    def _news(self, query: Query, chosen: Chosen, out: Sequence[Chosen]) -> float:
        """Another article's view of what is asked is worth more than more of the same, and so is another value."""
        if not out or not chosen.parts["facet"]:
            return 0.0
        settings = self._settings
        fresh = chosen.passage.source_id not in {c.passage.source_id for c in out}
        other = any(self._differs(query, self._facets[name], chosen, out) for name in query.facets)
        return settings.fresh_source * fresh + settings.fresh_side * other

    def _differs(self, query: Query, facet: Facet, chosen: Chosen, out: Sequence[Chosen]) -> bool:
        """Whether a sentence gives another value of the facet than those picked, of which the first gives one."""
        text, *said = map(whole, (chosen, *out))
        given = [self._stated(facet.id, other) for other in said]
        return bool(given[0] and self._named(query, facet, text) and self._stated(facet.id, text).difference(*given))

    def _states(self, facet: str, sentence: str) -> frozenset[str]:
        """The values that a sentence gives for what is asked, or the sides that it takes."""
        asked = self._facets[facet]
        if asked.directly(sentence) < 1.0:
            return frozenset()
        return frozenset(asked.side(sentence) if asked.sides else map(canonical, values(sentence, asked.value)))

    def _repeats(self, query: Query, chosen: Chosen, out: Sequence[Chosen]) -> bool:
        """Whether all the values that a sentence gives for what is asked were given by its article already."""
        same = [whole(other) for other in out if other.passage.source_id == chosen.passage.source_id]
        for facet in (self._facets[name] for name in query.facets if not self._facets[name].sides):
            named = [text for text in same if self._named(query, facet, text)]
            given = frozenset().union(*(self._stated(facet.id, text) for text in named))
            if given and (stated := self._stated(facet.id, whole(chosen))) and stated <= given:
                return True
        return False

    def _redundant(self, chosen: Chosen, out: Sequence[Chosen]) -> bool:
        said = self._said(chosen.sentence.text)
        weight = self._weigh(said)
        for other in out:
            if other.passage.id == chosen.passage.id and other.number == chosen.number:
                return True
            if self._share(said, self._said(whole(other)), weight) >= REDUNDANT and not _new_number(chosen, out):
                return True
        return False

    def _weigh(self, stems: Iterable[str]) -> float:
        """The stems' weight: inverse sentence frequency."""
        return sum(self._weight.get(stem, RARE) for stem in stems)

    def _share(self, of: frozenset[str], among: frozenset[str], weight: float) -> float:
        """How much of the stems' ``weight`` is found."""
        return self._weigh(of & among) / weight if weight and not of.isdisjoint(among) else 0.0

    def differ(self, query: Query, picked: Sequence[Chosen], numbers: Sequence[int]) -> tuple[Differ, ...]:
        """Facets of the query on which the picked sentences of different articles say different things.

        The quote that leads must be one of them: otherwise the answer is about something else. Nor does a sentence
        differ that gives only some of the values of another; to say both of two opposed things, however, does.
        What an article gives as one thing, an interval say, is not its word on the next one, such as healing.
        """
        taken: set[tuple[str, str]] = set()
        found = [self._differ(query, self._facets[name], picked, numbers, taken) for name in query.facets]
        return tuple(d for d in found if d)

    def _differ(
        self,
        query: Query,
        facet: Facet,
        picked: Sequence[Chosen],
        numbers: Sequence[int],
        taken: set[tuple[str, str]],
    ) -> Differ | None:
        said: dict[str, tuple[str, list[int]]] = {}
        told: list[tuple[str, set[str]]] = []
        for place, chosen in enumerate(picked):
            text = whole(chosen)
            if facet.answered(text) and self._named(query, facet, text):
                given = facet.side(text) if facet.sides else values(text, facet.value)
                source = chosen.passage.source_id
                found = {key: v for v in given if (source, key := canonical(v)) not in taken}
                told += [(source, set(found))] if found else []
                for key, value in found.items():
                    said.setdefault(key, (value, []))[1].append(numbers[place])
        taken |= {(source, key) for source, keys in told for key in keys}
        leads = any(numbers[0] in places for _, places in said.values())
        if not leads or not any(a != b and _opposed(facet, s, t) for (a, s), (b, t) in combinations(told, 2)):
            return None
        order = [says for says, _ in facet.sides]
        listed = sorted(said.values(), key=lambda v: order.index(v[0]) if v[0] in order else 0)
        return Differ(facet.topic, tuple(DifferValue(value, tuple(dict.fromkeys(n))) for value, n in listed))

    def _named(self, query: Query, facet: Facet, sentence: str) -> bool:
        """Whether a sentence is about the thing asked, for a facet whose values say nothing without it."""
        return not facet.of_thing or bool(query.concepts & self._spoken(sentence))


def _aside(chosen: Chosen, first: Chosen) -> bool:
    """Whether a sentence says nothing of the kind that is asked, where the first one does."""
    return first.parts["facet"] == 1.0 and not chosen.parts["facet"]


def _opposed(facet: Facet, one: set[str], other: set[str]) -> bool:
    """Whether two articles' statements on a facet, as the values they give or the sides they take, are different."""
    return one != other if facet.sides else bool(one - other and other - one)


def _weights(passages: Sequence[Passage]) -> dict[str, float]:
    """Inverse sentence frequency of each stem, 0 for one in every sentence to 1 for one in a single sentence."""
    sentences = [frozenset(stems(s.text)) for p in passages for s in p.sentences]
    counts = Counter(stem for said in sentences for stem in said)
    ceiling = math.log(len(sentences) + 1)
    return {stem: 1 - math.log(count) / ceiling for stem, count in counts.items()}


def _fitting(picked: tuple[Chosen, ...], kept: Sequence[Chosen], max_words: int) -> tuple[Chosen, ...]:
    """Drop sentences from the end, the ``kept`` excepted, until the words fit."""
    while sum(len(whole(c).split()) for c in picked) > max_words:
        place = next((i for i in reversed(range(len(picked))) if picked[i] not in kept), None)
        if place is None:
            break
        picked = picked[:place] + picked[place + 1 :]
    return picked


def caution(sentence: str, facet: Facet) -> float:
    """How cautious a sentence is on the facet; higher is more cautious."""
    if facet.cautious in ("more", "less"):
        sizes = [magnitude(v) for v in values(sentence, facet.value)]
        largest = max(sizes, default=0.0)
        return largest if facet.cautious == "more" else -largest
    return float(bool(re.search(facet.cautious, sentence, re.IGNORECASE)))


def _new_number(chosen: Chosen, out: Sequence[Chosen]) -> bool:
    """Does the sentence bring a figure that nobody has given yet?"""
    figures = set(re.findall(r"\d+(?:\.\d+)?", chosen.sentence.text))
    given = {f for other in out for f in re.findall(r"\d+(?:\.\d+)?", whole(other))}
    return bool(figures - given)
