"""The fast form of the model: its own numbers but for rounding, the same for a text whatever stands beside it."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bot.config import BUNDLED_MODEL, Config
from bot.encoder import Matrix, Progress, SentenceTransformerEncoder, locate
from bot.errors import EncoderError
from bot.fast_encoder import AGREE_LEAST, AGREE_MEAN, FastEncoder, export
from bot.index import Index
from tests.conftest import ROOT

NASTY = {
    "empty": "",
    "spaces": " \t\n ",
    "controls": "\0\x01\x1b[2J\x7f\u200b\u202e",
    "emoji": "😭😭 it burns 🔥👩‍⚕️",
    "other scripts": "هل يؤلم؟ 痛いですか czy to boli",
    "accents": "çà fàît mâl? ÄÖÜß",
    "capitals": "DOES IT HURT",
    "one letter": "x",
    "digits": "555-0142 0.5mm 1,000",
    "no spaces": "needle" * 300,
    "too long": "how long does the redness last " * 200,
    "punctuation": "?!.,;:" * 40,
    "a special token": "[CLS] does it hurt [SEP] [MASK] [PAD]",
}


@pytest.fixture(scope="module")
def plain() -> SentenceTransformerEncoder:
    return SentenceTransformerEncoder.load(locate(BUNDLED_MODEL), 1)


@pytest.fixture(scope="module")
def fast(bicycle_index: Index) -> FastEncoder:
    assert isinstance(bicycle_index.encoder, FastEncoder)
    return bicycle_index.encoder


def folder_of(config: Config) -> Path:
    (build,) = (config.index / "builds").iterdir()
    return build / "encoder"


def cosines(one: Matrix, other: Matrix) -> Matrix:
    return np.asarray((one * other).sum(axis=1))


def random_texts(words: frozenset[str], count: int) -> list[str]:
    """Words of the model in any order, 1 to 60 of them."""
    draw = random.Random(11)
    ordered = sorted(words)
    return [" ".join(draw.choices(ordered, k=draw.randint(1, 60))) for _ in range(count)]


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_a_nasty_text_gets_the_model_s_vector(fast: FastEncoder, plain: SentenceTransformerEncoder, text: str) -> None:
    vectors = fast.encode([text])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert cosines(vectors, plain.encode([text])).min() > AGREE_LEAST


def test_random_texts_get_the_model_s_vectors(fast: FastEncoder, plain: SentenceTransformerEncoder) -> None:
    """Also where the model pads them to the longest of a batch."""
    texts = random_texts(plain.vocabulary(), 100)
    found = cosines(fast.encode(texts), plain.encode(texts))
    assert found.mean() > AGREE_MEAN
    assert found.min() > AGREE_LEAST


def test_a_text_has_one_vector_whatever_stands_beside_it(fast: FastEncoder) -> None:
    texts = [*NASTY.values(), "does it hurt"]
    together = fast.encode(texts)
    np.testing.assert_array_equal(fast.encode(texts[::-1])[::-1], together)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_array_equal(fast.encode([text])[0], vector)


def test_threads_that_ask_at_once_get_the_same(fast: FastEncoder) -> None:
    texts = random_texts(fast.vocabulary(), 20)
    alone = fast.encode(texts)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(fast.encode, [texts] * 8):
            np.testing.assert_array_equal(vectors, alone)


def test_another_process_gets_the_same_and_imports_no_torch(bicycle: Config, fast: FastEncoder) -> None:
    code = """
import hashlib, sys
from pathlib import Path
from bot.fast_encoder import FastEncoder
from tests.test_fast_encoder import NASTY
fast = FastEncoder.load(Path(sys.argv[1]), "", 1)
print(hashlib.sha256(fast.encode(list(NASTY.values())).tobytes()).hexdigest())
"""
    done = subprocess.run(
        [sys.executable, "-c", code, folder_of(bicycle)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == hashlib.sha256(fast.encode(list(NASTY.values())).tobytes()).hexdigest()


def test_no_texts_give_no_rows(fast: FastEncoder) -> None:
    assert fast.encode([]).shape == (0, 384)


def test_the_vocabulary_is_the_model_s(fast: FastEncoder, plain: SentenceTransformerEncoder) -> None:
    assert fast.vocabulary() == plain.vocabulary()


def test_progress_is_told(fast: FastEncoder) -> None:
    seen: list[tuple[str, int, int]] = []
    fast.encode(["gear"] * 300, lambda *step: seen.append(step))
    assert seen == [("encode", 128, 300), ("encode", 256, 300), ("encode", 300, 300)]


def test_many_texts_at_once_have_the_vectors_they_have_alone(fast: FastEncoder, bicycle: Config) -> None:
    several = FastEncoder.load(folder_of(bicycle), fast.identity, threads=1, at_once=4)
    texts = [f"{word} {number}" for number in range(60) for word in ("gear", "how often do I oil the chain of bicycle")]
    np.testing.assert_array_equal(several.encode(texts, lambda *step: None), fast.encode(texts))


# ---- other models ---------------------------------------------------------------------------------------------------


def variant(pooling: str, folder: Path) -> SentenceTransformerEncoder:
    """The bundled model with another pooling, not normalised, cutting at 12 tokens; saved and loaded."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    transformer = Transformer(locate(BUNDLED_MODEL).location, max_seq_length=12)
    model = SentenceTransformer(modules=[transformer, Pooling(384, pooling_mode=pooling)], device="cpu")
    SentenceTransformerEncoder(model, "variant").save(folder)
    return SentenceTransformerEncoder.load(locate(str(folder)), 1)


@pytest.mark.parametrize("pooling", ["cls", "max"])
def test_pooling_and_length_are_the_model_s_own(pooling: str, tmp_path: Path) -> None:
    other = variant(pooling, tmp_path / "model")
    fast, found = export(other, ["does it hurt"], tmp_path / "fast", 1)
    assert found["cosine_mean"] > AGREE_MEAN
    texts = ["how long does the redness last", *NASTY.values()]
    assert cosines(fast.encode(texts), other.encode(texts)).min() > AGREE_LEAST
    cut = "one two three four five six seven eight nine ten"
    np.testing.assert_array_equal(fast.encode([cut]), fast.encode([f"{cut} and much more"]))


def test_what_is_not_followed_is_refused_with_the_reason(tmp_path: Path) -> None:
    from sentence_transformers.base.modules import Dense

    encoder = SentenceTransformerEncoder.load(locate(BUNDLED_MODEL), 1)
    encoder.model.append(Dense(384, 16))
    with pytest.raises(EncoderError, match="modules that are not exported: Dense"):
        export(encoder, [], tmp_path, 1)
    short = SentenceTransformerEncoder.load(locate(BUNDLED_MODEL), 1).model
    short.truncate_dim = 8
    with pytest.raises(EncoderError, match="a prompt or a shorter width"):
        export(SentenceTransformerEncoder(short, "short"), [], tmp_path, 1)
    assert not list(tmp_path.iterdir())


class Reversed(SentenceTransformerEncoder):
    """A model that reads backwards, which nobody exports."""

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Matrix:
        """See ``Encoder.encode``."""
        return super().encode([text[::-1] for text in texts], progress)


def test_a_form_that_does_not_agree_is_refused(plain: SentenceTransformerEncoder, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="the fast form does not agree: cosine"):
        export(Reversed(plain.model, "reversed"), ["does it hurt", "how long does it take"], tmp_path, 1)


# ---- damaged --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [("model.onnx", None), ("model.onnx", b""), ("model.onnx", b"noise"), ("tokenizer.json", None)],
    ids=["no model", "empty model", "noise for a model", "no tokenizer"],
)
def test_a_file_that_can_t_be_read_is_named_with_the_remedy(
    bicycle: Config, tmp_path: Path, name: str, content: bytes | None
) -> None:
    """Altered files are refused before, by their checksums."""
    for path in folder_of(bicycle).iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(EncoderError, match=rf"can't load {tmp_path}: .*: run 'python -m bot build'"):
        FastEncoder.load(tmp_path, "", 1)
