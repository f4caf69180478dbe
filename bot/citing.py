"""A sentence that answers, and several of them as text with citations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.schema import Article, Citation, Passage, Sentence


@dataclass(frozen=True, slots=True)
class Chosen:
    """A sentence that answers, with its score and its parts."""

    passage: Passage
    number: int
    sentence: Sentence
    score: float
    parts: Mapping[str, float]


def extent(chosen: Chosen) -> tuple[int, int]:
    """The span to quote: a sentence that leans on the one before it takes that along."""
    return chosen.passage.sentences[_joined(chosen)[0]].start, chosen.sentence.end


def _joined(chosen: Chosen) -> range:
    """The numbers of the sentences that are quoted with one: those it leans on, and itself."""
    sentences = chosen.passage.sentences
    first = chosen.number
    while sentences[first].leans and first > 0 and chosen.number - first < 2:
        first -= 1
    return range(first, chosen.number + 1)


def whole(chosen: Chosen) -> str:
    """The text of the span to quote."""
    start, end = extent(chosen)
    return chosen.passage.text[start - chosen.passage.start : end - chosen.passage.start]


def cite(picked: Sequence[Chosen], articles: Mapping[str, Article]) -> tuple[tuple[Citation, ...], tuple[int, ...]]:
    """The citations of picked sentences, and for each sentence the number of its citation, from 1.

    Neighbouring sentences of one passage become one quote, and so does one that was picked twice.
    """
    groups: list[tuple[int, int, Chosen, list[int]]] = []
    for place, chosen in enumerate(picked):
        start, end = extent(chosen)
        for i, (old_start, old_end, other, members) in enumerate(groups):
            same = other.passage.id == chosen.passage.id
            gap = chosen.passage.text[old_end - other.passage.start : start - other.passage.start] if same else "x"
            if same and start <= old_end + 2 and end >= old_start and (start <= old_end or not gap.strip()):
                groups[i] = (min(old_start, start), max(old_end, end), other, [*members, place])
                break
        else:
            groups.append((start, end, chosen, [place]))
    citations: list[Citation] = []
    numbers = [0] * len(picked)
    for n, (start, end, chosen, members) in enumerate(groups, 1):
        citations.append(_citation(n, articles[chosen.passage.source_id], chosen.passage, start, end))
        for place in members:
            numbers[place] = n
    return tuple(citations), tuple(numbers)


def length(picked: Sequence[Chosen]) -> int:
    """Words of the quotes, each sentence counted once."""
    texts = {(c.passage.id, n): c.passage.sentences[n].text for c in picked for n in _joined(c)}
    return sum(len(text.split()) for text in texts.values())


def _citation(n: int, article: Article, passage: Passage, start: int, end: int) -> Citation:
    return Citation(
        n=n,
        source_id=article.source_id,
        title=article.title,
        publisher=article.publisher,
        published=article.published,
        section=passage.heading or article.title,
        passage=passage.text,
        quote=article.text[start:end],
        start=start,
        end=end,
        passage_start=passage.start,
        kind=article.kind,
        url=article.url,
        reviewed_by=article.reviewed_by,
    )
