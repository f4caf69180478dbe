"""Our retriever on public FAQ-retrieval data in the BEIR layout, beside published figures.

    python tests/bench/external.py DATA [DATA ...] [--adapt] [--json]

``DATA`` is a folder with ``corpus.jsonl`` ({"_id", "title", "text"}), ``queries.jsonl`` ({"_id", "text"}) and
``qrels.tsv`` (or ``qrels/test.tsv``). Each document becomes an article with its title as the heading, the
index is built as a clinic's is, and documents are ranked by their best passage.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from bot import index
from bot.aggregate import Bootstrap, Estimate
from bot.config import Config, prepare_environment
from bot.metrics import RETRIEVAL, retrieval
from bot.pipeline import Bot

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!<>|~&$])")


@dataclass(frozen=True)
class Data:
    """A folder read: texts by id, and for each query its relevant documents with their grades."""

    documents: Mapping[str, tuple[str, str]]
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]


def read(folder: Path) -> Data:
    """Read a folder; queries without a relevant document are left out, as every evaluator does."""
    documents = {row["_id"]: (row.get("title") or "", row.get("text") or "") for row in _rows(folder / "corpus.jsonl")}
    path = next(p for p in (folder / "qrels.tsv", folder / "qrels" / "test.tsv") if p.exists())
    qrels: dict[str, dict[str, int]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for query, document, grade in list(csv.reader(file, delimiter="\t"))[1:]:
            if int(grade) > 0:
                qrels.setdefault(query, {})[document] = int(grade)
    queries = {row["_id"]: row["text"] for row in _rows(folder / "queries.jsonl") if row["_id"] in qrels}
    return Data(documents, queries, qrels)


def _rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def write_corpus(data: Data, folder: Path) -> dict[str, str]:
    """One Markdown article a document; returns source id to document id."""
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier run
    folder.mkdir(parents=True)
    names = {f"{number:06}": name for number, name in enumerate(data.documents)}
    for source, name in names.items():
        title, text = data.documents[name]
        paragraphs = [_escaped(line) for line in (text or title).splitlines() if line.strip()]
        body = "\n\n".join([f"## {_escaped(title or name)}", *paragraphs])
        (folder / f"{source}.md").write_text(f"---\ntitle: Document {source}\n---\n{body}\n", encoding="utf-8")
    return names


def _escaped(text: str) -> str:
    """Plain text as Markdown that means the same."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def rank(bot: Bot, query: str, names: Mapping[str, str]) -> list[str]:
    """Document ids, best first; several questions in one query take turns."""
    lists = [[names[h.passage.source_id] for h in hits] for _, hits in bot.search(query)]
    longest = max(map(len, lists), default=0)
    return list(dict.fromkeys(hits[i] for i in range(longest) for hits in lists if i < len(hits)))


def measure(data: Data, folder: Path, adapt: bool) -> dict[str, Estimate]:
    """Build an index of the documents in ``folder`` and measure every query."""
    names = write_corpus(data, folder / "corpus")
    config = Config(corpus=folder / "corpus", index=folder / "index")
    config = replace(config, adaptation=replace(config.adaptation, enabled=adapt))
    index.build(config)
    bot = Bot.open(config)
    found = [retrieval(rank(bot, text, names), data.qrels[name]) for name, text in data.queries.items()]
    bootstrap = Bootstrap(list(data.queries))
    return {name: bootstrap.estimate([row[name] for row in found]) for name in RETRIEVAL}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table, or one JSON object a folder."""
    parser = argparse.ArgumentParser(description="Measure the retriever on data in the BEIR layout.")
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--adapt", action="store_true", help="fit the encoder to the documents at build")
    parser.add_argument(
        "--work", type=Path, metavar="DIR", help="keep each index here: the next run embeds what is new"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    prepare_environment(Config())
    for folder in options.data:
        data = read(folder)
        with tempfile.TemporaryDirectory() as made:
            found = measure(data, (options.work or Path(made)) / folder.name, options.adapt)
        if options.json:
            print(json.dumps({"data": folder.name, **{name: e.to_dict() for name, e in found.items()}}))
            continue
        print(f"{folder.name}: {len(data.documents)} documents, {len(data.queries)} queries")
        for name, e in found.items():
            print(f"  {name:10} {100 * e.mean:5.1f}  ({100 * e.low:.1f} to {100 * e.high:.1f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
