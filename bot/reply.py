"""Build the Reply of each status from what the steps found (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.abstention import Decision
from bot.answer import Chosen, Composer, cite
from bot.errors import BotError
from bot.retriever import Found
from bot.rewrite import Query
from bot.safety import Verdict
from bot.schema import Article, Differ, Hit, Reply
from bot.texts import Texts

SUGGESTIONS = 3  # as many as a phone shows without scrolling


@dataclass(frozen=True, slots=True)
class Part:
    """One question of a message with everything found for it."""

    query: Query
    found: Found
    chosen: tuple[Chosen, ...]
    decision: Decision


class Replies:
    """One method a status; texts come from data, sentences from articles."""

    def __init__(self, texts: Texts, articles: Mapping[str, Article], composer: Composer) -> None:
        self._texts = texts
        self._articles = articles
        self._composer = composer

    def plain(self, verdict: Verdict) -> Reply:
        """A reply without articles: urgent, handoff, refused, smalltalk."""
        assert verdict.status is not None
        return Reply(verdict.status, verdict.lead, disclaimers=verdict.disclaimers, confidence=1.0)

    def text(self, key: str) -> Reply:
        """A reply of one text, such as that the message is too long."""
        return Reply("abstained", self._texts[key])

    def answered(self, parts: Sequence[Part], verdict: Verdict) -> Reply:
        """The covered parts answered; the rest said to be missing."""
        covered = [p for p in parts if p.decision.answer]
        body, reply = self._body(covered)
        lines = [self._texts["partly_covered"]] if len(covered) < len(parts) else []
        lines += [verdict.lead] if verdict.lead else []
        lines += [self._texts["differ_lead"]] if reply.differ else []
        return reply.with_(
            status="answered",
            answer=" ".join([*lines, body]),
            disclaimers=self._disclaimers(verdict),
            suggestions=_suggestions(parts, reply.citations),
            confidence=min(p.decision.confidence for p in covered),
        )

    def caution(self, parts: Sequence[Part], verdict: Verdict) -> Reply:
        """That the bot can't decide, what must be said before a quote, and what the articles say."""
        quoted = [p for p in parts if p.chosen]
        body, reply = self._body(quoted)
        if not quoted and verdict.searches:
            body = self._texts["not_mentioned"]
        before = verdict.before_quotes if quoted else ()
        return reply.with_(
            status="caution",
            answer=" ".join(t for t in (verdict.lead, *before, body) if t),
            disclaimers=self._disclaimers(verdict, said=" ".join([verdict.lead, *before])),
            confidence=1.0,
        )

    def abstained(self, parts: Sequence[Part], verdict: Verdict) -> Reply:
        """That the articles don't cover it, with the nearest questions they do cover."""
        confidence = max((p.decision.confidence for p in parts), default=0.0)
        near = _suggestions(parts, ())
        return Reply("abstained", self._texts["abstained"], suggestions=near, confidence=confidence)

    def _body(self, parts: Sequence[Part]) -> tuple[str, Reply]:
        """Text and citations of the chosen sentences, the differing values beside them."""
        texts: list[str] = []
        reply = Reply("answered", "")
        for part in parts:
            text, citations, numbers = cite(part.chosen, self._articles, len(reply.citations) + 1)
            texts.append(text)
            differ: tuple[Differ, ...] = self._composer.differ(part.query, part.chosen, numbers)
            reply = reply.with_(citations=reply.citations + citations, differ=reply.differ + differ)
        for citation in reply.citations:
            article = self._articles[citation.source_id]
            if article.text[citation.start : citation.end] != citation.quote:
                raise BotError(f"a quote of {citation.source_id} is not its span: run 'python -m bot build'")
        return " ".join(texts), reply

    def _disclaimers(self, verdict: Verdict, said: str = "") -> tuple[str, ...]:
        every = (*verdict.disclaimers, self._texts["disclaimer_general"])
        return tuple(dict.fromkeys(d for d in every if d not in said))


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
                "hits": [_plain_hit(h) for h in p.found.hits[:5]],
                "chosen": [
                    {"passage": c.passage.id, "sentence": c.sentence.text, **_rounded({"score": c.score, **c.parts})}
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
