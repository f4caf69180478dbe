"""Whether search inside PostgreSQL ranks as the files do: the passage ranked first, for every question of the set.

python -m tests.bench.stores [--index DIR] [--items N] [--json]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bot import index as index_module
from bot.config import Config, prepare_environment
from bot.facets import Facets
from bot.index import Index
from bot.lexicon import Lexicon
from bot.pipeline import Bot
from bot.retriever import Retriever
from bot.rewrite import Query
from bot.sets import read_set
from bot.stores import View
from bot.stores.database import Database
from bot.stores.files import FileStore
from bot.stores.postgres import PostgresStore
from tests.bench.common import SETS
from tests.servers import server


def searching(index: Index, view: View) -> Index:
    """The same index, searched in a store."""
    return replace(index, dense=view.vectors, sparse_questions=view.questions, sparse_texts=view.texts)


def firsts(retrievers: Sequence[Retriever], queries: Sequence[Query]) -> Iterator[tuple[list[str], list[float]]]:
    """For each query the passage each retriever ranks first, and the seconds each took."""
    for query in queries:
        found, took = [], []
        for retriever in retrievers:
            began = time.perf_counter()
            hits = retriever.search(query).hits
            took.append(time.perf_counter() - began)
            found.append(hits[0].passage.id)
        yield found, took


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--items", type=int)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    config = Config.from_env(index=options.index)
    prepare_environment(config)
    items = read_set(SETS / "qa.jsonl").items[: options.items]
    with tempfile.TemporaryDirectory() as cache, server() as url:
        database = Database(url)
        database.migrate()
        store = PostgresStore(database, FileStore(Path(cache)))
        store.create("bench")
        store.publish("bench", config)
        index, bot = index_module.load(config), Bot.open(config)
        queries = [q for item in items for q in bot._rewriter.queries(item.turns)]
        both = (index, searching(index, store.view("bench")))
        settings = config.fitted(index.kind).retrieval
        retrievers = [Retriever(one, Lexicon.load(), Facets.load(), settings) for one in both]
        found = list(firsts(retrievers, queries))
        database.close()
    same = sum(len(set(ranked)) == 1 for ranked, _ in found)
    figures = {
        "items": len(items), "queries": len(found), "same first": same, "share": same / len(found),
        "median ms files": 1000 * sorted(t[0] for _, t in found)[len(found) // 2],
        "median ms postgres": 1000 * sorted(t[1] for _, t in found)[len(found) // 2],
    }  # fmt: skip
    print(json.dumps(figures) if options.json else "\n".join(f"{k}: {v:.6g}" for k, v in figures.items()))
    return 0 if same >= 0.99 * len(found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
