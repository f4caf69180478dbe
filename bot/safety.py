"""The safety step: a conversation to a Verdict, before anything is searched. Pure, stateless, never raises.

The order of decision is data (``policy.toml``): emergency, self-harm, red flag, slow healing, medicine, pregnancy,
minor, contraindication, doing it oneself, diagnosis, abuse, instructions, privacy, handoff, small talk, else answer.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import cast

from bot.clinic import Clinic
from bot.errors import DataError
from bot.memory import Memory, Recall, Told
from bot.polarity import Polarity
from bot.rules import Finding, Reading, Rule, Rulebook
from bot.schema import Status, Turn
from bot.smalltalk import SmallTalk
from bot.texts import Texts
from bot.tongue import Tongues

log = logging.getLogger(__name__)

MAX_EARLIER = 20  # user turns that are remembered; a clinic conversation is far shorter
MAX_DISCLAIMERS = 3  # more is a wall of text that nobody reads
_BREAK = re.compile(r"[.!?;,:]| (?:and|then|also|but|please|so) ")


@dataclass(frozen=True, slots=True)
class Label:
    """One thing recognised in the message, whether or not it decided the reply."""

    situation: str
    concept: str
    polarity: Polarity
    rule: str
    words: str


@dataclass(frozen=True, slots=True)
class Search:
    """What the articles are to be asked, and what a quoted sentence must mention."""

    query: str
    mention: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the safety step decided. ``status`` None means: answer from the articles."""

    status: Status | None
    labels: tuple[Label, ...]
    lead: str = ""
    retrieve: bool = True
    searches: tuple[Search, ...] = ()
    disclaimers: tuple[str, ...] = ()
    before_quotes: tuple[str, ...] = ()
    question: str = ""
    calm: bool = False  # asks what is usual, or to have it: sounding like an emergency makes it none
    told: tuple[Told, ...] = ()  # what earlier replies said
    doubtful: bool = False  # a caution for nothing but what rules find whose words are often only mentioned

    @property
    def failsafe(self) -> bool:
        """Whether the safety step itself failed."""
        return any(label.situation == "failsafe" for label in self.labels)


@cache
def _shipped() -> Rulebook:
    """The rules of the package, compiled once a process: a new index has the same, and they take a second."""
    return Rulebook.load()


@dataclass(frozen=True, slots=True)
class Safety:
    """The compiled rules with the clinic's texts."""

    book: Rulebook
    clinic: Clinic
    texts: Texts
    tongues: Tongues
    recall: Recall

    @classmethod
    def load(cls, clinic: Clinic, texts: Texts, book: Rulebook | None = None) -> Safety:
        """Read the rules, and check that every text they name exists."""
        book = book or _shipped()
        _check_texts(book, texts)
        talk = SmallTalk.make(book.words, book.policy["noise"]["keys"])
        return cls(book, clinic, texts, Tongues.make(book.tongues, clinic), Recall(book, talk))

    def judge(self, turns: Sequence[Turn]) -> Verdict:
        """Judge the last user turn in the light of the earlier ones. Fails closed."""
        try:
            said = [turn.text for turn in turns if turn.role == "user"] or [""]
            memory = Memory()
            verdicts = [self._step(message, memory) for message in said[-MAX_EARLIER - 1 :]]
            return replace(verdicts[-1], told=tuple(memory.told[:-1]))
        except Exception as error:  # fail closed: whatever goes wrong here must not let a message through
            log.error("safety step failed: %s", type(error).__name__)  # never the text
            label = Label("failsafe", type(error).__name__, "unknown", "safety:failsafe", "")
            return Verdict("handoff", (label,), self.texts["failsafe"], retrieve=False)

    def _step(self, message: str, memory: Memory) -> Verdict:
        """Judge one message and take it in."""
        reading = self.book.read(message, memory.carried)
        found = reading.findings()
        memory.replies_since_urgent += 1
        self.recall.take_back(reading, found, memory)
        verdict = replace(self._decide(reading, found, memory), calm=reading.holds("asks_in_general"))
        urgent = (self._first(found, "urgent") or memory.urgent) if verdict.status == "urgent" else None
        if not urgent and self.recall.reminds(memory):
            verdict = replace(verdict, lead=f"{self.texts['urgent_reminder']} {verdict.lead}".strip())
        searches = tuple(search.query for search in verdict.searches)
        memory.told.append(Told(memory.turn, verdict.status, verdict.disclaimers, verdict.lead, searches))
        self.recall.keep(reading, found, urgent, memory)
        return verdict

    # --- decision -------------------------------------------------------------------------------

    def _decide(self, reading: Reading, found: Sequence[Finding], memory: Memory) -> Verdict:
        labels = tuple(self._label(f, reading) for f in found)
        question = reading.text.original
        urgent = self._first(found, "urgent")
        if urgent or (urgent := self.recall.still_urgent(reading, memory)):
            own = () if urgent in found else (self._label(urgent, reading),)
            return self._urgent(urgent, own + labels, question)
        caution = self._cautions(reading, found, memory)
        played = self._of(found, "injection") and {r.situation for r in caution} <= set(self.book.policy["played"])
        if caution and not played:
            return self._caution(caution, reading, found, labels, memory)
        if abuse := self._of(found, "abuse"):
            return self._line("refused", abuse, labels, question)
        if instruction := self._of(found, "injection"):
            return self._instruction(reading, found, instruction, labels, memory)
        return self._ordinary(reading, found, labels, memory)

    def _ordinary(
        self, reading: Reading, found: Sequence[Finding], labels: tuple[Label, ...], memory: Memory
    ) -> Verdict:
        """Handoff, small talk, another language, or a question for the articles."""
        question = reading.text.original
        talk = self._of(found, "privacy") or self._of(found, "smalltalk")
        handoff = self._of(found, "handoff")
        if talk and not (handoff or self._subject_beside(reading, talk)):
            return self._line("smalltalk", talk, labels, question)
        if handoff:
            return self._handoff(reading, found, handoff, labels, memory)
        if key := self.recall.smalltalk.text_key(reading.text.plain, question):
            label = Label("smalltalk", key, "unknown", "smalltalk:words", reading.text.words(0, len(reading.masked)))
            return Verdict("smalltalk", (*labels, label), self.texts[key], retrieve=False, question=question)
        if code := self.tongues.of(reading.text.plain, question):
            label = Label("language", code, "unknown", "languages:words", question.strip())
            lead = self.tongues.answered(code, self.texts["other_language"])
            return Verdict("abstained", (*labels, label), lead, retrieve=False, question=question)
        kept = [d for rule in memory.rules() for d in rule.disclaimers]
        return Verdict(None, labels, disclaimers=self._disclaimers(found, kept), question=question)

    def _handoff(
        self, reading: Reading, found: Sequence[Finding], finding: Finding, labels: tuple[Label, ...], memory: Memory
    ) -> Verdict:
        """Only the clinic can answer; a question for the articles beside it is kept."""
        verdict = self._line("handoff", finding, labels, reading.text.original)
        rest = self._without(reading, found, "handoff")
        again = self.book.read(rest, memory.carried)
        left = again.findings()
        if not rest or not again.holds("asks") or self._of(left, "handoff") or self._of(left, "smalltalk"):
            return verdict
        return replace(verdict, retrieve=True, question=rest, disclaimers=self._disclaimers(left, ()))

    def _urgent(self, finding: Finding, labels: tuple[Label, ...], question: str) -> Verdict:
        lead = self.tongues.urgent(finding.rule.concept, self._text(finding.rule))
        return Verdict(
            "urgent", labels, lead, retrieve=False, disclaimers=(self.texts["disclaimer_urgent"],), question=question
        )

    def _cautions(self, reading: Reading, found: Sequence[Finding], memory: Memory) -> list[Rule]:
        """The rules that call for caution, most serious first; remembered ones where they matter again."""
        order: list[str] = self.book.policy["order"]
        fired = [f.rule for f in found if f.fires and f.rule.situation in self.book.policy["caution"]]
        rules = sorted(fired, key=lambda rule: order.index(rule.situation))
        about_diary = any(f.fires and f.rule.situation == "handoff" and f.rule.concept != "booking" for f in found)
        if memory.disclosed and not about_diary and (rules or reading.holds("plan")):
            rules += [rule for rule in memory.rules() if rule not in rules]
        return rules

    def _caution(
        self,
        rules: Sequence[Rule],
        reading: Reading,
        found: Sequence[Finding],
        labels: tuple[Label, ...],
        memory: Memory,
    ) -> Verdict:
        """The most serious rule leads; what this conversation was already told in full is only recalled."""
        searches = {rule.search: Search(rule.search, rule.mention) for rule in rules if rule.search}
        shown = list(searches.values())[: self.book.policy["searches"]]
        lead = self._text(rules[0])
        again = memory.quoted(lead, [search.query for search in shown])
        firing = [f.rule for f in found if f.fires]
        remembered = [Label(r.situation, r.concept, "unknown", r.id, "") for r in rules if r not in firing]
        fired = len(remembered) < len(rules)
        return Verdict(
            "caution",
            (*labels, *remembered),
            self.texts["caution_again"] if again else lead,
            retrieve=not again or not (fired or reading.holds("suitability")),
            searches=() if again else tuple(shown),
            disclaimers=self._disclaimers(found, [d for rule in rules for d in rule.disclaimers]),
            before_quotes=tuple(dict.fromkeys(self.texts[key] for rule in rules for key in rule.before)),
            question=self._without(reading, found, "injection") or reading.text.original,
            doubtful=all(rule.doubtful for rule in rules) and not remembered,
        )

    def _instruction(
        self,
        reading: Reading,
        found: Sequence[Finding],
        finding: Finding,
        labels: tuple[Label, ...],
        memory: Memory,
    ) -> Verdict:
        """An instruction is no question; where a real one is left without it, that is judged."""
        rest = self._without(reading, found, "injection")
        if not rest:
            return self._line("refused", finding, labels, reading.text.original)
        again = self.book.read(rest, memory.carried)
        left = [f for f in again.findings() if f.rule.situation != "injection"]
        verdict = self._ordinary(again, left, labels, memory)
        return replace(verdict, labels=labels + tuple(self._label(f, again) for f in left), question=rest)

    def _line(self, status: Status, finding: Finding, labels: tuple[Label, ...], question: str) -> Verdict:
        return Verdict(status, labels, self._text(finding.rule), retrieve=False, question=question)

    # --- parts ----------------------------------------------------------------------------------

    def _first(self, found: Sequence[Finding], group: str) -> Finding | None:
        """The most serious firing finding of a group of situations."""
        return next((f for name in self.book.policy[group] if (f := self._of(found, name))), None)

    @staticmethod
    def _of(found: Sequence[Finding], situation: str) -> Finding | None:
        return next((f for f in found if f.fires and f.rule.situation == situation), None)

    def _text(self, rule: Rule) -> str:
        key = rule.text or cast(str, self.book.policy["lead"][rule.situation])
        unset = {"handoff_hours": self.clinic.opening_hours, "handoff_address": self.clinic.address}
        return self.texts["handoff"] if unset.get(key) == "" else self.texts[key]

    def _disclaimers(self, found: Sequence[Finding], first: Sequence[str]) -> tuple[str, ...]:
        topics = [key for f in found if f.fires and f.rule.situation == "topic" for key in f.rule.disclaimers]
        keys = list(dict.fromkeys([*first, *topics]))[: MAX_DISCLAIMERS - 1]
        return tuple(self.texts[key] for key in ["disclaimer_general", *keys])

    @staticmethod
    def _label(finding: Finding, reading: Reading) -> Label:
        rule, mention = finding.rule, finding.mention
        words = reading.text.words(mention.start, mention.end)
        return Label(rule.situation, rule.concept, mention.polarity, rule.id, words)

    def _pieces(self, reading: Reading) -> list[tuple[int, int]]:
        """Sentences and clauses of the plain form."""
        plain, pieces, start = reading.masked, [], 0
        for match in _BREAK.finditer(plain):
            pieces.append((start, match.start()))
            start = match.end()
        pieces.append((start, len(plain)))
        return [(a + len(plain[a:b]) - len(plain[a:b].lstrip()), b) for a, b in pieces if plain[a:b].strip()]

    def _without(self, reading: Reading, found: Sequence[Finding], situation: str) -> str:
        """The message, as typed, without the clauses of a situation; empty if no real question is left."""
        rules = [f.rule for f in found if f.fires and f.rule.situation == situation]
        hits = [m.span() for rule in rules if rule.pattern for m in rule.pattern.finditer(reading.masked)]
        if not hits:
            return ""
        pieces = [(a, b) for a, b in self._pieces(reading) if not any(s < b and e > a for s, e in hits)]
        kept = [reading.text.words(a, b) for a, b in pieces]
        rest = ". ".join(words for words in kept if words)
        return rest if rest and self.book.read(rest).holds("subject") else ""

    def _subject_beside(self, reading: Reading, finding: Finding) -> bool:
        """Whether a real question stands beside the small talk."""
        start, end = finding.mention.start, finding.mention.end
        rest = [(a, b) for a, b in self._pieces(reading) if b <= start or a >= end]
        return any(self.book.read(reading.text.words(a, b)).holds("subject") for a, b in rest)


def _check_texts(book: Rulebook, texts: Texts) -> None:
    """A rule that names a text nobody wrote is a mistake to find at start, not in front of a visitor."""
    used = {(rule.id, key) for rule in book.rules for key in (rule.text, *rule.disclaimers, *rule.before) if key}
    used |= {("policy.toml: lead", key) for key in book.policy["lead"].values()}
    for where, key in sorted(used):
        if key not in texts:
            raise DataError(f"{where}: there is no text '{key}'. Add it to texts.toml or correct the name.")
