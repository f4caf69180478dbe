"""What a user would take instead: txtai, Haystack and LlamaIndex on the same passages with the same model.

    pip install -r tests/bench/rivals-requirements.txt
    python -m tests.bench.rivals [--index DIR]

Each answers the regression set's first questions (``test``) with the passage it ranks first, cut at the length an
answer may have, and declines below a score that is fitted to ``dev`` by the same cost as ours. Each has a process of
its own: CPU time of import, model and indexing until the first answer, memory, CPU time of the median question. Ours
starts from its built index, as it does for whoever starts it. Nothing is downloaded. Writes ``results/rivals.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bot import index
from bot.config import Config, prepare_environment
from bot.encoder import locate
from bot.metrics import EXPECTED, MAX_WORDS, Item, spoken, would_be_right
from bot.sets import read_set
from tests.bench.common import SETS
from tests.bench.start import megabytes
from tests.bench.tables import machine, write
from tests.conftest import ROOT

COST = 1.5  # of a wrong answer, in silent ones: what our own decision was fitted by
Search = Callable[[str], tuple[int, float]]  # a question to the number of the best passage and its score
Found = tuple[str, str, float]  # of one question: the answer's text, its article, its score


def txtai(texts: Sequence[str], model: str) -> Search:
    """txtai's defaults for semantic search: its Faiss index over the model's vectors."""
    from txtai import Embeddings

    embeddings = Embeddings(path=model, gpu=False)
    embeddings.index((number, text, None) for number, text in enumerate(texts))

    def search(question: str) -> tuple[int, float]:
        found = embeddings.search(question, 1)  # nothing where no score is above 0
        return (int(found[0][0]), float(found[0][1])) if found else (0, 0.0)

    return search


def haystack(texts: Sequence[str], model: str) -> Search:
    """Haystack's in-memory store with its embedding retriever."""
    from haystack import Document
    from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack.utils import ComponentDevice
    from haystack_integrations.components.embedders.sentence_transformers import (
        SentenceTransformersDocumentEmbedder,
        SentenceTransformersTextEmbedder,
    )

    device = ComponentDevice.from_str("cpu")
    documents = SentenceTransformersDocumentEmbedder(model=model, device=device, progress_bar=False)
    questions = SentenceTransformersTextEmbedder(model=model, device=device, progress_bar=False)
    documents.warm_up()
    questions.warm_up()
    store = InMemoryDocumentStore(embedding_similarity_function="cosine")
    made = [Document(content=text, meta={"number": number}) for number, text in enumerate(texts)]
    store.write_documents(documents.run(documents=made)["documents"])
    retriever = InMemoryEmbeddingRetriever(document_store=store, top_k=1)

    def search(question: str) -> tuple[int, float]:
        (best,) = retriever.run(query_embedding=questions.run(text=question)["embedding"])["documents"]
        return int(best.meta["number"]), float(best.score)

    return search


def llamaindex(texts: Sequence[str], model: str) -> Search:
    """LlamaIndex's vector index with its Hugging Face embedding."""
    from llama_index.core import VectorStoreIndex
    from llama_index.core.schema import TextNode
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    embedding = HuggingFaceEmbedding(model_name=model, device="cpu")
    nodes = [TextNode(text=text, id_=str(number)) for number, text in enumerate(texts)]
    retriever = VectorStoreIndex(nodes, embed_model=embedding).as_retriever(similarity_top_k=1)

    def search(question: str) -> tuple[int, float]:
        (best,) = retriever.retrieve(question)
        return int(best.node.node_id), float(best.score or 0.0)

    return search


RIVALS = {"txtai": txtai, "Haystack": haystack, "LlamaIndex": llamaindex}
PACKAGES = {"txtai": "txtai", "Haystack": "haystack-ai", "LlamaIndex": "llama-index-core"}


def child(name: str, task: Path) -> dict[str, Any]:
    """In a process of its own: index, answer every question, and what that took."""
    given = json.loads(task.read_text(encoding="utf-8"))
    search = RIVALS[name]([text for _, text in given["passages"]], given["model"])
    search("does it hurt")
    cold = time.process_time()
    answers, times = [], []
    for question in given["questions"]:
        begun = time.process_time()
        number, score = search(question)
        times.append(time.process_time() - begun)
        source, text = given["passages"][number]
        answers.append((" ".join(text.split()[:MAX_WORDS]), source, score))
    return {"cold": cold, "ms": 1000 * statistics.median(times), "memory": held(), "answers": answers}


def our_child(task: Path) -> dict[str, Any]:
    """The same of our own bot, which has an index already."""
    given = json.loads(task.read_text(encoding="utf-8"))
    config = Config.from_env(index=Path(given["index"]))
    prepare_environment(config)
    from bot.pipeline import Bot
    from bot.schema import Turn

    bot = Bot.open(config)
    bot.ask([Turn("user", "does it hurt")])
    cold = time.process_time()
    answers, times = [], []
    for question in given["questions"]:
        begun = time.process_time()
        reply = bot.ask([Turn("user", question)])
        times.append(time.process_time() - begun)
        cited = reply.citations[0].source_id if reply.citations else ""
        said = spoken(reply.answer) if reply.status == "answered" else ""  # any other status is no right answer
        answers.append((said, cited, float(reply.status not in EXPECTED["abstain"])))
    return {"cold": cold, "ms": 1000 * statistics.median(times), "memory": held(), "answers": answers}


def held() -> float:
    """Resident memory of this process, in MB."""
    return megabytes(Path("/proc/self/status").read_text(encoding="ascii"))


def counts(items: Sequence[Item], found: Sequence[Found], least: float) -> tuple[int, int]:
    """Right and wrong where everything that scores less than ``least`` is declined; a part of the facts is wrong."""
    right = wrong = 0
    for item, (text, source, score) in zip(items, found, strict=True):
        if score < least:
            right += item.expect == "abstain"
        elif would_be_right(item, text, [source]):
            right += 1
        else:
            wrong += 1
    return right, wrong


def fitted(items: Sequence[Item], found: Sequence[Found]) -> float:
    """The least score to answer by, of those that occur, with which right answers outweigh wrong ones most."""
    return max({f[2] for f in found}, key=lambda least: (lambda c: c[0] - COST * c[1])(counts(items, found, least)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, default=ROOT / "index")
    parser.add_argument("--child", nargs=2, metavar=("NAME", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        name, task = options.child
        print(json.dumps(child(name, Path(task)) if name in RIVALS else our_child(Path(task))))
        return 0
    config = Config.from_env(index=options.index)
    prepare_environment(config)
    passages = index.load(config).passages
    both = [i for i in read_set(SETS / "qa.jsonl").items if len(i.turns) == 1 and i.expect in ("answer", "abstain")]
    dev, test = ([i for i in both if i.split == split] for split in ("dev", "test"))
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        task = Path(scratch) / "task.json"
        said = [(p.source_id, f"{p.heading}. {p.text}" if p.heading else p.text) for p in passages]
        asked = [item.turns[-1] for item in (*dev, *test)]
        what = {"passages": said, "questions": asked, "model": locate(config.model).location}
        task.write_text(json.dumps({**what, "index": str(options.index.resolve())}), encoding="utf-8")
        for name in ("this bot", *RIVALS):
            done = run(name, task)
            known, new = done["answers"][: len(dev)], done["answers"][len(dev) :]
            least = 0.5 if name == "this bot" else fitted(dev, known)  # ours decides by itself
            right, wrong = counts(test, new, least)
            answering = counts(test, new, float("-inf"))[0]
            rows.append({
                "what": f"{name} {version(PACKAGES[name])}" if name in RIVALS else name,
                "right %": round(100 * right / len(test), 1), "wrong %": round(100 * wrong / len(test), 1),
                "right %, declining nothing": "" if name == "this bot" else round(100 * answering / len(test), 1),
                "median question, CPU ms": round(done["ms"], 1), "to the first answer, CPU s": round(done["cold"], 1),
                "memory, MB": round(done["memory"]),
            })  # fmt: skip
            print(rows[-1], file=sys.stderr, flush=True)
    told = (
        f"{machine()}. {len(test)} first questions kept for test, covered or not; declining fitted to {len(dev)} more."
    )
    print(write("rivals", rows, told))
    return 0


def run(name: str, task: Path) -> dict[str, Any]:
    """One of them in a process of its own.

    Raises:
        RuntimeError: it failed, with what it said.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, "-m", "tests.bench.rivals", "--child", name, str(task)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


if __name__ == "__main__":
    sys.exit(main())
