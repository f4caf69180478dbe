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
    sentences = chosen.passage.sentences
    first = chosen.number
    while sentences[first].leans and first > 0 and chosen.number - first < 2:
        first -= 1
    return sentences[first].start, chosen.sentence.end


def whole(chosen: Chosen) -> str:
    """The text of the span to quote."""
    start, end = extent(chosen)
    return chosen.passage.text[start - chosen.passage.start : end - chosen.passage.start]


def cite(
    picked: Sequence[Chosen], articles: Mapping[str, Article], first: int = 1
) -> tuple[str, tuple[Citation, ...], dict[int, int]]:
    """Answer text with markers, its citations, and the citation number of each picked sentence.

    Neighbouring sentences of one passage become one quote. Numbers start at ``first``.
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
    pieces: list[str] = []
    citations: list[Citation] = []
    numbers: dict[int, int] = {}
    for n, (start, end, chosen, members) in enumerate(groups, first):
        article = articles[chosen.passage.source_id]
        quote = article.text[start:end]
        pieces.append(f"{quote} [{n}]")
        citations.append(_citation(n, article, chosen.passage, start, end))
        numbers.update(dict.fromkeys(members, n))
    return " ".join(pieces), tuple(citations), numbers


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
