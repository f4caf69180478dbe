"""What one ``Bot.ask`` keeps while it runs: how long each step took, and what was read, embedded and found, once."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bot.alike import Asking
from bot.dense import Matrix
from bot.encoder import Encoder
from bot.retriever import Found, Retriever
from bot.rewrite import Query
from bot.teaching import Overlay, Taught


class Clock:
    """``with clock("name")`` adds to a step's milliseconds; ``overlay`` is what was taught, as it was at the start."""

    def __init__(self, retriever: Retriever, encoder: Encoder, overlay: Overlay) -> None:
        self.overlay = overlay
        self.embedded: dict[str, Matrix] = {}
        self.queries: dict[tuple[str, ...], tuple[Query, ...]] = {}
        self._found: dict[tuple[Query, str], Found] = {}
        self._retriever = retriever
        self._encoder = encoder
        self._start = time.perf_counter()
        self._steps: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Time a step."""
        start = time.perf_counter()
        yield
        self._steps[step] = self._steps.get(step, 0.0) + (time.perf_counter() - start) * 1000

    def total(self) -> dict[str, float]:
        """Milliseconds by step, and in total."""
        return {**self._steps, "total": (time.perf_counter() - self._start) * 1000}

    def embed(self, texts: Sequence[str]) -> None:
        """Embed what is not yet; together costs less than one by one."""
        new = [text for text in dict.fromkeys(texts) if text not in self.embedded]
        if new:
            self.embedded.update(zip(new, self._encoder.encode(new), strict=True))

    def vector(self, text: str) -> Matrix:
        """The embedding of one text, shape ``(dim,)``."""
        self.embed([text])
        return self.embedded[text]

    def find(self, query: Query, first: str = "") -> Found:
        """What is retrieved for a query; ``first`` as in ``Retriever.search``."""
        if (query, first) not in self._found:
            with self("retrieve"):
                self.embed(query.embeddable)
                self._found[query, first] = self._retriever.search(query, self.embedded, first)
        return self._found[query, first]

    def asking(self, query: Query) -> Asking:
        """A query as it is compared with what was taught."""
        hits = self.find(query).hits
        return Asking(query, self.embedded[query.embedded], hits[0].passage.id if hits else "")

    def taught(self, query: Query) -> Taught | None:
        """The lesson that applies to a query, if there is one."""
        if not self.overlay:
            return None
        return self.overlay.match(self.asking(query), datetime.datetime.now(datetime.UTC).date())
