"""Search in one process as the index grows: ``python -m tests.bench.scale [--index DIR] [--sizes N ...]``.

Rows are synthetic neighbours of the index's real ones: each a real row with noise, so that they lie in clusters as
real embeddings do. Queries are made the same way and are in no index. The kind of FAISS index is the one that
``Dense.build`` chooses for the size; it is saved, and loaded by memory map in a process of its own. A search is what a
question costs: its text is embedded, then looked up. What else the retriever does (BM25, the kinds of question) is not
in it. Without ``--json`` or other sizes the table and a plot are written to ``tests/bench/results``.
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot import index as index_module
from bot.config import Config, prepare_environment
from bot.dense import Dense, Matrix
from tests.bench.common import seconds
from tests.bench.lines import log_lines
from tests.bench.tables import RESULTS, machine, write

SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUERIES = 200
TOP = 10
NOISE = 0.5  # length of what is added to a row of length 1: a cosine of .89 with it
PLOTTED = ("p50, ms", "with the encoder, ms", "memory, MB", "build, CPU s")
QUESTION = "how long does the redness last after it"
SLOWDOWN, RECALL = 2.0, 0.98  # what is wanted of the largest beside the smallest


def neighbours(real: Matrix, count: int, seed: int) -> Matrix:
    """Noisy copies of real rows, shape ``(count, dim)``, each of length 1."""
    chance = np.random.default_rng(seed)
    out = np.empty((count, real.shape[1]), dtype=np.float32)
    for start in range(0, count, 50_000):
        rows = real[chance.integers(0, len(real), min(50_000, count - start))]
        noise = chance.standard_normal(rows.shape, dtype=np.float32) * np.float32(NOISE / real.shape[1] ** 0.5)
        near = rows + noise
        out[start : start + len(rows)] = near / np.linalg.norm(near, axis=1, keepdims=True)
    return out


def exact(vectors: Matrix, queries: Matrix) -> list[set[int]]:
    """The best ``TOP`` rows of each query, every row compared."""
    best: list[NDArray[Any]] = [np.zeros((len(queries), 0), dtype=kind) for kind in (np.float32, np.int64)]
    for start in range(0, len(vectors), 50_000):
        scores = queries @ vectors[start : start + 50_000].T
        both = np.concatenate([best[0], scores], axis=1)
        numbers = np.arange(start, start + scores.shape[1])
        rows = np.concatenate([best[1], np.broadcast_to(numbers, scores.shape)], axis=1)
        kept = np.argpartition(-both, TOP - 1, axis=1)[:, :TOP]
        best = [np.take_along_axis(both, kept, axis=1), np.take_along_axis(rows, kept, axis=1)]
    return [set(row) for row in best[1].tolist()]


def measure(real: Matrix, size: int, queries: Matrix, folder: Path) -> dict[str, float]:
    """Build, save, load elsewhere and search an index of one size."""
    vectors = neighbours(real, size, 1)
    wanted = exact(vectors, queries)
    start = time.process_time()
    made = Dense.build(vectors)
    built = time.process_time() - start
    path = folder / f"{size}.faiss"
    made.save(path)
    np.save(folder / "queries.npy", queries)
    command = [sys.executable, "-m", "tests.bench.scale", "--search", str(path)]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}  # a server searches with one thread, whatever the build has
    told = json.loads(subprocess.run(command, env=alone, stdout=subprocess.PIPE, text=True, check=True).stdout)
    found = [set(rows) for rows in told.pop("found")]
    hits = sum(len(a & b) for a, b in zip(found, wanted, strict=True))
    disk = path.stat().st_size / 1e6
    path.unlink()
    return {"rows": size, "build, CPU s": built, "disk, MB": disk, **told, "recall@10": hits / (TOP * len(queries))}


def search(path: Path) -> dict[str, object]:
    """In a process of its own: load by memory map, look up every query."""
    queries = np.load(path.with_name("queries.npy"))
    before, start = resident(), time.perf_counter()
    dense = Dense.load(path)
    loaded = 1000 * (time.perf_counter() - start)
    found = [dense.search(query, TOP)[1].tolist() for query in queries]  # the pages are read from the disk
    times = sorted(1000 * seconds(lambda query=query: dense.search(query, TOP)) for query in queries)  # type: ignore[misc]
    return {
        "load, ms": loaded,
        "memory, MB": resident() - before,
        "p50, ms": statistics.median(times),
        "p95, ms": times[int(0.95 * len(times))],
        "found": found,
    }


def told(rows: Sequence[dict[str, float]], keep: bool) -> str:
    """The table as Markdown; written with a plot beside it if it is to be kept."""
    shown = [{name: f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for name, v in row.items()} for row in rows]
    if keep:
        lines = {name: [row[name] for row in rows] for name in PLOTTED}
        plot = log_lines("Search in one process as the index grows", "rows", [row["rows"] for row in rows], lines)
        (RESULTS / "scale.svg").write_text(plot, encoding="utf-8")
    said = f"{machine()}. The largest over the smallest: {slower(rows):.2f} (limit {SLOWDOWN:g}), with the encoder."
    return write("scale", shown, said, keep=keep)


def slower(rows: Sequence[dict[str, float]]) -> float:
    """How much longer a search takes in the largest than in the smallest."""
    return rows[-1]["with the encoder, ms"] / rows[0]["with the encoder, ms"]


def resident() -> float:
    """What this process holds in memory, in MB; pages of a mapped file count once they are read."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a Markdown table, or one JSON object a size; 1 where the largest is too slow or misses too much."""
    parser = argparse.ArgumentParser(description="Search as the index grows.")
    parser.add_argument("--index", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--search", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.search:
        print(json.dumps(search(options.search)))
        return 0
    config = Config.from_env(index=options.index)
    prepare_environment(config)
    index = index_module.load(config)
    real = index.dense.vectors(np.arange(len(index.dense)))
    queries = neighbours(real, QUERIES, 2)
    encode = 1000 * statistics.median(seconds(lambda: index.encoder.encode([QUESTION])) for _ in range(50))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            row = measure(real, size, queries, Path(folder))
            rows.append({**row, "with the encoder, ms": row["p50, ms"] + encode})
            if options.json:
                print(json.dumps({name: round(value, 3) for name, value in rows[-1].items()}), flush=True)
    if not options.json:
        print(told(rows, keep=tuple(options.sizes) == SIZES))
    return int(slower(rows) > SLOWDOWN or min(row["recall@10"] for row in rows) < RECALL)


if __name__ == "__main__":
    sys.exit(main())
