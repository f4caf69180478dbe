"""The encoder in ONNX Runtime with 8-bit weights: made at build from the sentence-transformers form, served without it.

Texts are run one by one. In a batch the same text gets another vector (roundings to 8 bits fall otherwise: up to .01 in
a component) and padding costs what a batch gains: of equal lengths 32 at once take three quarters of the time.
Alone the same text has the same vector, bit for bit.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.encoder import Matrix, Progress, SentenceTransformerEncoder, whole_words
from bot.errors import EncoderError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

FORM = "onnxruntime, 8 bits"  # how the manifest names it
MODEL, TOKENIZER = "model.onnx", "tokenizer.json"
OPSET = 17
BLOCK = 128  # weights that share a scale
IN_INT8 = 4  # ONNX Runtime's name for products of 8-bit numbers
FOLLOWED = ("Transformer", "Pooling", "Normalize")  # modules of sentence-transformers that are exported as they are
AGREE_MEAN, AGREE_LEAST = 0.995, 0.98  # cosine with the full-precision form; measured .9985 and .9927
STEP = 128  # texts between two words of progress
# Beside texts of the corpus: what a tokenizer or a pooling might treat in its own way.
ODD = ("", "?", "  does\tit hurt \n", "DOES IT HURT", "çà fait mal? 痛い", "😀 ok", "a\0b", "word " * 600)


class FastEncoder:
    """See ``bot.encoder.Encoder``; thread-safe. Neither torch nor transformers is imported."""

    def __init__(self, session: InferenceSession, tokenizer: Tokenizer, identity: str, at_once: int = 1) -> None:
        """``at_once``: of the many texts of a build, so many are run at the same time."""
        self.identity = identity
        self._at_once = at_once
        self._session = session
        self._tokenizer = tokenizer
        self._width = len(self._vector(""))

    @classmethod
    def load(cls, folder: Path, identity: str, threads: int, at_once: int = 1) -> FastEncoder:
        """Read what ``export`` wrote. ``threads`` of one text, ``at_once`` texts of a build.

        Raises:
            EncoderError: a library is missing, or a file can't be read.
        """
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise EncoderError(f"{error}: pip install -r requirements.txt") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # a plan for each length of text would be kept in memory
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(str(folder / MODEL), options, providers=["CPUExecutionProvider"])
            tokenizer = Tokenizer.from_str((folder / TOKENIZER).read_text(encoding="utf-8"))
            return cls(session, tokenizer, identity, at_once)
        except _failures(OSError, ValueError) as error:
            raise EncoderError(f"can't load {folder}: {error}: run 'python -m bot build'") from error

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Matrix:
        """See ``Encoder.encode``."""
        out = np.zeros((len(texts), self._width), dtype=np.float32)
        if progress is None:
            for row, text in enumerate(texts):
                out[row] = self._vector(text)
            return out
        with ThreadPoolExecutor(self._at_once) as pool:
            for row, vector in enumerate(pool.map(self._vector, texts)):
                out[row] = vector
                if (row + 1) % STEP == 0 or row + 1 == len(texts):
                    progress("encode", row + 1, len(texts))
        return out

    def _vector(self, text: str) -> Matrix:
        """One text's vector, shape ``(dim,)``."""
        ids = np.asarray([self._tokenizer.encode(text).ids], dtype=np.int64)
        return np.asarray(self._session.run(None, {"input_ids": ids})[0][0], dtype=np.float32)

    def vocabulary(self) -> frozenset[str]:
        """See ``Encoder.vocabulary``."""
        return whole_words(self._tokenizer.get_vocab())


def export(
    plain: SentenceTransformerEncoder, sample: Sequence[str], folder: Path, threads: int, at_once: int = 1
) -> tuple[FastEncoder, dict[str, Any]]:
    """Write the fast form of a model into ``folder`` and compare it with the model on ``sample`` and on odd texts.

    Returns it, and what the manifest says of it.

    Raises:
        EncoderError: this model has no fast form, a library is missing, or the two forms don't agree.
    """
    if reason := _obstacle(plain):
        raise EncoderError(reason)
    texts = [*sample, *ODD]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _save_tokenizer(plain, folder / TOKENIZER)
        with tempfile.TemporaryDirectory() as scratch:
            _quantised(_traced(plain, Path(scratch) / "exact.onnx"), folder / MODEL)
        fast = FastEncoder.load(folder, plain.identity, threads, at_once)
        cosines = (fast.encode(texts) * plain.encode(texts)).sum(axis=1)
    except _failures(RuntimeError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise EncoderError(f"the model can't be exported: {error}") from error
    mean, least = float(cosines.mean()), float(cosines.min())
    if not (mean >= AGREE_MEAN and least >= AGREE_LEAST):
        raise EncoderError(f"the fast form does not agree: cosine {mean:.4f} in the mean, {least:.4f} at least")
    wanted = {"mean": AGREE_MEAN, "least": AGREE_LEAST}
    return fast, {"form": FORM, "cosine_mean": round(mean, 4), "cosine_least": round(least, 4), "wanted": wanted}


def _failures(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises, which has no class for all of it, and others."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented")
    return (*(getattr(state, name) for name in names), state.RuntimeException, *others)


def _obstacle(plain: SentenceTransformerEncoder) -> str:
    """Why a model has no fast form; empty where it has one."""
    missing = [name for name in ("onnx", "onnx_ir", "onnxruntime", "tokenizers") if find_spec(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    others = {type(module).__name__ for module in plain.model} - set(FOLLOWED)
    if others:
        return f"modules that are not exported: {', '.join(sorted(others))}"
    if not plain.as_is:
        return "the model wants a prompt or a shorter width"
    if not hasattr(plain.model.tokenizer, "backend_tokenizer"):
        return "the model's tokenizer has no fast form"
    return ""


def _save_tokenizer(plain: SentenceTransformerEncoder, path: Path) -> None:
    """The model's own tokenizer, cutting texts where the model does and padding none."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(plain.model.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_padding()
    if plain.model.max_seq_length:
        tokenizer.enable_truncation(plain.model.max_seq_length)
    tokenizer.save(str(path), pretty=False)


def _traced(plain: SentenceTransformerEncoder, path: Path) -> Path:
    """Export the model in full precision: token numbers of one text in, its unit vector out."""
    import torch

    model = plain.model
    segments = "token_type_ids" in model.tokenizer.model_input_names

    class Whole(torch.nn.Module):
        """Every module of the model in its order, for one text without padding."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            features = {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids)}
            if segments:
                features["token_type_ids"] = torch.zeros_like(input_ids)
            return torch.nn.functional.normalize(self.model(features)["sentence_embedding"], dim=-1)

    transformer = model.transformers_model
    if transformer is None:
        raise EncoderError("the model has no transformer")
    kept = transformer.config._attn_implementation
    example = model.preprocess(["how long does the redness last after it"])["input_ids"]
    try:
        transformer.set_attn_implementation("eager")  # the others are traced with branches of their own
        with warnings.catch_warnings(), torch.no_grad():  # about tracing; the comparison would find what it got wrong
            warnings.simplefilter("ignore")
            torch.onnx.export(
                Whole().eval(), (example,), str(path), dynamo=False, opset_version=OPSET,
                input_names=["input_ids"], output_names=["embedding"], dynamic_axes={"input_ids": {1: "length"}},
            )  # fmt: skip
    finally:
        transformer.set_attn_implementation(kept)
    return path


def _quantised(exact: Path, path: Path) -> None:
    """Weights to 8 bits: matrices by blocks of a row, the activations they meet likewise, embeddings as a whole.

    With one scale for each tensor of activations, as ONNX Runtime's dynamic quantisation has, cosines with the exact
    vectors are .992 instead of .9986, for a tenth less time, and the safety sets lose more than a point.
    """
    ready, embedded = exact.with_name("ready.onnx"), exact.with_name("embedded.onnx")
    with _silenced():
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
        from onnxruntime.quantization.shape_inference import quant_pre_process

        quant_pre_process(str(exact), str(ready), skip_symbolic_shape=True)
        quantize_dynamic(str(ready), str(embedded), op_types_to_quantize=["Gather"], weight_type=QuantType.QInt8)
        matrices = MatMulNBitsQuantizer(
            onnx.load(str(embedded)), bits=8, block_size=BLOCK, is_symmetric=True, accuracy_level=IN_INT8
        )
        matrices.process()
        matrices.model.save_model_to_file(str(path))


@contextmanager
def _silenced() -> Iterator[None]:
    """The quantiser sets up the root logger and tells it of every node, and everybody's messages would be printed."""
    root, nothing = logging.getLogger(), logging.NullHandler()
    root.addHandler(nothing)
    try:
        yield
    finally:
        root.removeHandler(nothing)
