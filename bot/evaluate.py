"""A set to a run: every item is asked and judged.

The same ``Bot.ask`` that visitors get is asked, or a running server (``endpoint``). ``summary`` adds a run up,
``results`` writes it to files, ``compare`` holds two against each other, ``report`` shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bot.chunker import chunk
from bot.citing import Chosen, whole
from bot.config import Chunking
from bot.metrics import (
    OUTCOMES,
    RETRIEVAL,
    ErrorKind,
    Item,
    Outcome,
    error_kind,
    evidence,
    judge,
    judgements,
    retrieval,
    spoken,
    would_be_right,
)
from bot.schema import Article, Citation, Passage, Reply, Turn
from bot.support import citation_support, own_sentences

if TYPE_CHECKING:
    from bot.pipeline import Bot

Ask = Callable[[Item], Reply | None]
Progress = Callable[[str, int, int], None]
CITATIONS = ("citation recall", "citation precision", "evidence precision", "fact precision", "fact recall")
MEASURES = (*OUTCOMES, *RETRIEVAL, *CITATIONS)
HIGHER_IS_BETTER = frozenset(("right", *RETRIEVAL, *CITATIONS))


@dataclass(frozen=True, slots=True)
class Library:
    """What replies are judged against: the corpus' passages by id, and the operator's own sentences."""

    passages: Mapping[str, Passage]
    own: tuple[str, ...]
    places: Mapping[str, tuple[tuple[str, int], ...]]  # text of a sentence > (passage id, number), all of them

    @classmethod
    def of(cls, articles: Iterable[Article], chunking: Chunking, texts: Mapping[str, str]) -> Library:
        """Cut the articles as the index does."""
        passages = {p.id: p for a in articles for p in chunk(a, chunking)}
        places: dict[str, list[tuple[str, int]]] = {}
        for passage in passages.values():
            for number, sentence in enumerate(passage.sentences):
                places.setdefault(sentence.text, []).append((passage.id, number))
        return cls(passages, own_sentences(texts.values()), {k: tuple(v) for k, v in places.items()})

    def sentence(self, text: str, preferred: Sequence[str]) -> Chosen | None:
        """The sentence of that text, in the first of the preferred passages that has it."""
        order = {name: i for i, name in enumerate(preferred)}
        found = sorted(self.places.get(text, ()), key=lambda place: order.get(place[0], len(order)))
        if not found:
            return None
        passage, number = self.passages[found[0][0]], found[0][1]
        return Chosen(passage, number, passage.sentences[number], 0.0, {})

    def passage_of(self, citation: Citation) -> str:
        """The id of the passage a citation stands in; a name of its own where the corpus has none there."""
        for passage in self.passages.values():
            if passage.source_id == citation.source_id and passage.start <= citation.start < passage.end:
                return passage.id
        return f"{citation.source_id}@{citation.passage_start}"


@dataclass(frozen=True, slots=True)
class Result:
    """One item with its reply, judged. ``reply`` is None where nothing came back.

    ``measures`` hold what applies to the item, 0 to 1. ``ranking`` are passage ids, best first, and ``qrels``
    their judgements. ``would_be`` says whether the composed answer is right, given or not; None where that
    is not known or there is nothing to decide.
    """

    item: Item
    reply: Reply | None
    outcome: Outcome
    error: ErrorKind | None
    measures: Mapping[str, float] = field(default_factory=dict)
    ranking: tuple[str, ...] = ()
    qrels: Mapping[str, int] = field(default_factory=dict)
    would_be: bool | None = None

    @property
    def status(self) -> str:
        """The reply's status, or "none"."""
        return self.reply.status if self.reply else "none"

    @property
    def words(self) -> int:
        """Length of the answer text in words, markers left out."""
        return len(spoken(self.reply.answer).split()) if self.reply else 0


@dataclass(frozen=True, slots=True)
class Run:
    """Every item of a set with its result, in the order of the set.

    ``ranked`` says what the retrieval measures are of: the hits the bot explains, or, for a server that
    explains nothing, the passages it cites.
    """

    name: str
    sha256: str
    subject: str
    ranked: Literal["retrieved", "cited"]
    results: tuple[Result, ...]


def of_bot(bot: Bot) -> tuple[Ask, Library]:
    """Ask a bot in this process, and judge by its own articles."""

    def ask(item: Item) -> Reply:
        return bot.ask([Turn("user", text) for text in item.turns], explain=True)

    return ask, Library.of(bot.articles(), bot.config.chunking, bot.texts)


def results_of(
    items: Sequence[Item], ask: Ask, library: Library, progress: Progress = lambda step, done, total: None
) -> tuple[Result, ...]:
    """Ask and judge every item. An item without a reply is wrong; none is left out."""
    known: dict[object, dict[str, int]] = {}
    out = []
    for number, item in enumerate(items, 1):
        evidence_of = (item.expect, item.sources, item.facts)  # paraphrases share it
        if evidence_of not in known:
            known[evidence_of] = judgements(item, library.passages.values())
        out.append(_result(item, ask(item), known[evidence_of], library))
        progress("evaluate", number, len(items))
    return tuple(out)


def _result(item: Item, reply: Reply | None, qrels: Mapping[str, int], library: Library) -> Result:
    if reply is None:
        empty = {**(retrieval((), qrels) if qrels else {}), **evidence(item, ())}
        return Result(item, None, "wrong", "no reply", empty, qrels=qrels)
    ranking = _ranking(reply, library)
    measures = {**evidence(item, reply.citations), **citation_support(reply, library.own)}
    if qrels:
        measures |= retrieval(ranking, qrels)
    outcome = judge(item, reply)
    would_be = _would_be(item, reply, outcome, library)
    return Result(item, reply, outcome, error_kind(item, reply), measures, ranking, qrels, would_be)


def _ranking(reply: Reply, library: Library) -> tuple[str, ...]:
    """Passage ids, best first; the parts of a message take turns. Cited ones where no hits are told."""
    if reply.why is None:
        return tuple(dict.fromkeys(library.passage_of(c) for c in reply.citations))
    lists = [[hit["passage"] for hit in part["hits"]] for part in reply.why["parts"]]
    longest = max(map(len, lists), default=0)
    return tuple(dict.fromkeys(hits[i] for i in range(longest) for hits in lists if i < len(hits)))


def _would_be(item: Item, reply: Reply, outcome: Outcome, library: Library) -> bool | None:
    """Whether what the bot had composed is right, so that declining can be weighed too."""
    if item.expect not in ("answer", "abstain") or reply.status not in ("answered", "abstained", "clarify"):
        return None
    if reply.status == "answered":
        return item.expect == "answer" and outcome == "right"
    return None if reply.why is None else would_be_right(item, *composed(reply.why, library))


def composed(why: Mapping[str, Any], library: Library) -> tuple[str, list[str]]:
    """Text and articles of the sentences that were chosen, whatever was decided about them."""
    spans, sources = [], []
    for part in why["parts"]:
        hits = [hit["passage"] for hit in part["hits"]]
        for chosen in part["chosen"]:
            found = library.sentence(chosen["sentence"], hits)
            spans += [whole(found)] if found else []
            sources += [found.passage.source_id] if found else []
    return " ".join(spans), sources


def measure(result: Result, name: str) -> float | None:
    """One measure of one result; None where it does not apply to the item."""
    return float(result.outcome == name) if name in OUTCOMES else result.measures.get(name)


def group_of(item: Item) -> str:
    """What is resampled together: the item's group, or the item."""
    return f"group {item.group}" if item.group else f"item {item.id}"
