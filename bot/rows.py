"""What is embedded and what is counted: the texts of a corpus, and what each row of the index stands for (pure)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bot.language import stems, words
from bot.prototypes import examples, uncovered_conversations, uncovered_questions
from bot.schema import Article, Passage, joined, parted

if TYPE_CHECKING:
    from bot.bank import Entry


@dataclass(frozen=True, slots=True)
class Rows:
    """Which vector belongs to what: one entry for each row of the dense index.

    ``kind`` is 0 for a passage with its headings, 1 for a heading or question wording, 2 for a
    sentence, 3 for a question known not to be covered, 4 for an example of ``prototypes``, 5 for a wording
    of ``bank``, 6 for the last message of a conversation, 7, in the row after it, for all of that conversation,
    and 8 for a wording (kind 1, the same item) said after another one.
    ``passage`` is the passage's number (-1 for none), ``item`` the text's number in it; of what is ``bank``'s
    the entry's. Shapes ``(n,)``.
    """

    kind: NDArray[np.int64]
    passage: NDArray[np.int64]
    item: NDArray[np.int64]

    def only(self, kept: NDArray[np.bool_]) -> Rows:
        """The rows of a mask of shape ``(n,)``."""
        return Rows(self.kind[kept], self.passage[kept], self.item[kept])


BODY, QUESTION, SENTENCE, UNCOVERED, EXAMPLE, ASKED, LAST, WHOLE, STRAY = range(9)
STRAY_SHARE = 3  # about every 3rd wording is also said after another one: a new subject counts, whatever came before
MOST_SEARCHED = 60  # wordings of a passage; with half of 15,000 the same questions are answered, in less time


def asked(rows: Rows) -> NDArray[np.bool_]:
    """Which rows are of what people say, not of the articles: all that is learned from."""
    return ~np.isin(rows.kind, (BODY, SENTENCE))


def searched(rows: Rows) -> NDArray[np.bool_]:
    """Which rows a question is compared with, shape ``(n,)``: of a passage with many wordings every second, or fewer.

    The classifiers learn from all of them, and from conversations, of which only last messages are compared: to tell
    the status of a later one.
    """
    kept = ~np.isin(rows.kind, (WHOLE, STRAY))
    wordings = np.flatnonzero(rows.kind == QUESTION)  # those of a passage stand together, in order
    _, starts, counts = np.unique(rows.passage[wordings], return_index=True, return_counts=True)
    many = counts > MOST_SEARCHED
    for start, count in zip(starts[many].tolist(), counts[many].tolist(), strict=True):
        own = wordings[start : start + count]
        kept[own] = False
        kept[own[:: -(-count // MOST_SEARCHED)]] = True
    return kept


def asked_for(rows: Rows, vectors: Callable[[NDArray[np.int64]], NDArray[np.float32]]) -> NDArray[np.int64]:
    """For each row of a passage the number of the sentence it is, or that is nearest to what it asks; else 0.

    ``vectors`` gives the embeddings of rows. Shape ``(n,)``.
    """
    out = np.where(rows.kind == SENTENCE, rows.item, 0)
    compared = np.flatnonzero(np.isin(rows.kind, (QUESTION, LAST, SENTENCE)) & (rows.passage >= 0))
    order = compared[np.argsort(rows.passage[compared], kind="stable")]
    for own in np.split(order, np.flatnonzero(np.diff(rows.passage[order])) + 1):
        quoted = rows.kind[own] == SENTENCE
        asking, sentences = own[~quoted], own[quoted]
        if len(sentences):
            out[asking] = rows.item[sentences[(vectors(asking) @ vectors(sentences).T).argmax(axis=1)]]
    return out


def rows_of(
    passages: Sequence[Passage], articles: Sequence[Article], bank: Sequence[Entry] = ()
) -> tuple[Rows, list[str]]:
    """Every text that is embedded, and what each row stands for."""
    titles = {a.source_id: a.title for a in articles}
    entries: list[tuple[int, int, int]] = []
    texts: list[str] = []
    for number, passage in enumerate(passages):
        entries.append((BODY, number, 0))
        texts.append(" ".join([passage.heading or titles[passage.source_id], passage.text]))
        wordings = [passage.heading or titles[passage.source_id], *passage.questions]
        for position, wording in enumerate(wordings):
            entries.append((QUESTION, number, position))
            texts.append(wording)
        for position, sentence in enumerate(passage.sentences):
            entries.append((SENTENCE, number, position))
            texts.append(sentence.text)
    own = [(number, 0, talk) for number, p in enumerate(passages) for talk in p.conversations]
    lent = [(-1, number, talk) for number, entry in enumerate(bank) for talk in entry.talks]
    if talks := own + lent:  # with a contrast to conversations that are covered, and to those that are about one thing
        talks += [(-1, -1, talk) for talk in uncovered_conversations()]
        for number, item, talk in talks:
            earlier, last = parted(talk)
            entries.extend([(LAST, number, item), (WHOLE, number, item)])
            texts.extend([last, joined(earlier, last)])
        for entry, text in _strays(entries, texts):
            entries.append(entry)
            texts.append(text)
    aside = [(UNCOVERED, q) for q in uncovered_questions()] + [(EXAMPLE, text) for _, text in examples()]
    entries.extend((kind, -1, position) for position, (kind, _) in enumerate(aside))
    texts.extend(text for _, text in aside)
    asked = [(number, ask) for number, entry in enumerate(bank) for ask in entry.asks]
    entries.extend((ASKED, -1, number) for number, _ in asked)
    texts.extend(text for _, text in asked)
    table = np.asarray(entries, dtype=np.int64).reshape(-1, 3)
    return Rows(table[:, 0], table[:, 1], table[:, 2]), texts


def _strays(entries: Sequence[tuple[int, int, int]], texts: Sequence[str]) -> list[tuple[tuple[int, int, int], str]]:
    """Wordings after another one that has nothing to do with them: what was said before says nothing then.

    Which ones follows from their own words, so that a new wording changes two pairs at most.
    """
    marks = {n: sha256(texts[n].encode()).digest() for n, (kind, _, _) in enumerate(entries) if kind == QUESTION}
    order = sorted(marks, key=lambda n: (marks[n], n))
    return [
        ((STRAY, *entries[place][1:]), joined(texts[other], texts[place]))
        for other, place in zip([*order[-1:], *order[:-1]], order, strict=True)
        if marks[place][-1] % STRAY_SHARE == 0
    ]


def question_terms(text: str) -> list[str]:
    """Terms of the question field: every word counts ("how often"), stemmed."""
    return [*words(text), *stems(text)]


def sparse_documents(
    passages: Sequence[Passage], articles: Sequence[Article]
) -> tuple[list[list[str]], list[list[str]]]:
    """Terms of the two BM25 fields: question wordings with every word, and headings with text stemmed."""
    titles = {a.source_id: a.title for a in articles}
    questions = [question_terms(" ".join([p.heading or titles[p.source_id], *p.questions])) for p in passages]
    bodies = [stems(" ".join([*p.heading_path, *p.questions, p.text])) for p in passages]
    return questions, bodies
