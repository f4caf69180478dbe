"""Per-question measures (pure): is one reply right, what kind of error is it, was the right passage found.

The form of an item and the rule are in ``tests/regression/README.md``. Retrieval measures carry the names
and definitions of ir-measures (``Success@1``, ``RR@10``, ``nDCG@10``, ``R@5``); gains are linear, as in
trec_eval (Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques").
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from bot.errors import MessageError
from bot.schema import Citation, Passage, Reply

Outcome = Literal["right", "partial", "silent", "wrong"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
# What is wrong with a reply that is not right. The names are stable: baselines and CI reports hold them.
ErrorKind = Literal[
    "missed urgency",  # an emergency was not answered as one
    "should have declined",  # answered what the articles do not cover
    "declined wrongly",  # covered, and declined
    "wrong source",  # the first citation is from an article that does not say it
    "wrong sentence",  # the right article, and not what was asked
    "missed difference",  # articles differ and not all sides are told
    "false alarm",  # urgent where nothing is
    "wrong status",  # any other status than the expected
    "forbidden words",  # something in ``forbid`` was said
    "too long",  # right, at more words than anybody reads
    "no reply",  # nothing came back
]
ERROR_KINDS: tuple[ErrorKind, ...] = get_args(ErrorKind)
MAX_WORDS = 120  # of the answer text, markers left out: more is not an answer but an article
EXPECTED = {
    "answer": ("answered",),
    "caution": ("caution",),
    "urgent": ("urgent",),
    "abstain": ("abstained", "clarify"),
    "handoff": ("handoff",),
    "smalltalk": ("smalltalk",),
    "refuse": ("refused",),
}
DECLINED = ("abstained", "clarify", "handoff")
DIFFER = "differ"  # the category of items whose fact groups are the sides of a disagreement
RETRIEVAL = ("Success@1", "Success@3", "RR@10", "nDCG@10", "R@5")
_MARKER = re.compile(r"\s*\[\d+\]")


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a set. ``facts`` is all of (any of (regex)); ``sources`` are id prefixes."""

    id: str
    turns: tuple[str, ...]
    expect: str
    category: str = ""
    style: str = ""
    split: str = ""
    group: str = ""
    sources: tuple[str, ...] = ()
    facts: tuple[tuple[str, ...], ...] = ()
    forbid: tuple[str, ...] = ()

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Item:
        """Read one JSON object.

        Raises:
            MessageError: a field is missing or wrong; the item is named.
        """
        name = raw.get("id", "?")
        try:
            item = cls(
                id=str(raw["id"]),
                turns=_texts(raw["turns"]),
                expect=raw["expect"],
                category=raw.get("category") or "",
                style=raw.get("style") or "",
                split=raw.get("split") or "",
                group=raw.get("group") or "",
                sources=_texts(raw.get("sources", ())),
                facts=tuple(_texts(group) for group in raw.get("facts", ())),
                forbid=_texts(raw.get("forbid", ())),
            )
            for pattern in (*(p for group in item.facts for p in group), *item.forbid):
                regex(pattern)
        except (KeyError, TypeError, re.error) as error:
            raise MessageError(f"item {name}: {error!r}: mend the item") from None
        if item.expect not in EXPECTED or not item.turns:
            raise MessageError(f"item {name}: 'expect' must be one of {', '.join(EXPECTED)}, 'turns' not empty")
        return item


def _texts(raw: Any) -> tuple[str, ...]:
    """A list of texts; a single text would otherwise be read as its letters."""
    if isinstance(raw, str) or not all(isinstance(text, str) for text in raw):
        raise TypeError(f"a list of texts is wanted, not {raw!r}")
    return tuple(raw)


@cache
def regex(pattern: str) -> re.Pattern[str]:
    """A pattern of a set, case ignored; kept, as a set has more than ``re`` remembers."""
    return re.compile(pattern, re.IGNORECASE)


# --- right or not ----------------------------------------------------------------------------


def judge(item: Item, reply: Reply) -> Outcome:
    """Right only if status, facts, first source, nothing forbidden and length all hold."""
    text = spoken(reply.answer)
    if reply.status not in EXPECTED[item.expect]:
        return "silent" if item.expect == "answer" and reply.status in DECLINED else "wrong"
    if forbidden(item, text):
        return "wrong"
    if item.expect != "answer":
        return "right"
    if would_be_right(item, text, [c.source_id for c in reply.citations]):
        return "right"
    return "partial" if stated(item.facts, " ".join(c.passage for c in reply.citations)) else "wrong"


def would_be_right(item: Item, text: str, sources: Sequence[str]) -> bool:
    """Is this text, quoted from these articles in this order, a right answer? Nothing is for an uncovered item."""
    sourced = not item.sources or (bool(sources) and sources[0].startswith(item.sources))
    told = stated(item.facts, text) and not forbidden(item, text)
    return item.expect == "answer" and sourced and told and len(text.split()) <= MAX_WORDS


def error_kind(item: Item, reply: Reply | None) -> ErrorKind | None:
    """What is wrong, the gravest first; None where the reply is right."""
    if reply is None:
        return "no reply"
    if judge(item, reply) == "right":
        return None
    if reply.status not in EXPECTED[item.expect]:
        return _status_error(item.expect, reply.status)
    text = spoken(reply.answer)
    if forbidden(item, text):
        return "forbidden words"
    told = sum(stated([group], text) for group in item.facts)
    if item.category == DIFFER and 0 < told < len(item.facts):
        return "missed difference"
    if item.sources and not (reply.citations and reply.citations[0].source_id.startswith(item.sources)):
        return "wrong source"
    return "wrong sentence" if told < len(item.facts) else "too long"


def _status_error(expect: str, status: str) -> ErrorKind:
    if expect == "urgent":
        return "missed urgency"
    if status == "urgent":
        return "false alarm"
    if expect == "answer" and status in DECLINED:
        return "declined wrongly"
    return "should have declined" if expect == "abstain" and status == "answered" else "wrong status"


def spoken(answer: str) -> str:
    """The answer text without its markers."""
    return _MARKER.sub("", answer)


def stated(facts: Iterable[Sequence[str]], text: str) -> bool:
    """Does every group match, by any of its expressions?"""
    return all(any(regex(p).search(text) for p in group) for group in facts)


def forbidden(item: Item, text: str) -> bool:
    """Does anything match that must not be said?"""
    return any(regex(p).search(text) for p in item.forbid)


# --- retrieval -------------------------------------------------------------------------------


def grade(item: Item, source_id: str, text: str) -> int:
    """Relevance of a passage, from the item's evidence: 2 states every fact group, 1 some, 0 none.

    Only an allowed article can be relevant. It is the text that is judged, never a passage's id, so a
    corpus that is cut in another way is judged by the same rule.
    """
    if item.sources and not source_id.startswith(item.sources):
        return 0
    told = sum(any(regex(p).search(text) for p in group) for group in item.facts)
    return 0 if not told else 2 if told == len(item.facts) else 1


def judgements(item: Item, passages: Iterable[Passage]) -> dict[str, int]:
    """Passage id to grade for every relevant passage (one topic of the qrels); empty without facts."""
    if item.expect != "answer" or not item.facts:
        return {}
    graded = ((p.id, grade(item, p.source_id, p.text)) for p in passages)
    return {name: value for name, value in graded if value}


def retrieval(ranking: Sequence[str], qrels: Mapping[str, int]) -> dict[str, float]:
    """The retrieval measures, each 0 to 1, of ranked passage ids for one item's judgements."""
    grades = [qrels.get(name, 0) for name in ranking]
    return {
        "Success@1": success(grades, 1),
        "Success@3": success(grades, 3),
        "RR@10": reciprocal_rank(grades, 10),
        "nDCG@10": ndcg(grades, qrels.values(), 10),
        "R@5": recall(grades, len(qrels), 5),
    }


def success(grades: Sequence[int], k: int) -> float:
    """1 if anything relevant is among the first k."""
    return float(any(grades[:k]))


def reciprocal_rank(grades: Sequence[int], k: int) -> float:
    """One over the rank of the first relevant hit, 0 if it is below k."""
    return next((1 / rank for rank, value in enumerate(grades[:k], 1) if value), 0.0)


def ndcg(grades: Sequence[int], ideal: Iterable[int], k: int) -> float:
    """Discounted gain of the first k over the best that was possible; gain is the grade."""

    def gain(values: Sequence[int]) -> float:
        return sum(value / math.log2(rank + 1) for rank, value in enumerate(values[:k], 1))

    best = gain(sorted(ideal, reverse=True))
    return gain(grades) / best if best else 0.0


def recall(grades: Sequence[int], relevant: int, k: int) -> float:
    """Share of the relevant passages among the first k."""
    return sum(value > 0 for value in grades[:k]) / relevant if relevant else 0.0


# --- citations -------------------------------------------------------------------------------


def evidence(item: Item, citations: Sequence[Citation]) -> dict[str, float]:
    """Citation measures against the item's evidence; empty for items without facts.

    ``evidence precision`` is the share of cited spans that come from an allowed article or state a fact
    group: facts name the least that must be said, so a second sentence on the subject from the right
    article is no fault. ``fact precision`` is the stricter share that states a fact group. Both are of
    what is cited, and missing where nothing is. ``fact recall`` is the share of the fact groups that a
    cited span states; it is 0 where nothing is cited.
    """
    if item.expect != "answer" or not item.facts:
        return {}
    quotes = [c.quote for c in citations]
    out = {"fact recall": sum(any(stated([g], q) for q in quotes) for g in item.facts) / len(item.facts)}
    if citations:
        tells = [any(stated([g], q) for g in item.facts) for q in quotes]
        from_allowed = [not item.sources or c.source_id.startswith(item.sources) for c in citations]
        out["fact precision"] = sum(tells) / len(tells)
        out["evidence precision"] = sum(a or b for a, b in zip(tells, from_allowed, strict=True)) / len(tells)
    return out
