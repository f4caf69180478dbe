"""Which form of the encoder an index is made and served with: the fast one, and where there is none the model itself.

All vectors of an index and of its questions come from one form, or thresholds would mix.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from bot import adapt, builds, fast_encoder
from bot.config import Config
from bot.encoder import Embeds, Encoder, Matrix, ModelSource, Progress, SentenceTransformerEncoder
from bot.errors import EncoderError
from bot.fast_encoder import FastEncoder
from bot.schema import Passage

Taught: TypeAlias = "tuple[Sequence[Passage], Sequence[Passage]]"
PLAIN = "sentence-transformers"  # how the manifest names the slow form
FOLDER = "encoder"  # of a build
SAMPLE = 200  # texts on which the two forms are compared


def make(
    config: Config,
    plain: SentenceTransformerEncoder,
    folder: Path,
    taught: Taught,
    texts: Sequence[str],
    say: Progress,
) -> tuple[Encoder, dict[str, Any]]:
    """Fit a model to what is ``taught`` and save its fast form in a build's folder; also what the manifest says of it.

    Taught are passages, and the entries of ``bank`` that lend them wordings (``bank.lessons``). The full-precision
    weights are kept only where there is no fast form: nothing else reads them.
    """
    adapted = adapt.adapt(plain, taught[0], config.adaptation, say, taught[1])
    report: dict[str, Any] = {"adaptation_result": adapted.report}
    try:
        if not config.fast:
            raise EncoderError("switched off")
        say("make the encoder fast", 0, 1)
        sample = texts[:: max(1, len(texts) // SAMPLE)]
        encoder, found = fast_encoder.export(plain, sample, folder / FOLDER, config.threads, config.build_threads)
        return encoder, {**report, "encoder": found}
    except EncoderError as error:
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
        if adapted.accepted:
            plain.save(folder / FOLDER)
        return plain, {**report, "encoder": {"form": PLAIN, "reason": str(error)}}


def take_over(
    config: Config, source: ModelSource, folder: Path, before: Path, manifest: dict[str, Any]
) -> tuple[Encoder, dict[str, Any]]:
    """The same from an earlier build, whose encoder is to stay, without loading the model it was made of."""
    if (before / FOLDER).is_dir():
        shutil.copytree(before / FOLDER, folder / FOLDER, copy_function=builds.linked)
    report = {name: manifest[name] for name in ("adaptation_result", "encoder")}
    return load(config, source, folder, report), report


def load(config: Config, source: ModelSource, folder: Path, manifest: dict[str, Any]) -> Encoder:
    """The encoder of a finished build.

    Raises:
        EncoderError: a library is missing, or the model can't be read.
    """
    if manifest["encoder"]["form"] == fast_encoder.FORM:
        return FastEncoder.load(folder / FOLDER, source.identity, config.threads, config.build_threads)
    if (folder / FOLDER).is_dir():
        source = ModelSource(str(folder / FOLDER), source.identity, on_hub=False)
    return SentenceTransformerEncoder.load(source, config.threads)


def encode(encoder: Embeds, texts: Sequence[str], say: Progress) -> Matrix:
    """The many texts of a build: the slow form takes them in batches of less precision."""
    many = encoder.encode_quickly if isinstance(encoder, SentenceTransformerEncoder) else encoder.encode
    return many(texts, say)
