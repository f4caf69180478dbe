"""The encoder of a build, and the embedding of every text of it, taken over from the build before as far as they fit.

An encoder that was fitted to the corpus (``adapt``) is another one after each fitting, and with it every vector. So
it is kept while at most ``MOST_CHANGED`` of the texts that it was fitted to changed, counted from the fitting on and
not from one build to the next: small changes add up, and one day it is fitted anew. The classifiers and BM25 are made
anew at every build. ``fresh`` takes nothing over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bot import builds, forms
from bot.adapt import thinned, wordings_of
from bot.bank import AGAIN, entries, lend, lessons
from bot.config import Config
from bot.dense import Dense, Matrix
from bot.encoder import ModelSource, Progress, SentenceTransformerEncoder
from bot.errors import IndexError_
from bot.known import Known, key, load_keys, save_keys, saved
from bot.rows import Rows, rows_of
from bot.schema import Article, Passage, plain

FOLDER = "known"  # of a build: which texts are embedded, and the vectors that the dense index does not hold
UNFITTED = "known/unfitted"  # the same of the model as it is, where the encoder was fitted and the bank laid beside it
FITTED = "known/fitted.npy"  # the texts that the encoder was fitted to
# Of the texts that the encoder was fitted to. Fitted to four of the shipped articles and kept for the fifth: 85.5%
# of the questions of dev right, not 86.0%; of 195 that only the fifth answers one was lost.
MOST_CHANGED = 0.25
MOST_LENT = 2000  # passages; who has more has questions of their own, and every sentence is read for every entry
SAME = ("format", "model", "adaptation", "form", "libraries")  # of a manifest, for its encoder to be the same


@dataclass(frozen=True)
class Before:
    """The current build, where its encoder is what this configuration would make, and its files are whole."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def find(cls, index: Path, expected: dict[str, Any]) -> Before | None:
        """The build, if it can be used; ``expected`` is ``index.expectations``."""
        try:
            folder, manifest = builds.current(index)
        except IndexError_:
            return None
        if any(manifest.get(name) != expected[name] for name in SAME):
            return None
        wanted = [n for n in manifest["files"] if n == "vectors.faiss" or n.startswith((FOLDER, forms.FOLDER))]
        whole = all((folder / n).is_file() and builds.sha256(folder / n) == manifest["files"][n] for n in wanted)
        return cls(folder, manifest) if whole and f"{FOLDER}/texts.npy" in wanted else None

    def known(self) -> dict[bytes, Matrix]:
        """The embeddings of its texts."""
        dense = Dense.load(self.folder / "vectors.faiss")
        return saved(self.folder / FOLDER, dense.vectors(np.arange(len(dense))))

    def unfitted(self) -> dict[bytes, Matrix]:
        """The same by the model as it is."""
        return saved(self.folder / UNFITTED) if (self.folder / UNFITTED).is_dir() else {}

    def fitted(self) -> frozenset[bytes]:
        """The keys of the texts that its encoder was fitted to."""
        return frozenset(load_keys(self.folder / FITTED))


@dataclass(frozen=True, slots=True)
class Embedded:
    """What is embedded (``rows``, ``texts`` and ``vectors`` fit each other), and what the manifest says of it."""

    rows: Rows
    texts: list[str]
    vectors: Matrix
    known: Known
    report: dict[str, Any]


class Embedding:
    """Embeds a corpus into the folder of a build."""

    def __init__(
        self,
        config: Config,
        source: ModelSource,
        folder: Path,
        before: Before | None,
        say: Progress,
        given: Mapping[bytes, Matrix] | None = None,
    ) -> None:
        # A fitted encoder gives every text another vector.
        self._given = {} if config.adaptation.enabled or not given else given
        self._config, self._source, self._folder, self._say = config, source, folder, say
        self._before = before

    def run(self, articles: Sequence[Article], passages: Sequence[Passage]) -> Embedded:
        """Fit or take over the encoder, lend wordings, embed; writes ``encoder/``, ``lent.npy``, some of ``known/``."""
        fits = self._config.adaptation.enabled
        bank = entries() if plain(passages) and len(passages) <= MOST_LENT else ()  # hand-written wordings are better
        if fits:
            unfitted = Known(lambda: self._model, self._before.unfitted() if self._before else None)
        else:
            unfitted, report = self._encoder(rows_of(passages, articles)[1], ((), ()), 0.0)
        lent = lend(passages, articles, unfitted, bank, self._say)
        lent.save(self._folder / "lent.npy")
        if fits and bank:
            unfitted.save(self._folder / UNFITTED)
        bank = bank if lent else ()
        rows, texts = rows_of(passages, articles, bank)
        known = unfitted
        if fits:
            known, report = self._fitted(texts, (passages, list(lessons(bank, lent, passages))))
            if bank and report["adaptation_result"]["accepted"]:  # it tells better by now what answers an entry
                again = lend(passages, articles, known, bank, self._say, AGAIN)
                (again or lent).save(self._folder / "lent.npy")
        vectors = known.encode(texts, self._say)
        report["work"] |= {"encoded": known.encoded, "texts": len(known)}
        return Embedded(rows, texts, vectors, known, report)

    @cached_property
    def _model(self) -> SentenceTransformerEncoder:
        return SentenceTransformerEncoder.load(self._source, self._config.threads)

    def _fitted(self, texts: Sequence[str], taught: forms.Taught) -> tuple[Known, dict[str, Any]]:
        """The encoder fitted to passages, or the one before while they are much the same."""
        own = {
            key(t)
            for p in map(thinned, (*taught[0], *taught[1]))
            for t in (*wordings_of(p), *(s.text for s in p.sentences))
        }
        fitted = self._before.fitted() if self._before else frozenset()
        changed = len(own ^ fitted) / max(1, len(own | fitted))
        known, report = self._encoder(texts, taught, changed)
        (self._folder / FOLDER).mkdir(exist_ok=True)
        save_keys(self._folder / FITTED, sorted(fitted if changed <= MOST_CHANGED else own))
        return known, report

    def _encoder(self, texts: Sequence[str], taught: forms.Taught, changed: float) -> tuple[Known, dict[str, Any]]:
        """The encoder before, or one made anew where too much changed; with what the manifest says of it."""
        config = self._config
        if self._before and changed <= MOST_CHANGED:
            before, manifest = self._before.folder, self._before.manifest
            encoder, report = forms.take_over(config, self._source, self._folder, before, manifest)
            known = Known(lambda: encoder, {**self._before.known(), **self._given})
            return known, {**report, "work": {"encoder": "kept", "changed": round(changed, 4)}}
        encoder, report = forms.make(config, self._model, self._folder, taught, texts, self._say)
        return Known(lambda: encoder, self._given), {**report, "work": {"encoder": "made", "changed": 0.0}}
