"""Build, save, load, swap, verify; the only writer of ``index/``.

    index/CURRENT            one line of JSON: the build that is served and its manifest's SHA-256
    index/builds/NAME/       manifest.json (what it was made from, SHA-256 of every file), articles.json,
                             passages.json, bigrams.json, vectors.faiss, rows.npy, learned/, sparse/, known/ (for the
                             next build), encoder/ (the fast form of the model; where it has none, the
                             model if it was adapted)

A build is written under a name of its own and becomes current by one atomic rename of CURRENT; the
builds before it are removed afterwards. A process killed at any moment leaves the old index or the
new one, and a leftover folder that the next build clears. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import compress
from typing import Any

import numpy as np

from bot import builds, forms
from bot.bank import Lent
from bot.bigrams import Bigrams
from bot.builds import REMEDY
from bot.chunker import passages_of
from bot.classify import Learned
from bot.config import Config
from bot.corpus import corpus_hash, libraries, read_corpus
from bot.dense import Dense, Matrix
from bot.embedding import FOLDER as KNOWN
from bot.embedding import Before, Embedding
from bot.encoder import Encoder, ModelSource, locate
from bot.errors import CorpusError, IndexDamaged, IndexStale
from bot.lexicon import Lexicon
from bot.prototypes import digest
from bot.rows import Rows, asked, searched, sparse_documents
from bot.schema import TURNS, Article, Passage, worded
from bot.sparse import Sparse
from bot.stores import Terms, Vectors

FORMAT = 13  # raise when anything in the files' meaning changes
LIBRARIES = ("faiss-cpu", "bm25s", "sentence-transformers", "onnxruntime", "syntok", "PyStemmer", "markdown-it-py")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Index:
    """A loaded, verified index. ``version`` changes with anything that could change an answer."""

    version: str
    articles: tuple[Article, ...]
    passages: tuple[Passage, ...]
    dense: Vectors
    rows: Rows
    sparse_questions: Terms
    sparse_texts: Terms
    learned: Learned
    encoder: Encoder
    lent: Lent = field(default_factory=Lent.none)
    bigrams: Bigrams = field(default_factory=Bigrams)

    @property
    def kind(self) -> str:
        """By which fit it is searched and judged: ``schema.worded``, or "lent" where ``bank`` lends it wordings."""
        return "lent" if self.lent else worded(self.passages)


def build(
    config: Config,
    progress: Progress | None = None,
    strict: bool = False,
    fresh: bool = False,
    given: Mapping[bytes, Matrix] | None = None,
) -> str:
    """Build the index from the corpus and make it current. Returns its version; ``built`` tells what was done.

    What the current build has embedded already is taken over (``embedding``), unless ``fresh``.
    ``given``: embeddings by ``known.key`` that others made with the encoder as it is; used where none is fitted.

    Raises:
        CorpusError, EncoderError: the corpus (``strict``: any file of it) or the model can't be read; the index
            that was stays.
        IndexError_: another process is building into the same folder.
    """
    say = progress or (lambda step, done, total: None)
    with builds.locked(config.index):
        return _build(config, say, strict, fresh, given)


def _build(config: Config, say: Progress, strict: bool, fresh: bool, given: Mapping[bytes, Matrix] | None) -> str:
    corpus = read_corpus(config.corpus, say)
    if strict and corpus.problems:
        raise CorpusError("; ".join(corpus.problems))
    articles = corpus.articles
    passages = passages_of(articles, config.chunking)
    expected = expectations(config, source := locate(config.model))
    name = secrets.token_hex(8)
    folder = config.index / "builds" / name
    builds.clear(config.index)
    folder.mkdir(parents=True)
    before = None if fresh else Before.find(config.index, expected)
    found = Embedding(config, source, folder, before, say, given).run(articles, passages)
    say("learn from the wordings", 0, 1)
    people_s = asked(found.rows)
    Bigrams.fit(compress(found.texts, people_s)).save(folder / "bigrams.json")
    said = plain_texts([text if used else "" for text, used in zip(found.texts, people_s, strict=True)])
    Learned.fit(found.vectors, said, found.rows, len(passages)).save(folder / "learned")
    kept = searched(found.rows)
    rows = found.rows.only(kept)
    found.known.save(folder / KNOWN, list(compress(found.texts, kept)))
    Dense.build(found.vectors[kept]).save(folder / "vectors.faiss")
    np.save(folder / "rows.npy", np.stack([rows.kind, rows.passage, rows.item]), allow_pickle=False)
    questions, bodies = sparse_documents(passages, articles)
    Sparse.build(questions).save(folder / "sparse" / "questions")
    Sparse.build(bodies).save(folder / "sparse" / "texts")
    builds.write_json(folder / "articles.json", [asdict(a) for a in articles])
    builds.write_json(folder / "passages.json", [asdict(p) for p in passages])
    manifest = {
        **expected,
        **found.report,
        "unread": list(corpus.problems),
        "counts": {"articles": len(articles), "passages": len(passages), "vectors": len(rows.kind)},
        "files": {str(p.relative_to(folder)): builds.sha256(p) for p in sorted(folder.rglob("*")) if p.is_file()},
    }
    manifest["version"] = _version(manifest)
    builds.write_json(folder / "manifest.json", manifest)
    builds.publish(config.index, name, builds.sha256(folder / "manifest.json"))
    say("done", 1, 1)
    return str(manifest["version"])


def plain_texts(texts: Sequence[str]) -> list[str]:
    """The texts as a query is searched: lay words replaced by what articles say."""
    lexicon = Lexicon.load()
    return [TURNS.join(map(lexicon.plain, text.lower().split(TURNS))) for text in texts]


def expectations(config: Config, source: ModelSource) -> dict[str, Any]:
    """What an index must have been made from to fit this configuration."""
    return {
        "format": FORMAT,
        "corpus_sha256": corpus_hash(config.corpus),
        "model": source.identity,
        "chunking": asdict(config.chunking),
        "adaptation": asdict(config.adaptation),
        "form": config.fast,
        "examples_sha256": digest(),
        "libraries": {name: _version_of(name) for name in LIBRARIES},
        "readers": {name: version(name) for name in libraries(config.corpus)},
    }


def _version_of(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:  # without ONNX Runtime there is still the slow form
        return None


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did: texts in it, those that were embedded anew, whether the encoder was kept from the one before.

    ``unread``: the files that could not be read, with reason and remedy, a line each.
    """

    version: str
    articles: int
    passages: int
    texts: int
    encoded: int
    kept: bool
    unread: tuple[str, ...]

    def __str__(self) -> str:
        encoder = "kept" if self.kept else "made anew"
        return (
            f"{self.articles} articles, {self.passages} passages; {self.encoded:,} of {self.texts:,} texts embedded "
            f"anew, encoder {encoder}"
        )


def built(config: Config) -> Built:
    """What the current build did.

    Raises:
        IndexMissing, IndexDamaged: there is no build that can be told of.
    """
    said = builds.current(config.index)[1]
    counts = said["counts"]
    work = said.get("work", {"texts": 0, "encoded": 0, "encoder": "made"})  # an older program's index does not tell
    kept = work["encoder"] == "kept"
    return Built(
        said["version"],
        counts["articles"],
        counts["passages"],
        work["texts"],
        work["encoded"],
        kept,
        tuple(said["unread"]),
    )


def load(config: Config) -> Index:
    """Load the current build after checking every file of it.

    Raises:
        IndexMissing: there is none.
        IndexDamaged: a file is missing, truncated or altered.
        IndexStale: corpus, model, chunking or a version changed since the build.
    """
    folder, manifest = builds.current(config.index)
    source = locate(config.model)
    for key, expected in expectations(config, source).items():
        if manifest.get(key, {}) != expected:
            raise IndexStale(f"{config.index}: built from another {key.replace('_sha256', '')}: {REMEDY}")
    for relative, checksum in manifest["files"].items():
        path = folder / relative
        if not path.is_file() or builds.sha256(path) != checksum:
            raise IndexDamaged(f"{path}: missing or altered: {REMEDY}")
    articles = tuple(Article.from_dict(a) for a in json.loads((folder / "articles.json").read_text(encoding="utf-8")))
    passages = tuple(Passage.from_dict(p) for p in json.loads((folder / "passages.json").read_text(encoding="utf-8")))
    table = np.load(folder / "rows.npy", allow_pickle=False)
    return Index(
        version=manifest["version"],
        articles=articles,
        passages=passages,
        dense=Dense.load(folder / "vectors.faiss"),
        rows=Rows(table[0], table[1], table[2]),
        sparse_questions=Sparse.load(folder / "sparse" / "questions", len(passages)),
        sparse_texts=Sparse.load(folder / "sparse" / "texts", len(passages)),
        learned=Learned.load(folder / "learned"),
        bigrams=Bigrams.load(folder / "bigrams.json"),
        lent=Lent.load(folder / "lent.npy"),
        encoder=forms.load(config, source, folder, manifest),
    )


def _version(manifest: dict[str, Any]) -> str:
    """Names the content, however it came about: a rebuild that ends with the same files has the same version."""
    content = {name: said for name, said in manifest.items() if name not in ("work", "encoder")}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
