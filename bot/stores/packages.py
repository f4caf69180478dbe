"""What is published: a finished index, checked file by file, with the articles and clinic.toml it was made from."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bot import builds
from bot import index as index_module
from bot.bank import entries
from bot.corpus import corpus_hash
from bot.dense import Dense, Matrix
from bot.errors import IndexDamaged, IndexStale
from bot.forms import FOLDER
from bot.rows import rows_of, searched
from bot.sparse import Sparse

if TYPE_CHECKING:
    from bot.config import Config

CORPUS, INDEX = "corpus", "index"


@dataclass(frozen=True, slots=True)
class Package:
    """``files`` go by their place in a version: ``corpus/001-chain.md``, ``index/builds/NAME/manifest.json``."""

    manifest: dict[str, Any]
    build: str
    files: dict[str, Path]

    @property
    def name(self) -> str:
        """The version of the index with a mark of the files it does not know of, such as ``clinic.toml``."""
        beside = {p: builds.sha256(f) for p, f in self.files.items() if p.startswith(CORPUS)}
        return f"{self.manifest['version']}-{sha256(json.dumps(beside, sort_keys=True).encode()).hexdigest()[:6]}"

    @property
    def encoder(self) -> str:
        """Names the encoder with its weights: equal for two versions whose texts get the same embeddings."""
        weights = {n: s for n, s in self.manifest["files"].items() if n.startswith(f"{FOLDER}/")}
        told = [self.manifest["model"], self.manifest["encoder"]["form"], weights]
        return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def package(config: Config) -> Package:
    """What ``config`` serves, ready to be published.

    Raises:
        IndexMissing, IndexDamaged: there is no whole index.
        IndexStale: the articles changed since it was built.
    """
    folder, manifest = builds.current(config.index)
    fits(manifest, config.corpus)
    for relative, checksum in manifest["files"].items():
        path = folder / relative
        if not path.is_file() or builds.sha256(path) != checksum:
            raise IndexDamaged(f"{path}: missing or altered: {builds.REMEDY}")
    place = f"{INDEX}/builds/{folder.name}"
    files = {f"{place}/{relative}": folder / relative for relative in (*manifest["files"], "manifest.json")}
    files[f"{INDEX}/CURRENT"] = config.index / "CURRENT"
    for path in sorted(p for p in config.corpus.rglob("*") if p.is_file()):
        files[f"{CORPUS}/{path.relative_to(config.corpus).as_posix()}"] = path
    return Package(manifest, folder.name, files)


def fits(manifest: dict[str, Any], corpus: Path) -> None:
    """Check that an index was made from these articles; called again once they have been copied.

    Raises:
        IndexStale: they changed.
    """
    if manifest["corpus_sha256"] != corpus_hash(corpus):
        raise IndexStale(f"the articles in {corpus} changed since the index was built: {builds.REMEDY}")


@dataclass(frozen=True, slots=True)
class Content:
    """What is searched in an index, as a database keeps it."""

    passages: tuple[tuple[str, str], ...]  # id and JSON
    vectors: Matrix
    keys: tuple[bytes, ...]  # of each vector: SHA-256 of its encoder and text
    terms: tuple[tuple[int, str, list[int], list[float]], ...]  # field, term, passages, weights
    derived: frozenset[str]  # files of the build that ``restored`` makes again


def contents(config: Config, made: Package) -> Content:
    """The content of the index that ``made`` was made from.

    Raises:
        IndexStale, IndexDamaged, EncoderError: it can't be loaded.
    """
    index = index_module.load(config)
    rows, texts = rows_of(index.passages, index.articles, entries() if index.lent else ())
    kept = searched(rows)
    if not np.array_equal(rows.only(kept).passage, index.rows.passage):
        raise IndexDamaged(f"{config.index}: its rows are not those of its articles: {builds.REMEDY}")
    vectors = index.dense.vectors(np.arange(len(index.dense)))
    encoder = made.encoder.encode()
    keys = tuple(sha256(encoder + text.encode()).digest() for text in compress(texts, kept))
    passages = tuple((p.id, builds.to_json(asdict(p))) for p in index.passages)
    again = restored([content for _, content in passages], vectors)
    same = (name for name, content in again.items() if sha256(content).hexdigest() == made.manifest["files"][name])
    fields = enumerate((index.sparse_questions, index.sparse_texts))
    terms = tuple((f, *posting) for f, sparse in fields if isinstance(sparse, Sparse) for posting in sparse.postings())
    return Content(passages, vectors, keys, tuple(t for t in terms if "\0" not in t[1]), frozenset(same))


def restored(passages: Sequence[str], vectors: Matrix) -> dict[str, bytes]:
    """Files of a build, made again from the JSON of its passages and from its vectors."""
    return {"passages.json": f"[{', '.join(passages)}]".encode(), "vectors.faiss": Dense.build(vectors).packed()}


def written(folder: Path, relative: str, put: Callable[[Path], object]) -> None:
    """Have a file of a version written, and nothing outside its folder.

    Raises:
        IndexDamaged: the name leads elsewhere.
    """
    path = folder / relative
    if not path.resolve().is_relative_to(folder.resolve()):
        raise IndexDamaged(f"{relative!r} leads out of its version: publish it again")
    path.parent.mkdir(parents=True, exist_ok=True)
    put(path)
