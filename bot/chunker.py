"""Article to Passages and sentences with exact character spans (pure).

A passage is the text under one heading; a long one is cut between sentences. A sentence is the unit
an answer quotes. Two things that look like several sentences are one: a run-in heading with what
follows it ("Healing time. It may take ..."), and a list of short items with its lead-in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from bot.config import Chunking
from bot.language import leans, sentence_spans
from bot.schema import TURNS, Article, Block, Passage, Sentence

RUN_IN_WORDS = 3  # "Pain and redness." opens its paragraph like a heading
SHORT_ITEM_WORDS = 9  # items up to this length on average are one enumeration, not statements
LIST_WORDS = 70  # an enumeration longer than this can't be quoted as one


def chunk(article: Article, settings: Chunking) -> tuple[Passage, ...]:
    """Cut an article into passages, in reading order. Every span is into ``article.text``."""
    passages: list[Passage] = []
    for path, questions, blocks in _sections(article):
        for sentences in _packed(_sentences(article.text, blocks), settings):
            start = min([sentences[0].start, *(s.lead[0] for s in sentences[:1] if s.lead)])
            end = sentences[-1].end
            passages.append(
                Passage(
                    id=f"{article.source_id}#{len(passages)}",
                    source_id=article.source_id,
                    start=start,
                    end=end,
                    text=article.text[start:end],
                    heading_path=path,
                    questions=tuple(q for q in questions if TURNS not in q),
                    conversations=tuple(q for q in questions if TURNS in q),
                    sentences=tuple(sentences),
                )
            )
    return tuple(passages)


def passages_of(articles: Iterable[Article], settings: Chunking) -> tuple[Passage, ...]:
    """The passages of a corpus. One that says word for word what an earlier one says under the same heading, as where
    a leaflet is there as a web page and as PDF, is left out: repeated, it would look like doubt about what is meant.
    Its other wordings go to the earlier one.
    """
    found: dict[tuple[str, ...], Passage] = {}
    for passage in (p for article in articles for p in chunk(article, settings)):
        said = (passage.heading, *(s.text for s in passage.sentences))
        first = found.get(said)
        if first is None:
            found[said] = passage
        else:
            questions = tuple(dict.fromkeys((*first.questions, *passage.questions)))
            conversations = tuple(dict.fromkeys((*first.conversations, *passage.conversations)))
            found[said] = replace(first, questions=questions, conversations=conversations)
    return tuple(found.values())


def _sections(article: Article) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], list[Block]]]:
    """Heading path, other wordings and the blocks below, for every heading that has text."""
    stack: list[tuple[int, str]] = []
    questions: tuple[str, ...] = ()
    body: list[Block] = []
    for block in article.blocks:
        if block.kind != "heading":
            body.append(block)
            continue
        if body:
            yield tuple(h for _, h in stack), questions, body
        body = []
        while stack and stack[-1][0] >= block.level:
            stack.pop()
        heading = article.text[block.start : block.end]
        if heading != article.title:
            stack.append((block.level, heading))
        questions = block.questions
    if body:
        yield tuple(h for _, h in stack), questions, body


def _sentences(text: str, blocks: list[Block]) -> list[Sentence]:
    out: list[Sentence] = []
    for kind, group in groupby(blocks, key=lambda b: b.kind):
        members = list(group)
        if kind == "item":
            out = _with_list(text, out, members)
        else:
            for block in members:
                out.extend(_paragraph(text, block))
    return out


def _paragraph(text: str, block: Block) -> Iterator[Sentence]:
    spans = [(a + block.start, b + block.start) for a, b in sentence_spans(text[block.start : block.end])]
    head: int | None = None
    for position, (start, end) in enumerate(spans):
        short = len(text[start:end].split()) <= RUN_IN_WORDS and text[end - 1] == "."
        if position == 0 and short and len(spans) > 1:
            head = start
            continue
        first = start if head is None else head
        head = None
        yield _sentence(text, first, end)


def _with_list(text: str, before: list[Sentence], items: list[Block]) -> list[Sentence]:
    """Join a short list with its lead-in, or keep its items as sentences that know their lead-in."""
    lead = before[-1] if before and text[before[-1].end - 1] in ":;" else None
    total = len(text[items[0].start : items[-1].end].split()) + (len(lead.text.split()) if lead else 0)
    average = sum(len(text[b.start : b.end].split()) for b in items) / len(items)
    if average <= SHORT_ITEM_WORDS and total <= LIST_WORDS:
        start = lead.start if lead else items[0].start
        return [*(before[:-1] if lead else before), _sentence(text, start, items[-1].end)]
    span = (lead.start, lead.end) if lead else None
    out = list(before)
    for block in items:
        for sentence in _paragraph(text, block):
            out.append(Sentence(sentence.start, sentence.end, sentence.text, span, sentence.leans))
    return out


def _sentence(text: str, start: int, end: int) -> Sentence:
    return Sentence(start, end, text[start:end], None, leans(text[start:end]))


def _packed(sentences: list[Sentence], settings: Chunking) -> Iterator[list[Sentence]]:
    """Cut a section where it grows past ``max_words``, never before a leaning sentence if avoidable."""
    current: list[Sentence] = []
    count = 0
    left = sum(len(s.text.split()) for s in sentences)
    for sentence in sentences:
        size = len(sentence.text.split())
        full = count + size > settings.max_words
        if current and full and left >= settings.min_words and not (sentence.leans and count < 2 * settings.max_words):
            yield current
            current, count = [], 0
        current.append(sentence)
        count += size
        left -= size
    if current:
        yield current
