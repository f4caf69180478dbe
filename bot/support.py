"""Is every sentence of an answer supported by what it cites, and is everything cited used? (pure)

After Gao et al. 2023, "Enabling Large Language Models to Generate Text with Citations": citation recall
asks of each sentence whether its citations support it, citation precision of each citation whether it is
needed. Here an answer consists of quotes, so support is not estimated but read: the sentence is the span.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bot.schema import Citation, Reply

_SEGMENT = re.compile(r"(?P<text>.*?)\s*(?P<markers>(?:\[\d+\]\s*)+)", re.DOTALL)
_END = re.compile(r"(?<=[.!?])[\"'”’)]*\s+")


def own_sentences(texts: Iterable[str]) -> tuple[str, ...]:
    """The sentences of the operator's texts, longest first: what the bot may say without a citation."""
    found = {_plain(s) for text in texts for s in _END.split(text)}
    return tuple(sorted((s for s in found if len(s.split()) > 2), key=lambda s: (-len(s), s)))


def citation_support(reply: Reply, own: Sequence[str]) -> dict[str, float]:
    """``citation recall`` and ``citation precision`` of one reply; empty where it neither answers nor cites.

    Recall: the share of the answer's sentences, the operator's ``own`` left out, that stand within the
    span of the marker that follows them. Precision: the share of the citations whose marker and quote
    are both in the answer.
    """
    if not reply.citations:
        return {"citation recall": 0.0} if reply.status == "answered" else {}
    by_number = {c.n: c for c in reply.citations}
    supported, unsupported, used, end = 0, 0, set(), 0
    for segment in _SEGMENT.finditer(reply.answer):
        end = segment.end()
        cited = [by_number[n] for n in map(int, re.findall(r"\d+", segment["markers"])) if n in by_number]
        text = _plain(segment["text"])
        for citation in cited:
            quote = _plain(citation.quote)
            if quote and quote in text:
                used.add(citation.n)
                supported += len(_END.split(quote))
                text = text.replace(quote, " ", 1)
        unsupported += _uncited(text, cited, own)
    unsupported += _uncited(_plain(reply.answer[end:]), (), own)
    told = supported + unsupported
    return {
        "citation recall": supported / told if told else 0.0,
        "citation precision": len(used) / len(reply.citations),
    }


def _uncited(text: str, cited: Iterable[Citation], own: Sequence[str]) -> int:
    """Whole sentences that are neither the operator's nor a part of what is cited; "X says:" is none."""
    quotes = [_plain(c.quote) for c in cited]
    for sentence in own if text.strip() else ():
        text = text.replace(sentence, " ")
    sentences = [s.strip() for s in _END.split(text)]
    whole = [s for s in sentences if s.rstrip("\"'”’)").endswith((".", "!", "?"))]
    return sum(not any(s in quote for quote in quotes) for s in whole)


def _plain(text: str) -> str:
    return " ".join(text.replace("•", " ").split())
