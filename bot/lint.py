"""What to look at in articles before they are published: each rule reads the passages and says where. Pure.

Patterns, texts and numbers are in ``data/lint.toml``. A rule that is often wrong is worse than none, so each is
narrow: it is measured on the shipped corpus (CONTRIBUTING).
"""

from __future__ import annotations

import datetime
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

from symspellpy import SymSpell, Verbosity

from bot.answer import Composer
from bot.citing import Chosen
from bot.clinic import Clinic
from bot.config import Config
from bot.facets import Facet, Facets
from bot.findings import Finding, finding, within
from bot.language import read_toml, stem, stems, words
from bot.lexicon import Lexicon
from bot.output_check import OutputCheck
from bot.readers.text import furniture
from bot.rewrite import Query
from bot.schema import Article, Passage, Sentence
from bot.spelling import common_words, english
from bot.values import values

_COMPARED = 300  # statements of a facet: every two are compared
_FIGURE = re.compile(r"\d")
_USUAL = 30_000  # most frequent English words that a slip may be meant for


@dataclass(frozen=True, slots=True)
class Read:
    """What is linted: articles with their files' names, their passages, and what the clinic says of itself."""

    articles: Sequence[Article]
    files: Mapping[str, str]  # source id to file
    passages: Sequence[Passage]
    clinic: Clinic
    output: OutputCheck
    today: datetime.date
    folder: str

    def sentences(self) -> Iterator[tuple[Article, Sentence]]:
        """Every sentence with its article."""
        by_id = {a.source_id: a for a in self.articles}
        for passage in self.passages:
            for sentence in passage.sentences:
                yield by_id[passage.source_id], sentence

    def heading(self, passage: Passage) -> str:
        """What stands over a passage: its heading, or the title where that is the only one."""
        return passage.heading or next(a.title for a in self.articles if a.source_id == passage.source_id)

    def within(self, rule: str, article: Article, at: int, **slots: Any) -> Finding:
        """A finding at a character of an article."""
        return within(rule, article, self.files[article.source_id], at, **slots)


def lint(read: Read) -> list[Finding]:
    """Every finding of every rule."""
    return [found for rule in RULES for found in rule(read)]


def _furniture(read: Read) -> Iterator[Finding]:
    for article in read.articles:
        for block in article.blocks:
            text = article.text[block.start : block.end]
            if furniture().named(text):
                yield read.within("furniture", article, block.start, quote=text)


def _empty(read: Read) -> Iterator[Finding]:
    """Headings that are followed by one of their own level or above, or by nothing."""
    for article in read.articles:
        for block, following in zip(article.blocks, [*article.blocks[1:], None], strict=True):
            heads = following is None or (following.kind == "heading" and following.level <= block.level)
            text = article.text[block.start : block.end]
            if block.kind == "heading" and heads and text != article.title:
                yield read.within("empty", article, block.start, quote=text)


def _leaning(read: Read) -> Iterator[Finding]:
    """Only the first sentence of a section: a later one is quoted with the one before it."""
    by_id = {a.source_id: a for a in read.articles}
    for passage in read.passages:
        first = passage.sentences[0]
        if first.leans and first.lead is None:
            yield read.within(
                "leaning", by_id[passage.source_id], first.start, word=first.text.split()[0], quote=first.text
            )


def _claims(read: Read) -> Iterator[Finding]:
    for article, sentence in read.sentences():
        broken = read.output.unowned(sentence.text, read.output.promises)
        kind = broken.partition(": ")[2] or read.output.unowned(sentence.text, _patterns("claims"))
        if kind:
            unquoted = ", and the bot does not quote it" if broken else ""
            said = f"a promise ({kind})" if broken else kind
            yield read.within("claim", article, sentence.start, kind=said, quote=sentence.text, unquoted=unquoted)


def _others(read: Read) -> Iterator[Finding]:
    """Contacts and prices; those of the clinic itself aside."""
    clinic = read.clinic
    own = [t.lower() for t in (clinic.phone, clinic.email, clinic.booking_url, clinic.privacy_url) if t]
    for article in read.articles:
        for block in article.blocks:
            text = article.text[block.start : block.end]
            for kind, pattern in _patterns("others"):
                found = next((m.group() for m in pattern.finditer(text) if not _ours(m.group(), own)), None)
                if found:
                    yield read.within("contact-of-others", article, block.start, kind=kind, quote=found)


def _ours(found: str, own: Sequence[str]) -> bool:
    return any(contact in found.lower() or found.lower() in contact for contact in own)


def _dates(read: Read) -> Iterator[Finding]:
    years = int(_number("review_years"))
    for article in read.articles:
        if article.published and _years_ago(datetime.date.fromisoformat(article.published), read.today) >= years:
            file = read.files[article.source_id]
            yield finding("old", file, 1, date=article.published, years=years)
    patterns = [re.compile(p, re.IGNORECASE) for p in read_toml("lint.toml")["past"]["patterns"]]
    for article, sentence in read.sentences():
        found = next((m for m in (p.search(sentence.text) for p in patterns) if m), None)
        if found and int(found.group("year")) < read.today.year:
            yield read.within("past", article, sentence.start, quote=found.group())


def _years_ago(day: datetime.date, today: datetime.date) -> float:
    return (today - day).days / 365.25


def _duplicates(read: Read) -> Iterator[Finding]:
    """Passages that share most of their runs of three words, by an index of the runs."""
    by_id = {a.source_id: a for a in read.articles}
    runs = [_runs(p.text) for p in read.passages]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    shared = Counter[tuple[int, int]]()
    for number, passage_runs in enumerate(runs):
        for run in passage_runs:
            shared.update((other, number) for other in holders[run][:_MOST])
            holders[run].append(number)
    for (first, second), count in sorted(shared.items()):
        if count >= _number("same") * min(len(runs[first]), len(runs[second])):
            a, b = read.passages[first], read.passages[second]
            if a.source_id == b.source_id and b.start < a.end:  # two parts of a list have its lead-in in common
                continue
            other = within("duplicate", by_id[a.source_id], read.files[a.source_id], a.start, other="", quote="").place
            yield read.within("duplicate", by_id[b.source_id], b.start, other=other, quote=b.text)


_MOST = 20  # passages with the same run that are compared: a phrase that all share says nothing


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    said = words(text)
    if len(said) < _number("same_words"):
        return frozenset()
    return frozenset(zip(said, said[1:], said[2:], strict=False))


def _differences(read: Read) -> Iterator[Finding]:
    """What the answering step would show side by side, asked of every facet."""
    lexicon, facets = Lexicon.load(), Facets.load()
    composer = Composer(lexicon, facets, Config().answering, read.passages)
    by_id = {a.source_id: a for a in read.articles}
    for facet in facets.by_id.values():
        query = Query(facet.say, facet.say, (facet.id,))
        said = _statements(read, facet, facets)[:_COMPARED]
        apart: dict[str, Chosen] = {}  # of each article the first statement that another opposes
        for a, b in combinations(said, 2):
            other = a.passage.source_id != b.passage.source_id
            if other and _same_subject(a, b) and composer.differ(query, (a, b), (1, 2)):
                apart.setdefault(a.passage.source_id, a)
                apart.setdefault(b.passage.source_id, b)
        places = []
        for source_id, chosen in sorted(apart.items()):
            text = chosen.sentence.text
            found = read.within("differ", by_id[source_id], chosen.sentence.start, topic=facet.topic, values="")
            places.append((found, f"{', '.join(_told(facet, text))} ({found.place})"))
        if places:
            first = places[0][0]
            told = "; ".join(text for _, text in places)
            yield finding("differ", first.file, first.line, first.page, topic=facet.topic, values=told)


def _told(facet: Facet, text: str) -> tuple[str, ...]:
    """The sides that a sentence takes on a facet, or the values that it gives."""
    return facet.side(text) if facet.sides else values(text, facet.value)


def _statements(read: Read, facet: Facet, facets: Facets) -> list[Chosen]:
    """The sentences that answer a facet with a value or take a side on it. Values that mean anything only in their
    section, such as times, are not taken from a section about something else."""
    told = read_toml("lint.toml")["differ"]
    if facet.id in told["passed_over"]:
        return []
    said = [
        Chosen(passage, number, sentence, 1.0, {})
        for passage in read.passages
        for number, sentence in enumerate(passage.sentences)
        if facet.directly(sentence.text) == 1.0 and _told(facet, sentence.text)
    ]
    if facet.sides or facet.value not in told["in_section"]:
        return said
    asked = [facets.asked(read.heading(c.passage).lower()) for c in said]
    return [c for c, about in zip(said, asked, strict=True) if facet.id in about or not about]


def _same_subject(a: Chosen, b: Chosen) -> bool:
    """Do two statements share enough of their words, figures aside?"""
    first, second = (frozenset(s for s in stems(c.sentence.text) if not _FIGURE.search(s)) for c in (a, b))
    return len(first & second) >= _number("subject") * min(len(first), len(second), 8)


def _unanswered(read: Read) -> Iterator[Finding]:
    """Facets that no heading asks, no wording under one, and no sentence answers."""
    facets = Facets.load()
    asked = {f for p in read.passages for q in (read.heading(p), *p.questions) for f in facets.asked(q.lower())}
    for facet in facets.by_id.values():
        if facet.id not in asked and not any(facet.directly(s.text) == 1.0 for _, s in read.sentences()):
            yield finding("unanswered", read.folder, topic=facet.topic)


def _typos(read: Read) -> Iterator[Finding]:
    """Words that nobody knows, seldom used, one letter from a usual one. Names (capitals) are left alone."""
    counts = Counter(w for a in read.articles for w in re.findall(r"[^\W\d_]+", a.text))
    known = english().keys() | Lexicon.load().vocabulary()
    stemmed = {stem(w) for w in known}
    speller = _speller()
    for article in read.articles:
        for match in re.finditer(r"(?<![\w@.'’-])[a-z]+(?![\w@'’-]|\.\w)", article.text):
            word = match.group()
            seldom = counts[word] <= _number("typo_times") and not counts[word.title()]
            if len(word) < _number("typo_letters") or not seldom or word in known or stem(word) in stemmed:
                continue
            near = speller.lookup(word, Verbosity.TOP, max_edit_distance=1)
            if near and _one_spelling(word) != _one_spelling(near[0].term):
                yield read.within("typo", article, match.start(), word=word, meant=near[0].term)


def _one_spelling(word: str) -> str:
    """One form for British and American spellings."""
    for british, american in read_toml("lint.toml")["spellings"]["pairs"]:
        word = re.sub(british, american, word)
    return word


@cache
def _speller() -> SymSpell:
    out = SymSpell(max_dictionary_edit_distance=1, prefix_length=7)
    for word in common_words(_USUAL):
        out.create_dictionary_entry(word, english()[word])
    return out


@cache
def _patterns(group: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The patterns of a group of ``lint.toml`` by kind."""
    listed = read_toml("lint.toml")[group]
    return tuple((kind, re.compile("|".join(f"(?:{p})" for p in ps), re.IGNORECASE)) for kind, ps in listed.items())


def _number(name: str) -> float:
    return float(read_toml("lint.toml")["numbers"][name])


RULES: tuple[Callable[[Read], Iterator[Finding]], ...] = (
    _furniture, _empty, _leaning, _claims, _others, _dates, _duplicates, _differences, _unanswered, _typos,
)  # fmt: skip
