"""The bot: ``Bot.ask`` is the recipe, each step in a module of its own. Read this first.

safety      what must be said whatever the articles hold (emergencies, medicines, prices ...)
rewrite     the message and its conversation to stand-alone queries
retriever   a query to ranked passages
answer      passages to the sentences that answer
abstention  answer, or say that the articles don't cover it
reply       all of that as one Reply, with what must stand beside a quote
output_check  the last look: what may be quoted and said
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from bot import index as index_module
from bot.abstention import Abstention, Model
from bot.alike import Asking
from bot.answer import Composer
from bot.citing import whole
from bot.clinic import Clinic
from bot.clock import Clock
from bot.config import Config
from bot.dense import Matrix
from bot.facets import Facets
from bot.index import Index
from bot.language import language, stems
from bot.lexicon import Lexicon
from bot.output_check import OutputCheck
from bot.prototypes import SURE, SURE_LATER, Guess, Prototypes, alarmed, alarming, as_example, as_ordinary, misread
from bot.reply import Part, Replies, as_taught, explanation, words_quoted
from bot.retriever import Retriever
from bot.rewrite import Query, Rewriter, bare
from bot.rows import ASKED, EXAMPLE, LAST, QUESTION, UNCOVERED
from bot.safety import Safety, Search, Verdict
from bot.schema import Article, Hit, Passage, Reply, Turn
from bot.spelling import Speller, corpus_words
from bot.teaching import EMPTY, Lesson, Overlay
from bot.texts import Texts

FEW_WORDS = 8  # no sentence that answers is shorter
TAUGHT = 4096  # wordings that stay embedded; a clinic teaches some hundreds


class Bot:
    """Answers questions from one index. Thread-safe: nothing is changed by asking."""

    def __init__(self, config: Config, index: Index, clinic: Clinic, texts: Texts, safety: Safety) -> None:
        self.config = config = config.fitted(index.kind)
        self.clinic = clinic
        self.texts = texts
        self.index_version = index.version
        self.kind = index.kind
        self._index = index
        self._safety = safety
        self._articles = {a.source_id: a for a in index.articles}
        lexicon, facets = Lexicon.load(), Facets.load()
        self._rewriter = _rewriter(index, lexicon, facets)
        self._retriever = Retriever(index, lexicon, facets, config.retrieval)
        self._prototypes = Prototypes(
            index.dense,
            np.flatnonzero(index.rows.kind == EXAMPLE),
            np.flatnonzero(np.isin(index.rows.kind, (QUESTION, UNCOVERED, ASKED))),
            np.flatnonzero(index.rows.kind == LAST),
            index.learned,
        )
        self._composer = Composer(lexicon, facets, config.answering, index.passages)
        self._abstention = Abstention(self._retriever, Model.load(index.kind))
        self._output = OutputCheck.load(texts, clinic)
        self._replies = Replies(texts, self._articles, self._composer, self._output)
        self._asking = lru_cache(maxsize=TAUGHT)(self.read)  # of what was taught, which changes one by one
        self._quotable = lru_cache(maxsize=None)(self._output.quotable)  # of the articles' sentences
        self._searched = lru_cache(maxsize=None)(self._said_of)  # for the rules' few searches
        self.overlay = EMPTY  # what staff taught; whoever keeps it puts a new one in its place

    @classmethod
    def open(cls, config: Config) -> Bot:
        """Load the index, the clinic's details and the texts.

        Raises:
            IndexMissing, IndexStale, IndexDamaged, ConfigError, DataError, EncoderError: says what to do.
        """
        clinic = Clinic.load(config.corpus / "clinic.toml")
        texts = Texts.load(clinic)
        return cls(config, index_module.load(config), clinic, texts, Safety.load(clinic, texts))

    def ask(self, turns: Sequence[Turn], explain: bool = False, overlay: Overlay | None = None) -> Reply:
        """Answer the last turn in the light of those before it. An empty conversation is an empty message.

        ``overlay``: what was taught, in place of the bot's own, to see what it would change.
        """
        clock = self._clock(self.overlay if overlay is None else overlay)
        turns = list(turns)[-2 * self.config.max_turns :] or [Turn("user", "")]
        with clock("safety"):
            verdict = self._learned(self._safety.judge(turns), turns, clock)
        if clock.overlay:
            verdict = self._permitted(verdict, turns, clock)
        if verdict.status is not None and not verdict.retrieve and verdict.status != "caution":
            return self._finished(self._replies.plain(verdict), verdict, (), clock, explain)
        if len(turns[-1].text) > self.config.max_message_chars:
            return self._finished(self._replies.text("too_long"), verdict, (), clock, explain)
        parts = self._wanted(turns, verdict, clock)
        given = self._given(turns, verdict, clock)
        if verdict.status == "caution":
            reply = self._replies.caution(parts, verdict, given)
        elif verdict.status == "handoff":
            reply = self._replies.handoff(parts, verdict, given)
        elif any(part.decision.answer for part in parts):
            reply = self._replies.answered(parts, verdict, given)
        else:
            reply = self._replies.unclear(parts, verdict) or self._replies.abstained(parts, verdict)
        return self._finished(reply, verdict, parts, clock, explain)

    def _learned(self, verdict: Verdict, turns: Sequence[Turn], clock: Clock) -> Verdict:
        """What examples add to the rules: urgency, what no rule knows, and that a question is no small talk."""
        message = turns[-1].text[: self.config.max_message_chars]
        text = bare(self._rewriter.mended(message))
        if verdict.status == "urgent" or not text:
            return verdict
        vector = clock.vector(text)
        guess = self._prototypes.guess(vector, self._rewriter.plain(text), later=bool(verdict.told))
        if alarming(verdict, guess):
            return alarmed(verdict, *self._prototypes.nearest(vector, "urgent")[0], self.texts)
        halves = verdict.status == "handoff" and len(self._queries(_asked(turns), clock)) > 1  # both are answered
        if misread(verdict, guess) and not halves:
            return as_ordinary(verdict, message)
        if verdict.status is not None or guess.sure < (SURE_LATER if verdict.told else SURE):
            return verdict
        return self._likened(verdict, guess, vector)

    def _permitted(self, verdict: Verdict, turns: Sequence[Turn], clock: Clock) -> Verdict:
        """What was taught answers or hands over a question, and answers a hand-over; nothing else gives way."""
        if verdict.status not in (None, "handoff") or verdict.failsafe:
            clock.overlay = EMPTY
            return verdict
        queries = self._queries(_asked(turns), clock)
        kinds = [taught.lesson.kind for query in queries if (taught := clock.taught(query))]
        if "never" in kinds:
            lead = verdict.lead if verdict.status else f"{verdict.lead} {self.texts['handoff']}".strip()
            return replace(verdict, status="handoff", lead=lead, retrieve=True)
        if verdict.status == "handoff" and kinds and len(queries) == 1 and not verdict.told:
            return as_ordinary(verdict, turns[-1].text)
        return verdict

    def _likened(self, verdict: Verdict, guess: Guess, vector: Matrix) -> Verdict:
        """The verdict of the nearest example that the rules judge as the classifier does."""
        for _, example in self._prototypes.alike(vector, guess):
            judged = self._safety.judge([Turn("user", example)])
            if judged.status == guess.status:
                return as_example(verdict, judged, example)
        return verdict

    def _queries(self, messages: Sequence[str], clock: Clock) -> tuple[Query, ...]:
        """The stand-alone questions of a conversation's last message, read once."""
        with clock("rewrite"):
            known = tuple(message[: self.config.max_message_chars] for message in messages)
            if known not in clock.queries:
                clock.queries[known] = self._rewriter.queries(known)
            return clock.queries[known]

    def _wanted(self, turns: Sequence[Turn], verdict: Verdict, clock: Clock) -> list[Part]:
        """What the articles are asked: for a caution what they say about the condition, else the questions."""
        if verdict.searches:
            return self._quoted(verdict, clock)
        parts = self._parts(turns, verdict, clock) if verdict.retrieve else []
        return parts if verdict.status is None else [part for part in parts if part.decision.answer or part.taught]

    def _given(self, turns: Sequence[Turn], verdict: Verdict, clock: Clock) -> frozenset[str]:
        """The disclaimers that earlier replies of this conversation gave. Only what would be repeated is looked up."""
        general = self.texts["disclaimer_general"]
        places = [i for i, turn in enumerate(turns) if turn.role == "user"][-len(verdict.told) - 1 : -1]
        given: set[str] = set()
        for place, told in zip(places, verdict.told, strict=True):
            if told.status in (None, "caution"):
                given.add(general)
            repeated = set(told.disclaimers) & set(verdict.disclaimers) - given
            sure = told.status == "caution"
            if repeated and (sure or (told.status is None and self._covers(turns[: place + 1], clock))):
                given |= repeated
        return frozenset(given)

    def _covers(self, turns: Sequence[Turn], clock: Clock) -> bool:
        """Whether the question that the turns end with was answered from the articles."""
        verdict = Verdict(None, (), question=turns[-1].text)
        return any(part.decision.answer for part in self._parts(turns, verdict, clock))

    def _parts(self, turns: Sequence[Turn], verdict: Verdict, clock: Clock) -> list[Part]:
        """Each question of the message with its hits, sentences and decision."""
        messages = _asked(turns)
        if messages and verdict.question:
            messages[-1] = verdict.question
        queries, most = self._queries(messages, clock), self.config.max_answer_words
        parts = self._shared(queries, most, clock)
        if len(parts) > 1 and (room := most - words_quoted(parts)) >= FEW_WORDS:  # one takes few, or the same ones
            longer = self._shared(queries, most + room, clock)
            parts = longer if words_quoted(longer) <= most else parts
        return parts

    def _shared(self, queries: Sequence[Query], words: int, clock: Clock) -> list[Part]:
        """Every question answered in its share of the words."""
        return [self._surest(query, words // len(queries), clock) for query in queries]

    def _surest(self, query: Query, budget: int, clock: Clock) -> Part:
        """The question as it was cut out of the message, or the whole message: whichever is answered more surely."""
        if taught := clock.taught(query):
            return as_taught(self._part(query, budget, clock, first=taught.first), taught)
        readings = [query, *([query.whole] if query.whole else [])]
        return max((self._part(reading, budget, clock) for reading in readings), key=lambda p: p.decision.confidence)

    def _quoted(self, verdict: Verdict, clock: Clock) -> list[Part]:
        """For a caution: what the articles say about the condition, and only that."""
        budget = self.config.max_caution_words // max(1, len(verdict.searches))
        with clock("retrieve"):
            return [part for search in verdict.searches for part in self._searched(search, budget)]

    def _said_of(self, search: Search, budget: int) -> tuple[Part, ...]:
        """What the articles say of a condition that a rule names: the same whoever asks."""
        clock = self._clock()
        queries = self._rewriter.queries([search.query])[:1]
        return tuple(self._part(query, budget, clock, search.mention) for query in queries)

    def _part(self, query: Query, budget: int, clock: Clock, mention: str = "", first: str = "") -> Part:
        found = clock.find(query, first)
        with clock("answer"):
            chosen = self._composer.choose(query, found, budget, mention)
            chosen = tuple(c for c in chosen if self._quotable(whole(c)))
            decision = self._abstention.decide(query, found, chosen)
        return Part(query, found, chosen, decision)

    def _finished(self, reply: Reply, verdict: Verdict, parts: Sequence[Part], clock: Clock, explain: bool) -> Reply:
        why = explanation(verdict, parts) if explain else None
        reply = self._replies.checked(reply)
        return reply.with_(index_version=self.index_version, timings_ms=clock.total(), why=why)

    def search(self, question: str) -> list[tuple[Query, tuple[Hit, ...]]]:
        """What would be retrieved for a question: each query with its ranked hits."""
        return [(q, self._retriever.search(q).hits) for q in self._rewriter.queries([question])]

    def overlay_of(self, lessons: Sequence[Lesson]) -> Overlay:
        """Lessons as this bot's questions are held against them."""
        return Overlay(lessons, self._index.passages, self._asking)

    def read(self, text: str) -> Asking:
        """A text by itself as it is compared with others: its question, or all of it where it holds several."""
        clock = self._clock()
        queries = self._queries([text], clock)
        return clock.asking(queries[0] if len(queries) == 1 else Query(text.lower(), text.lower()))

    def _clock(self, overlay: Overlay = EMPTY) -> Clock:
        return Clock(self._retriever, self._index.encoder, overlay)

    def knows(self, word: str) -> bool:
        """Whether a word, in lower case, is one of the articles or of the field."""
        return self._rewriter.knows(word)

    def passages(self) -> tuple[Passage, ...]:
        """Every passage of the index."""
        return self._index.passages

    def article(self, source_id: str) -> Article | None:
        """The article of that id, if there is one."""
        return self._articles.get(source_id)

    def articles(self) -> tuple[Article, ...]:
        """Every article, in order of its file name."""
        return self._index.articles

    def examples(self) -> tuple[str, ...]:
        """Questions for the empty page: those that most articles answer."""
        counts: dict[str, set[str]] = {}
        for passage in self._index.passages:
            if passage.heading.endswith("?"):
                counts.setdefault(passage.heading, set()).add(passage.source_id)
        ranked = sorted(counts, key=lambda h: (-len(counts[h]), list(counts).index(h)))
        return tuple(ranked[: self.config.examples])


def _asked(turns: Sequence[Turn]) -> list[str]:
    """The visitor's messages, oldest first."""
    return [turn.text for turn in turns if turn.role == "user"]


def _rewriter(index: Index, lexicon: Lexicon, facets: Facets) -> Rewriter:
    """The rewriter that knows this corpus' words."""
    model_words = index.encoder.vocabulary()
    domain = corpus_words(index.passages, model_words)
    speller = Speller(domain | lexicon.vocabulary() | language().asking_words, model_words, index.bigrams)
    return Rewriter(speller, lexicon, facets, frozenset(s for word in domain for s in stems(word)))
