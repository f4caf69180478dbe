"""Build, save, load, swap, verify; the only writer of ``index/``.

    index/CURRENT            one line of JSON: the build that is served and its manifest's SHA-256
    index/builds/NAME/       manifest.json (what it was made from, SHA-256 of every file), articles.json,
                             passages.json, vectors.faiss, rows.npy, learned/, sparse/, encoder/
                             (where the model was adapted)

A build is written under a name of its own and becomes current by one atomic rename of CURRENT; the
builds before it are removed afterwards. A process killed at any moment leaves the old index or the
new one, and a leftover folder that the next build clears. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from bot import adapt
from bot.chunker import passages_of
from bot.classify import Learned
from bot.config import Config
from bot.corpus import corpus_hash, libraries, read_corpus
from bot.dense import Dense, Matrix
from bot.encoder import Encoder, ModelSource, SentenceTransformerEncoder, locate
from bot.errors import CorpusError, IndexDamaged, IndexError_, IndexMissing, IndexStale
from bot.lexicon import Lexicon
from bot.prototypes import digest
from bot.rows import Rows, rows_of, sparse_documents
from bot.schema import Article, Passage, Sentence
from bot.sparse import Sparse

FORMAT = 7  # raise when anything in the files' meaning changes
LIBRARIES = ("faiss-cpu", "bm25s", "sentence-transformers", "syntok", "PyStemmer", "markdown-it-py")
REMEDY = "run 'python -m bot build'"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Index:
    """A loaded, verified index. ``version`` changes with anything that could change an answer."""

    version: str
    articles: tuple[Article, ...]
    passages: tuple[Passage, ...]
    dense: Dense
    rows: Rows
    sparse_questions: Sparse
    sparse_texts: Sparse
    learned: Learned
    encoder: Encoder


def build(config: Config, progress: Progress | None = None, strict: bool = False) -> str:
    """Build the index from the corpus and make it current. Returns its version; ``unread`` tells what it lacks.

    Raises:
        CorpusError, EncoderError: the corpus (``strict``: any file of it) or the model can't be read; the index
            that was stays.
        IndexError_: another process is building into the same folder.
    """
    say = progress or (lambda step, done, total: None)
    try:
        config.index.mkdir(parents=True, exist_ok=True)
        with FileLock(str(config.index / ".lock"), timeout=0):
            return _build(config, say, strict)
    except Timeout:
        raise IndexError_(f"{config.index} is being built by another process: wait for it to end") from None
    except OSError as error:
        raise IndexError_(f"{config.index}: {error}: give another folder with --index, or make room") from error


def _build(config: Config, say: Progress, strict: bool) -> str:
    corpus = read_corpus(config.corpus, say)
    if strict and corpus.problems:
        raise CorpusError("; ".join(corpus.problems))
    articles = corpus.articles
    passages = passages_of(articles, config.chunking)
    source = locate(config.model)
    encoder = SentenceTransformerEncoder.load(source, config.threads)
    name = secrets.token_hex(8)
    folder = config.index / "builds" / name
    _clear(config.index)
    folder.mkdir(parents=True)
    adapted = adapt.adapt(encoder, passages, config.adaptation, say)
    if adapted.accepted:
        encoder.save(folder / "encoder")
    rows, texts = rows_of(passages, articles)
    own = int((rows.passage >= 0).sum())  # the examples, which are no passage's, come last
    beside = None if adapted.accepted else _beside(config, source)
    vectors = np.concatenate(
        [
            encoder.encode_quickly(texts[:own], say),
            encoder.encode_quickly(texts[own:], say) if beside is None else beside,
        ]
    )
    Dense.build(vectors).save(folder / "vectors.faiss")
    say("learn from the wordings", 0, 1)
    Learned.fit(vectors, plain_texts(texts), rows, len(passages)).save(folder / "learned")
    np.save(folder / "rows.npy", np.stack([rows.kind, rows.passage, rows.item]), allow_pickle=False)
    questions, bodies = sparse_documents(passages, articles)
    Sparse.build(questions).save(folder / "sparse" / "questions")
    Sparse.build(bodies).save(folder / "sparse" / "texts")
    _write_json(folder / "articles.json", [asdict(a) for a in articles])
    _write_json(folder / "passages.json", [asdict(p) for p in passages])
    manifest = {
        **expectations(config, source),
        "adaptation_result": adapted.report,
        "unread": list(corpus.problems),
        "counts": {"articles": len(articles), "passages": len(passages), "vectors": len(texts)},
        "files": {str(p.relative_to(folder)): _sha256(p) for p in sorted(folder.rglob("*")) if p.is_file()},
    }
    manifest["version"] = _version(manifest)
    _write_json(folder / "manifest.json", manifest)
    _publish(config.index, name, _sha256(folder / "manifest.json"))
    say("done", 1, 1)
    return str(manifest["version"])


def _beside(config: Config, source: ModelSource) -> Matrix | None:
    """The examples' embeddings out of the current build, where the same encoder made them; thousands of texts."""
    try:
        folder, manifest = _current(config.index)
    except IndexError_:
        return None
    same = ("format", "model", "examples_sha256", "libraries")
    expected = expectations(config, source)
    files = {name: folder / name for name in ("vectors.faiss", "rows.npy")}
    if manifest["adaptation_result"]["accepted"] or any(manifest.get(key) != expected[key] for key in same):
        return None
    if any(not p.is_file() or _sha256(p) != manifest["files"].get(name) for name, p in files.items()):
        return None
    passages = np.load(files["rows.npy"], allow_pickle=False)[1]
    return Dense.load(files["vectors.faiss"]).vectors(np.flatnonzero(passages < 0))


def plain_texts(texts: Sequence[str]) -> list[str]:
    """The texts as a query is searched: lay words replaced by what articles say."""
    lexicon = Lexicon.load()
    return [lexicon.plain(text.lower()) for text in texts]


def expectations(config: Config, source: ModelSource) -> dict[str, Any]:
    """What an index must have been made from to fit this configuration."""
    return {
        "format": FORMAT,
        "corpus_sha256": corpus_hash(config.corpus),
        "model": source.identity,
        "chunking": asdict(config.chunking),
        "adaptation": asdict(config.adaptation),
        "examples_sha256": digest(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "readers": {name: version(name) for name in libraries(config.corpus)},
    }


def unread(config: Config) -> tuple[str, ...]:
    """What the current build could not read: file, reason and remedy, a line each.

    Raises:
        IndexMissing, IndexDamaged: there is no build that can be told of.
    """
    return tuple(_current(config.index)[1].get("unread", ()))


def load(config: Config) -> Index:
    """Load the current build after checking every file of it.

    Raises:
        IndexMissing: there is none.
        IndexDamaged: a file is missing, truncated or altered.
        IndexStale: corpus, model, chunking or a version changed since the build.
    """
    folder, manifest = _current(config.index)
    source = locate(config.model)
    for key, expected in expectations(config, source).items():
        if manifest.get(key, {}) != expected:
            raise IndexStale(f"{config.index}: built from another {key.replace('_sha256', '')}: {REMEDY}")
    for relative, checksum in manifest["files"].items():
        path = folder / relative
        if not path.is_file() or _sha256(path) != checksum:
            raise IndexDamaged(f"{path}: missing or altered: {REMEDY}")
    articles = tuple(Article.from_dict(a) for a in json.loads((folder / "articles.json").read_text(encoding="utf-8")))
    passages = tuple(_passage(p) for p in json.loads((folder / "passages.json").read_text(encoding="utf-8")))
    table = np.load(folder / "rows.npy", allow_pickle=False)
    if (folder / "encoder").is_dir():
        source = ModelSource(str(folder / "encoder"), source.identity, on_hub=False)
    return Index(
        version=manifest["version"],
        articles=articles,
        passages=passages,
        dense=Dense.load(folder / "vectors.faiss"),
        rows=Rows(table[0], table[1], table[2]),
        sparse_questions=Sparse.load(folder / "sparse" / "questions", len(passages)),
        sparse_texts=Sparse.load(folder / "sparse" / "texts", len(passages)),
        learned=Learned.load(folder / "learned"),
        encoder=SentenceTransformerEncoder.load(source, config.threads),
    )


def _current(index: Path) -> tuple[Path, dict[str, Any]]:
    """The folder and manifest that CURRENT names, both checked."""
    pointer = index / "CURRENT"
    if not pointer.is_file():
        raise IndexMissing(f"{index} holds no index: {REMEDY}")
    try:
        raw = pointer.read_text(encoding="ascii")
        named = json.loads(raw)
        name, digest = named["build"], named["manifest_sha256"]
        if raw != _pointer(name, digest):
            raise ValueError("unexpected form")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IndexDamaged(f"{pointer}: can't be read ({error}): {REMEDY}") from None
    folder = index / "builds" / name
    path = folder / "manifest.json"
    if not path.is_file() or _sha256(path) != digest:
        raise IndexDamaged(f"{path}: missing or altered: {REMEDY}")
    return folder, json.loads(path.read_text(encoding="utf-8"))


def _publish(index: Path, name: str, digest: str) -> None:
    """Make a finished build current by one rename, then clear the builds before it."""
    _sync(index / "builds" / name)
    temporary = index / f"CURRENT.{name}"
    with temporary.open("w", encoding="ascii") as handle:
        handle.write(_pointer(name, digest))
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(temporary, index / "CURRENT")
    _clear(index)


def _pointer(name: str, digest: str) -> str:
    if not (isinstance(name, str) and name.isalnum()):
        raise ValueError("bad build name")
    return json.dumps({"build": name, "manifest_sha256": digest}, separators=(",", ":"))


def _clear(index: Path) -> None:
    """Remove what is left of earlier builds, the current one excepted."""
    try:
        keep = _current(index)[0].name
    except IndexError_:
        keep = ""
    for left in (*(index / "builds").glob("*"), *index.glob("CURRENT.*")):
        if left.is_file():
            left.unlink()
        elif left.name != keep:
            shutil.rmtree(left, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Flush a finished build to disk: a power cut must not leave a pointer to empty files."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())


def _version(manifest: dict[str, Any]) -> str:
    """Names the content: the same inputs give the same version."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:12]


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def _passage(raw: dict[str, Any]) -> Passage:
    sentences = tuple(Sentence(**{**s, "lead": tuple(s["lead"]) if s["lead"] else None}) for s in raw["sentences"])
    lists = {"heading_path": tuple(raw["heading_path"]), "questions": tuple(raw["questions"])}
    return Passage(**{**raw, **lists, "sentences": sentences})
