"""Which form of the encoder serves: the fast one without the model's libraries; where there is none, the model."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot import builds, forms, index
from bot.config import Config
from bot.embedding import Before
from bot.encoder import SentenceTransformerEncoder, locate
from bot.fast_encoder import FORM, FastEncoder
from bot.forms import PLAIN
from bot.index import Index
from bot.known import key
from bot.pipeline import Bot
from bot.rows import EXAMPLE, UNCOVERED, rows_of
from bot.schema import Turn
from tests.conftest import ROOT
from tests.test_index import linked

SLOW = {"torch", "transformers", "sentence_transformers", "safetensors", "onnx", "sklearn", "gradio"}
QUESTION = [Turn("user", "how often is the chain oiled")]


def silent(step: str, done: int, total: int) -> None:
    pass


def manifest(config: Config) -> dict[str, Any]:
    (path,) = (config.index / "builds").glob("*/manifest.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def files(config: Config) -> set[str]:
    return {name for name in manifest(config)["files"] if name.startswith("encoder/")}


def test_the_fast_form_is_made_checked_and_listed(bicycle: Config, bicycle_index: index.Index) -> None:
    said = manifest(bicycle)["encoder"]
    assert said["form"] == FORM
    assert said["cosine_mean"] >= said["wanted"]["mean"]
    assert said["cosine_least"] >= said["wanted"]["least"]
    assert files(bicycle) == {"encoder/model.onnx", "encoder/tokenizer.json"}
    assert isinstance(bicycle_index.encoder, FastEncoder)
    assert bicycle_index.encoder.identity == manifest(bicycle)["model"]


@pytest.mark.parametrize("arguments", [["ask", "tyre pressure"], ["search", "tyre pressure"]], ids=lambda a: a[0])
def test_asking_loads_none_of_the_model_s_libraries(bicycle: Config, arguments: list[str]) -> None:
    code = f"""
import sys
from bot.__main__ import main
code = main({[*arguments, "--corpus", str(bicycle.corpus), "--index", str(bicycle.index)]!r})
print([code, sorted({{name.split(".")[0] for name in sys.modules}} & {SLOW!r})])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": "", "FAQ_ADAPT": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ast.literal_eval(done.stdout.splitlines()[-1]) == [0, []]
    assert "4 to 5 bar" in done.stdout or "002-tyres#0" in done.stdout


def test_switched_off_the_model_itself_serves(
    bicycle: Config, bicycle_index: Index, bicycle_bot: Bot, tmp_path: Path
) -> None:
    config = replace(bicycle, index=tmp_path / "index", fast=False)
    rows, texts = rows_of(bicycle_index.passages, bicycle_index.articles)
    of_corpus = {key(texts[row]) for row in np.flatnonzero(~np.isin(rows.kind, (EXAMPLE, UNCOVERED)))}
    known = Before(*builds.current(bicycle.index)).known()  # the examples' are near enough, and take a minute
    index.build(config, given={k: vector for k, vector in known.items() if k not in of_corpus})
    assert index.built(config).encoded == len(of_corpus)
    assert manifest(config)["encoder"] == {"form": PLAIN, "reason": "switched off"}
    assert files(config) == set()
    assert isinstance(index.load(config).encoder, SentenceTransformerEncoder)
    reply, fast = Bot.open(config).ask(QUESTION), bicycle_bot.ask(QUESTION)
    assert (reply.status, reply.answer) == (fast.status, fast.answer) == ("answered", reply.answer)


def test_without_onnx_runtime_there_is_the_model_itself(
    bicycle: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    encoder, said = forms.make(
        bicycle, SentenceTransformerEncoder.load(locate(bicycle.model), 1), tmp_path, ((), ()), ["does it hurt"], silent
    )
    assert said["encoder"] == {"form": PLAIN, "reason": "not installed: onnxruntime"}
    assert isinstance(encoder, SentenceTransformerEncoder)
    assert not (tmp_path / "encoder").exists()


def test_the_slow_form_of_an_adapted_model_is_its_own(bicycle: Config, tmp_path: Path) -> None:
    source, said = locate(bicycle.model), {"encoder": {"form": PLAIN}}
    original = forms.load(bicycle, source, tmp_path, said)
    assert isinstance(original, SentenceTransformerEncoder)
    last = [p for name, p in original.model.named_parameters() if "layer.5" in name and p.ndim == 2][-1]
    last.data *= 1.5
    original.save(tmp_path / "encoder")
    adapted = forms.load(bicycle, source, tmp_path, said)
    assert adapted.identity == original.identity == source.identity
    np.testing.assert_allclose(adapted.encode(["gear"]), original.encode(["gear"]), atol=1e-6)


def test_the_encoder_is_taken_over_by_the_next_build(bicycle: Config, tmp_path: Path) -> None:
    config = linked(bicycle, tmp_path / "index")
    before, steps = manifest(config), []
    assert index.build(config, lambda step, done, total: steps.append(step)) == before["version"]
    after = manifest(config)
    assert (after.pop("work")["encoder"], before.pop("work")["encoder"]) == ("kept", "made")
    assert after == before
    assert not {"make the encoder fast", "encode"} & set(steps)
    assert index.load(config).version == before["version"]
