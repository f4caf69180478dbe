"""Build the Reply of each status from what the steps found (pure)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.abstention import Decision
from bot.answer import Composer
from bot.citing import Chosen, cite, length
from bot.output_check import OutputCheck
from bot.render import date_text
from bot.retriever import Found
from bot.rewrite import Query
from bot.safety import Verdict
from bot.schema import Article, Differ, Hit, Reply, Status
from bot.teaching import Taught
from bot.texts import Texts

log = logging.getLogger(__name__)

SUGGESTIONS = 3  # as many as a phone shows without scrolling


@dataclass(frozen=True, slots=True)
class Part:
    """One question of a message with everything found for it."""

    query: Query
    found: Found
    chosen: tuple[Chosen, ...]
    decision: Decision
    taught: Taught | None = None


def words_quoted(parts: Sequence[Part]) -> int:
    """Words of what the parts quote together."""
    return length([chosen for part in parts for chosen in part.chosen])


def as_taught(part: Part, taught: Taught) -> Part:
    """The part as a person decided it: quoted from the passage, the clinic's own answer, or none."""
    if taught.lesson.kind == "never":
        return replace(part, taught=taught, decision=_taught_decision(False, 0.0))
    if taught.lesson.kind == "wording":
        named = any(chosen.passage.id == taught.first for chosen in part.chosen)
        sure = max(part.decision.confidence, taught.similarity)
        return replace(part, taught=taught, decision=_taught_decision(True, sure)) if named else part
    cited = tuple(
        Chosen(passage, number, passage.sentences[number], 0.0, {})
        for passage, numbers in taught.passages
        for number in numbers
    )
    return replace(part, taught=taught, chosen=cited, decision=_taught_decision(True, 1.0))


def _taught_decision(answer: bool, confidence: float) -> Decision:
    return Decision(answer, confidence, "taught", {})


class Replies:
    """One method a status; texts come from data, sentences from articles.

    ``given`` are the texts that earlier replies of the conversation already gave.
    """

    def __init__(self, texts: Texts, articles: Mapping[str, Article], composer: Composer, output: OutputCheck) -> None:
        self._texts = texts
        self._articles = articles
        self._composer = composer
        self._output = output

    def plain(self, verdict: Verdict) -> Reply:
        """A reply without articles: urgent, handoff, refused, smalltalk."""
        assert verdict.status is not None
        return Reply(verdict.status, verdict.lead, disclaimers=verdict.disclaimers, confidence=1.0)

    def text(self, key: str) -> Reply:
        """A reply of one text, such as that the message is too long."""
        return Reply("abstained", self._texts[key])

    def answered(self, parts: Sequence[Part], verdict: Verdict, given: frozenset[str]) -> Reply:
        """The covered parts answered; the rest said to be missing."""
        covered = [p for p in parts if p.decision.answer]
        lines = [self._texts["partly_covered"]] if len(covered) < len(parts) else []
        lines += [verdict.lead] if verdict.lead else []
        reply = self._body(covered, verdict, given, lines)
        return reply.with_(
            status="answered",
            suggestions=_suggestions(parts, reply.citations),
            confidence=min(p.decision.confidence for p in covered),
            lesson=_lesson(parts),
        )

    def caution(self, parts: Sequence[Part], verdict: Verdict, given: frozenset[str]) -> Reply:
        """That the bot can't decide, what must be said before a quote, and what the articles say."""
        quoted = [p for p in parts if p.chosen]
        lines = [verdict.lead, *(verdict.before_quotes if quoted or verdict.searches else ())]
        if not quoted and verdict.searches:
            lines.append(self._texts["not_mentioned"])
        return self._body(quoted, verdict, given, lines).with_(status="caution", confidence=1.0)

    def handoff(self, parts: Sequence[Part], verdict: Verdict, given: frozenset[str]) -> Reply:
        """Whom to ask, and what the articles say on the question beside it."""
        covered = [p for p in parts if p.decision.answer]
        if not covered:
            return Reply("handoff", verdict.lead, confidence=1.0, lesson=_lesson(parts))
        reply = self._body(covered, verdict, given, [verdict.lead])
        return reply.with_(status="handoff", confidence=1.0, lesson=_lesson(parts))

    def abstained(self, parts: Sequence[Part], verdict: Verdict) -> Reply:
        """That the articles don't cover it, with the nearest questions they do cover."""
        confidence = max((p.decision.confidence for p in parts), default=0.0)
        near = _suggestions(parts, ())
        answer = " ".join(t for t in (verdict.lead, self._texts["abstained"]) if t)
        return Reply("abstained", answer, suggestions=near, confidence=confidence)

    def unclear(self, parts: Sequence[Part], verdict: Verdict) -> Reply | None:
        """One short question with choices, where a message is too short to tell what is meant; else None."""
        choices = _suggestions(parts, ())
        if verdict.lead or len(parts) != 1 or not parts[0].decision.unclear or len(choices) < 2:
            return None
        return Reply("clarify", self._texts["clarify"], suggestions=choices, confidence=parts[0].decision.confidence)

    def checked(self, reply: Reply) -> Reply:
        """The reply, or the neutral one where it breaks a rule of the output check."""
        fault = self._output.fault(reply, self._articles)
        if not fault:
            return reply
        log.error("output check: reply not given: %s", fault)  # the rule, never the text
        status: Status = "urgent" if reply.status == "urgent" else "handoff"
        disclaimers = (self._texts["disclaimer_urgent"],) if status == "urgent" else ()
        return Reply(status, self._texts["failsafe"], disclaimers=disclaimers)

    def _body(self, parts: Sequence[Part], verdict: Verdict, given: frozenset[str], lines: Sequence[str]) -> Reply:
        """Our lines, the chosen sentences with what stands beside them, their citations and disclaimers.

        A sentence that answers several questions of the message is quoted once.
        """
        citations, numbers = cite([chosen for part in parts for chosen in part.chosen], self._articles)
        differ: dict[Differ, None] = {}
        for part in parts:
            own, numbers = numbers[: len(part.chosen)], numbers[len(part.chosen) :]
            differ.update(dict.fromkeys(self._composer.differ(part.query, part.chosen, own)))
        reply = Reply("answered", "", citations, tuple(differ))
        lines = [*lines, *(self._own(p.taught) for p in parts if p.taught and p.taught.lesson.kind == "answer")]
        lead = " ".join([*lines, self._texts["differ_lead"]] if reply.differ else lines)
        body, left = self._output.woven(reply.citations, lead, verdict.disclaimers, given)
        answer = f"{lead} {body}".strip()
        return reply.with_(answer=answer, disclaimers=self._disclaimers((*verdict.disclaimers, *left), answer, given))

    def _own(self, taught: Taught) -> str:
        """The clinic's own answer, told apart from what articles say."""
        return f"{self._texts['own_answer']} {date_text(taught.lesson.at[:10])}: {taught.lesson.text}"

    def _disclaimers(self, every: Sequence[str], answer: str, given: frozenset[str]) -> tuple[str, ...]:
        """The general one first, in short where it was given, and what nobody has said yet."""
        general = self._texts["disclaimer_general"]
        first = self._texts["disclaimer_general_short"] if general in given else general
        others = (d for d in every if d != general and d not in answer and d not in given)
        return tuple(dict.fromkeys((first, *others)))


def _lesson(parts: Sequence[Part]) -> int | None:
    """The lesson that decided a reply, the first of several."""
    return next((p.taught.lesson.id for p in parts if p.taught), None)


def _suggestions(parts: Sequence[Part], citations: Sequence[Any]) -> tuple[str, ...]:
    """Headings of good hits that were not quoted: questions the corpus can answer."""
    shown = {c.section for c in citations}
    out: dict[str, None] = {}
    for part in parts:
        for hit in part.found.hits:
            if hit.passage.heading.endswith("?") and hit.passage.heading not in shown:
                out[hit.passage.heading] = None
    return tuple(out)[:SUGGESTIONS]


def explanation(verdict: Verdict, parts: Sequence[Part]) -> dict[str, Any]:
    """What ``--explain`` shows: safety rules, query forms, hits, chosen sentences, the decision's signals."""
    return {
        "safety": {
            "status": verdict.status,
            "labels": [
                {name: getattr(x, name) for name in ("situation", "concept", "polarity", "rule", "words")}
                for x in verdict.labels
            ],
        },
        "parts": [
            {
                "query": _plain_query(p.query),
                "hits": [_plain_hit(h) for h in p.found.hits[:10]],
                "chosen": [
                    {**_rounded({"score": c.score, **c.parts}), "passage": c.passage.id, "sentence": c.sentence.text}
                    for c in p.chosen
                ],
                "decision": {
                    "answer": p.decision.answer,
                    "confidence": round(p.decision.confidence, 4),
                    "reason": p.decision.reason,
                    "signals": _rounded(p.decision.signals),
                },
            }
            for p in parts
        ],
    }


def _plain_query(query: Query) -> dict[str, Any]:
    return {
        "text": query.text,
        "asked": query.asked,
        "facets": list(query.facets),
        "concepts": sorted(query.concepts),
        "soft": sorted(query.soft),
        "unknown": list(query.unknown),
        "context": query.context,
    }


def _plain_hit(hit: Hit) -> dict[str, Any]:
    return {"passage": hit.passage.id, "heading": hit.passage.heading, **_rounded({"score": hit.score, **hit.parts})}


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {k: round(v, 4) for k, v in values.items()}
