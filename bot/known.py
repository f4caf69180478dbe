"""Embeddings by text: what was embedded once, by the same encoder, is never embedded again.

A text is known by the SHA-256 of its words. Which file, article or passage it belongs to does not matter, so a renamed
article costs nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot import forms
from bot.dense import Matrix
from bot.encoder import Encoder, Progress

SIZE = 16  # bytes of a SHA-256 that are kept: of a million texts two agree once in 10^26 builds
TEXTS, REST = "texts.npy", "rest.npy"
Keys = Sequence[bytes]


def key(text: str) -> bytes:
    """What a text is known by."""
    return hashlib.sha256(text.encode()).digest()[:SIZE]


class Known:
    """The texts that one encoder has embedded; it is loaded for the first that is new. ``encoded`` counts those."""

    def __init__(self, load: Callable[[], Encoder], before: Mapping[bytes, Matrix] | None = None) -> None:
        self.encoded = 0
        self._load = cache(load)
        self._before = before or {}
        self._used: dict[bytes, Matrix] = {}

    def __len__(self) -> int:
        return len(self._used)

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Matrix:
        """Embeddings of texts as ``Encoder.encode`` gives them; progress tells of those that are new."""
        keys = [key(text) for text in texts]
        new: dict[bytes, str] = {}
        for known, text in zip(keys, texts, strict=True):
            if known not in self._used:
                if known in self._before:
                    self._used[known] = self._before[known]
                else:
                    new[known] = text
        if new:
            order = sorted(new)  # by hash, which mixes long with short: how far it is tells how long it still takes
            texts_ = [new[known] for known in order]
            vectors = forms.encode(self._load(), texts_, progress or (lambda step, done, total: None))
            self._used.update(zip(order, vectors, strict=True))
            self.encoded += len(new)
        if not keys:
            return np.zeros((0, 0), dtype=np.float32)
        return np.stack([self._used[known] for known in keys])

    def save(self, folder: Path, rows: Sequence[str] = ()) -> None:
        """Write what this build used. ``rows``: the texts of the dense index, in its order; it holds their vectors."""
        folder.mkdir(parents=True, exist_ok=True)
        held = [key(text) for text in rows]
        rest = sorted(self._used.keys() - set(held))  # in whichever order they were met
        save_keys(folder / TEXTS, [*held, *rest])
        vectors = np.stack([self._used[known] for known in rest]) if rest else np.zeros((0, 0), dtype=np.float32)
        np.save(folder / REST, vectors, allow_pickle=False)


def saved(folder: Path, rows: Matrix | None = None) -> dict[bytes, Matrix]:
    """What ``Known.save`` wrote; ``rows``: the vectors of the dense index."""
    keys = load_keys(folder / TEXTS)
    rest = np.load(folder / REST, allow_pickle=False)
    vectors: list[Matrix] = [*(rows if rows is not None else ()), *rest]
    return dict(zip(keys, vectors, strict=True))


def save_keys(path: Path, keys: Iterable[bytes]) -> None:
    """Write keys of texts to one file."""
    table: NDArray[np.uint8] = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, SIZE)
    np.save(path, table, allow_pickle=False)


def load_keys(path: Path) -> list[bytes]:
    """Read what ``save_keys`` wrote."""
    return [row.tobytes() for row in np.load(path, allow_pickle=False)]
