"""What is embedded and what is counted: the texts of a corpus, and what each row of the index stands for (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bot.language import stems, words
from bot.prototypes import examples, uncovered_questions
from bot.schema import Article, Passage

if TYPE_CHECKING:
    from bot.bank import Entry


@dataclass(frozen=True, slots=True)
class Rows:
    """Which vector belongs to what: one entry for each row of the dense index.

    ``kind`` is 0 for a passage with its headings, 1 for a heading or question wording, 2 for a
    sentence, 3 for a question known not to be covered, 4 for an example of ``prototypes``. ``passage``
    is the passage's number (-1 for kinds 3 and 4), ``item`` the text's number in it. Shapes ``(n,)``.
    """

    kind: NDArray[np.int64]
    passage: NDArray[np.int64]
    item: NDArray[np.int64]


BODY, QUESTION, SENTENCE, UNCOVERED, EXAMPLE, ASKED = range(6)
ASIDE = (UNCOVERED, EXAMPLE, ASKED)  # of no passage; they come last


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
    aside = [(UNCOVERED, q) for q in uncovered_questions()] + [(EXAMPLE, text) for _, text in examples()]
    entries.extend((kind, -1, position) for position, (kind, _) in enumerate(aside))
    texts.extend(text for _, text in aside)
    asked = [(number, ask) for number, entry in enumerate(bank) for ask in entry.asks]
    entries.extend((ASKED, -1, number) for number, _ in asked)
    texts.extend(text for _, text in asked)
    table = np.asarray(entries, dtype=np.int64).reshape(-1, 3)
    return Rows(table[:, 0], table[:, 1], table[:, 2]), texts


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
