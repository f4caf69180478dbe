"""An encoder that is a pure function of its text, and an index built in memory with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from bot.bank import Entry, Lent
from bot.chunker import chunk
from bot.classify import Learned
from bot.config import Chunking
from bot.dense import Dense
from bot.encoder import Encoder, Matrix
from bot.index import Index, plain_texts
from bot.language import words
from bot.rows import rows_of, sparse_documents
from bot.schema import Article, Block, BlockKind
from bot.sparse import Sparse

WIDTH = 64


class FakeEncoder:
    """Each word lights one of 64 places, found by its hash; texts that share words are similar."""

    identity = "fake"

    def encode(self, texts: Sequence[str], progress: Callable[[str, int, int], None] | None = None) -> Matrix:
        """See ``Encoder.encode``."""
        out = np.zeros((len(texts), WIDTH), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in words(text) or [""]:
                out[row, hashlib.sha256(word.encode()).digest()[0] % WIDTH] += 1
        return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True), dtype=np.float32)

    def vocabulary(self) -> frozenset[str]:
        """See ``Encoder.vocabulary``."""
        return frozenset()


def article_of(source_id: str, *lines: tuple[BlockKind, str], title: str = "A title of its own") -> Article:
    """An article from its blocks."""
    text, blocks = "", []
    for kind, line in lines:
        text += "\n\n" if text else ""
        blocks.append(Block(kind, len(text), len(text) + len(line), 2 if kind == "heading" else 0))
        text += line
    return Article(source_id, title, text, tuple(blocks))


def index_of(
    articles: Sequence[Article], encoder: Encoder | None = None, bank: Sequence[Entry] = (), lent: Lent | None = None
) -> Index:
    """What ``index.load`` would give for these articles, without files."""
    encoder = encoder or FakeEncoder()
    passages = tuple(p for article in articles for p in chunk(article, Chunking()))
    rows, texts = rows_of(passages, articles, bank)
    questions, bodies = sparse_documents(passages, articles)
    vectors = encoder.encode(texts)
    return Index(
        version="in-memory",
        articles=tuple(articles),
        passages=passages,
        dense=Dense.build(vectors),
        rows=rows,
        sparse_questions=Sparse.build(questions),
        sparse_texts=Sparse.build(bodies),
        learned=Learned.fit(vectors, plain_texts(texts), rows, len(passages)),
        encoder=encoder,
        lent=lent or Lent.none(),
    )
