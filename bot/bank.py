"""What people ask about any treatment, laid beside articles that list no other wordings (``data/bank.toml``).

An entry holds wordings of one question, and statements as an article might answer it. The encoder compares a
statement with a statement far better than with a question, so an entry finds the sentences that answer it by
its statements, and lends them its wordings. An entry that finds none is a question known not to be covered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bot import forms
from bot.dense import Matrix
from bot.errors import DataError
from bot.facets import Facets, ValueKind
from bot.language import quotable, read_toml
from bot.lexicon import Lexicon
from bot.rows import ASKED, Rows
from bot.schema import TURNS, Article, Passage, Sentence
from bot.stores import Vectors
from bot.values import values

if TYPE_CHECKING:
    from bot.encoder import Embeds
    from bot.nearness import Near

Numbers = NDArray[np.int64]
Scores = NDArray[np.float64]
Progress = Callable[[str, int, int], None]
HEADED = 0.03  # a sentence is also read with its heading before it, at this discount: headings are alike
HEADING_SHARE = 0.25  # of the likeness of the heading to the entry's wordings
ASKED_SHARE = 0.25  # of the likeness of the sentence to them
NEAREST = 3  # wordings that tell how like a heading is
ENOUGH = 0.7  # likeness from which a sentence answers an entry, where its concepts do not tell already
ENOUGH_NAMED = 0.55  # the same where the entry needs a concept or a facet, and the sentence has it
FEWEST = 0.5  # of the entries must find a sentence, or the articles are about something else


@dataclass(frozen=True, slots=True)
class Entry:
    """One question: its wordings, statements that answer it, and what a sentence must hold beside likeness."""

    id: str
    says: tuple[str, ...]
    asks: tuple[str, ...]
    needs: frozenset[str]
    facet: str
    talks: tuple[str, ...] = ()  # conversations of which the last message asks it
    value: ValueKind | Literal[""] = ""  # kind of value that a sentence must give, beside that of the facet


def entries(data: Mapping[str, Any] | None = None) -> tuple[Entry, ...]:
    """Read ``data/bank.toml``, or entries of the same form.

    Raises:
        DataError: an entry lacks statements or wordings, or names what the lexicon or the facets do not know.
    """
    raw = read_toml("bank.toml") if data is None else data
    lexicon, facets = Lexicon.load(), Facets.load()
    return tuple(_entry(name, fields, lexicon, facets) for name, fields in raw.items())


def _entry(name: str, raw: Mapping[str, Any], lexicon: Lexicon, facets: Facets) -> Entry:
    asks = tuple(line.strip() for line in raw.get("asks", "").splitlines() if line.strip())
    says, needs = tuple(raw.get("says", ())), frozenset(raw.get("needs", ()))
    facet, value = raw.get("facet", ""), raw.get("value", "")
    unknown = sorted({*(set(raw) - {"says", "asks", "needs", "facet", "value"}), *(needs - set(lexicon.say))})
    unknown += [
        name for name, known in ((facet, facets.by_id), (value, get_args(ValueKind))) if name and name not in known
    ]
    if unknown or not says or not asks:
        what = f"unknown {', '.join(unknown)}" if unknown else "give 'says' and 'asks'"
        raise DataError(f"bank.toml: [{name}]: {what}")
    alone = tuple(ask for ask in asks if TURNS not in ask)
    return Entry(name, says, alone, needs, facet, tuple(ask for ask in asks if TURNS in ask), value)


@dataclass(frozen=True, slots=True)
class Laying:
    """How many sentences an entry may find."""

    most: int
    below_best: float  # sentences this far below the best of an entry are about something else


# Of 186 entries beside five articles that were labelled by hand, the general encoder finds a right sentence first
# for 79%, and 65% of all it finds are right. Fitted to those pairs it tells better: 92%, and 78% of more of them (when
# the best sentence was taken however unlike it was, which 35 entries that came later are worse for).
FIRST = Laying(most=4, below_best=0.3)
AGAIN = Laying(most=8, below_best=0.4)


@dataclass(frozen=True, slots=True)
class Lent:
    """Which sentences answer which entries, one item a pair, each of shape ``(pairs,)``.

    ``fit`` is 1 for an entry's best sentence, less for the others.
    """

    entry: Numbers
    passage: Numbers
    sentence: Numbers
    fit: Matrix

    @classmethod
    def none(cls) -> Lent:
        """For a corpus with wordings of its own."""
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, empty, empty, np.zeros(0, dtype=np.float32))

    def __len__(self) -> int:
        return len(self.entry)

    def save(self, path: Path) -> None:
        """Write one file."""
        np.save(path, np.stack([self.entry, self.passage, self.sentence, self.fit]), allow_pickle=False)

    @classmethod
    def load(cls, path: Path) -> Lent:
        """Read what ``save`` wrote; ``index`` has checked the file."""
        table = np.load(path, allow_pickle=False)
        entry, passage, sentence = table[:3].astype(np.int64)
        return cls(entry, passage, sentence, table[3].astype(np.float32))


def lend(
    passages: Sequence[Passage],
    articles: Sequence[Article],
    encoder: Embeds,
    bank: Sequence[Entry],
    say: Progress | None = None,
    laying: Laying = FIRST,
) -> Lent:
    """Lay every entry beside the sentences of a corpus. None where most of it is about other things than the bank.

    ``laying`` is ``AGAIN`` for an encoder that was fitted to the ``lessons`` of a first one.
    """
    if not bank:
        return Lent.none()
    lexicon, facets = Lexicon.load(), Facets.load()
    titles = {a.source_id: a.title for a in articles}
    places = [(n, i) for n, p in enumerate(passages) for i in range(len(p.sentences))]
    likeness = _likeness(passages, titles, places, bank, encoder, say)
    pairs: list[tuple[int, int, int, float]] = []
    for number, (entry, row) in enumerate(zip(bank, likeness, strict=True)):
        able = [k for k, (n, i) in enumerate(places) if _able(entry, passages[n], i, lexicon, facets)]
        able.sort(key=lambda k: -row[k])
        best = row[able[0]] if able else 0.0
        least = max(ENOUGH_NAMED if entry.needs or entry.facet else ENOUGH, best - laying.below_best)
        found = [k for k in able[: laying.most] if row[k] >= least]
        pairs.extend((number, *places[k], 1 + (row[k] - best)) for k in found)  # 1 to the last bit of the best
    if len({number for number, *_ in pairs}) < FEWEST * len(bank):
        return Lent.none()
    table = np.asarray(pairs, dtype=np.float64).reshape(-1, 4)
    entry_, passage, sentence = table[:, :3].T.astype(np.int64)
    return Lent(entry_, passage, sentence, table[:, 3].astype(np.float32))


def _likeness(
    passages: Sequence[Passage],
    titles: Mapping[str, str],
    places: Sequence[tuple[int, int]],
    bank: Sequence[Entry],
    encoder: Embeds,
    say: Progress | None,
) -> Matrix:
    """How like each sentence is to what each entry says and asks, shape ``(entries, sentences)``."""
    headings = [passages[n].heading or titles[passages[n].source_id] for n, _ in places]
    sentences = [passages[n].sentences[i].text for n, i in places]
    both = [f"{h} {s}" for h, s in zip(headings, sentences, strict=True)]
    texts = list(dict.fromkeys([*headings, *sentences, *both, *(t for e in bank for t in (*e.says, *e.asks))]))
    row_of = {text: row for row, text in enumerate(texts)}
    vectors = forms.encode(encoder, texts, say or (lambda step, done, total: None))
    heading, alone, headed = (vectors[[row_of[t] for t in group]] for group in (headings, sentences, both))
    out = np.zeros((len(bank), len(places)), dtype=np.float32)
    for row, entry in zip(out, bank, strict=True):
        says, asks = (vectors[[row_of[t] for t in group]] for group in (entry.says, entry.asks))
        centre = asks.mean(axis=0)
        row += np.maximum((alone @ says.T).max(axis=1), (headed @ says.T).max(axis=1) - HEADED)
        row += HEADING_SHARE * np.sort(heading @ asks.T, axis=1)[:, -NEAREST:].mean(axis=1)
        row += ASKED_SHARE * (alone @ centre) / np.linalg.norm(centre)
    return out


def _able(entry: Entry, passage: Passage, number: int, lexicon: Lexicon, facets: Facets) -> bool:
    """Whether a sentence can answer an entry at all: it states, names what is asked and gives a value of its kind."""
    sentence = passage.sentences[number]
    if not quotable(sentence.text):
        return False
    before = passage.sentences[number - 1].text if sentence.leans and number else ""
    if entry.needs and not entry.needs & lexicon.concepts(f"{before} {sentence.text}"):
        return False
    if entry.value and not values(sentence.text, entry.value):
        return False
    if not entry.facet:
        return True
    facet = facets[entry.facet]
    valued = facet.value in ("none", "list") or bool(values(sentence.text, facet.value))
    return valued and facet.answered(sentence.text)


def lessons(bank: Sequence[Entry], lent: Lent, passages: Sequence[Passage]) -> Iterator[Passage]:
    """The entries as passages that the encoder can be adapted to: wordings, and the sentences that answer them."""
    for number, entry in enumerate(bank):
        own = np.flatnonzero(lent.entry == number)
        texts = [passages[lent.passage[k]].sentences[lent.sentence[k]].text for k in own]
        sentences = tuple(Sentence(0, 0, text) for text in (*texts, *entry.says))
        yield Passage(entry.id, entry.id, 0, 0, sentences[0].text, (), entry.asks, sentences, entry.talks)


class Bank:
    """A question laid beside the entries, and what that tells of passages and sentences."""

    def __init__(self, lent: Lent, dense: Vectors, rows: Rows, passages: Sequence[Passage]) -> None:
        order = np.lexsort((lent.sentence, lent.passage))
        self._entry, self._passage, self._fit = lent.entry[order], lent.passage[order], lent.fit[order]
        sentence = lent.sentence[order]
        own = np.stack([self._passage, sentence], axis=1)
        self._starts = np.flatnonzero(np.r_[True, (own[1:] != own[:-1]).any(axis=1)]) if len(own) else sentence
        self._names = [(passages[self._passage[k]].id, int(sentence[k])) for k in self._starts]
        self._dense, self._count = dense, len(passages)
        self._rows = np.flatnonzero(rows.kind == ASKED)
        self.asked = items = rows.item[self._rows]
        self._edges = np.flatnonzero(np.r_[True, items[1:] != items[:-1]])
        self._homeless = np.setdiff1d(items, lent.entry)

    def similarity(self, vector: Matrix) -> Matrix:
        """The cosine of every wording, whose entries are ``asked``."""
        return self._dense.similarity(vector, self._rows)

    def nearest(self, similarity: Matrix) -> Scores:
        """The cosine of the nearest wording of each entry, shape ``(entries,)``."""
        return np.maximum(np.maximum.reduceat(similarity, self._edges), 0.0).astype(np.float64)

    def passages(self, scores: Scores) -> Scores:
        """The best of what each passage's entries score, shape ``(passages,)``; 0 where it has none."""
        out = np.zeros(self._count)
        np.maximum.at(out, self._passage, scores[self._entry] * self._fit)
        return out

    def sentences(self, scores: Scores) -> dict[tuple[str, int], float]:
        """The same by passage id and sentence number; those without an entry are left out."""
        if not self._names:
            return {}
        best = np.maximum.reduceat(scores[self._entry] * self._fit, self._starts)
        return dict(zip(self._names, best.tolist(), strict=True))

    def beside(self, scores: Scores) -> float:
        """The best score of an entry that no sentence answers."""
        return float(scores[self._homeless].max(initial=0.0))

    def lay(self, near: Near, numbers: Numbers, similarity: Matrix) -> Near:
        """``near``, of passages of these numbers, with what the entries tell of them added to it."""
        cosines = self.nearest(similarity)
        lent = self.sentences(cosines)
        return replace(
            near,
            question=np.maximum(near.question, self.passages(cosines)[numbers]),
            asked={name: max(cosine, lent.get(name, 0.0)) for name, cosine in near.asked.items()},
            contrast=max(near.contrast, self.beside(cosines)),
            neighbours=np.maximum(near.neighbours, self.passages(near.entries)[numbers]),
            beside=near.beside + float(near.entries[self._homeless].sum()),
        )
