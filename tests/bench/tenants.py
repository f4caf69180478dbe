"""Many tenants in one PostgreSQL: exact search inside one tenant, beside FAISS in memory, while tenants are added.

    python -m tests.bench.tenants [--tenants 1000] [--passages 1000000] [--json]

Synthetic neighbours: unit vectors in clusters of about twenty, seeded by tenant. A query is a row, moved a little.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector

from bot.dense import Dense, Matrix
from bot.stores.database import Database
from bot.stores.search import DatabaseVectors
from tests.servers import server

DIM, K, CLUSTER = 384, 10, 20
LEAST, MOST = 100, 20_000  # passages of a tenant
BANDS = ((100, 200), (200, 1000), (1000, 5000), (5000, 20_001))
SAMPLE, QUERIES = 12, 10  # tenants of a band, queries of a tenant


def sizes(tenants: int, passages: int) -> NDArray[np.int64]:
    """Passages of each tenant: many small ones and few large, ``passages`` in all; the power is found by bisection."""
    ranks = (np.arange(tenants) + 0.5) / tenants
    low, high = 0.2, 5.0
    for _ in range(60):
        power = (low + high) / 2
        made = np.clip(LEAST * ranks ** (-1 / power), LEAST, MOST).astype(np.int64)
        low, high = (power, high) if made.sum() > passages else (low, power)
    return np.asarray(np.random.default_rng(1).permutation(made), dtype=np.int64)


def vectors_of(tenant: int, size: int) -> Matrix:
    """The rows of a tenant, shape ``(size, DIM)``."""
    random = np.random.default_rng(tenant)
    centres = random.standard_normal((size // CLUSTER + 1, DIM), dtype=np.float32)
    made = centres[random.integers(0, len(centres), size)] + 0.6 * random.standard_normal((size, DIM), dtype=np.float32)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


def queries_of(tenant: int, vectors: Matrix) -> Matrix:
    random = np.random.default_rng(10**6 + tenant)
    near = vectors[random.integers(0, len(vectors), QUERIES)]
    moved = near + 0.3 / np.sqrt(DIM) * random.standard_normal(near.shape, dtype=np.float32)
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), dtype=np.float32)


def add(database: Database, tenant: int, size: int) -> None:
    """A tenant with one version of so many rows, as publishing leaves it."""
    with database.administer() as connection:
        made = connection.execute(
            "INSERT INTO tenant (name) VALUES (%s) RETURNING tenant", [name_of(tenant)]
        ).fetchone()
        own = made[0] if made else 0
        connection.execute("INSERT INTO version (tenant, number, name, manifest) VALUES (%s, 1, 'bench', '{}')", [own])
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY embedding (tenant, key, vector) FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.set_types(["int8", "bytea", "bytea"])
            for place, vector in enumerate(vectors_of(tenant, size)):
                copy.write_row((own, place.to_bytes(32), Vector(vector).to_binary()))
        connection.execute(
            "INSERT INTO searched (tenant, number, place, embedding) SELECT tenant, 1, "
            "row_number() OVER (ORDER BY embedding) - 1, embedding FROM embedding WHERE tenant = %s ORDER BY embedding",
            [own],
        )


def name_of(tenant: int) -> str:
    return f"bench-{tenant}"


def timed(search: Callable[[Matrix], object], queries: Matrix) -> list[float]:
    """Milliseconds of each query, after one that is not counted."""
    search(queries[0])
    out = []
    for query in queries:
        began = time.perf_counter()
        search(query)
        out.append(1000 * (time.perf_counter() - began))
    return out


def p95(values: Sequence[float]) -> float:
    return float(np.quantile(values, 0.95))


def measured(database: Database, chosen: Sequence[int], made: NDArray[np.int64]) -> dict[str, float]:
    """Both engines over some tenants of one band."""
    ours: list[float] = []
    theirs: list[float] = []
    recalls: list[float] = []
    for tenant in chosen:
        vectors = vectors_of(tenant, int(made[tenant]))
        queries = queries_of(tenant, vectors)
        flat = Dense.build(vectors)
        stored = DatabaseVectors(database, name_of(tenant), 1, len(vectors))
        theirs += timed(lambda q, flat=flat: flat.search(q, K), queries)  # type: ignore[misc]
        ours += timed(lambda q, stored=stored: stored.search(q, K), queries)  # type: ignore[misc]
        for query in queries:
            exact, found = (set(one.search(query, K)[1].tolist()) for one in (flat, stored))
            recalls.append(len(exact & found) / len(exact))
    return {
        "tenants": len(chosen), "largest": int(made[list(chosen)].max()),
        "postgres p50 ms": statistics.median(ours), "postgres p95 ms": p95(ours),
        "faiss p50 ms": statistics.median(theirs), "faiss p95 ms": p95(theirs), "recall@10": min(recalls),
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--passages", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    made = sizes(options.tenants, options.passages)
    half = options.tenants // 2
    bands = [[t for t in range(half) if low <= made[t] < high][:SAMPLE] for low, high in BANDS]
    with server() as url:
        database = Database(url)
        database.migrate()
        began = time.perf_counter()
        for tenant in range(half):
            add(database, tenant, int(made[tenant]))
        before = [measured(database, chosen, made) for chosen in bands if chosen]
        for tenant in range(half, options.tenants):
            add(database, tenant, int(made[tenant]))
        spent = time.perf_counter() - began
        after = [measured(database, chosen, made) for chosen in bands if chosen]
        with database.administer() as connection:
            size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        database.close()
    rows = int(made.sum())
    told = {
        "tenants": options.tenants, "rows": rows, "rows a second, searches between included": rows / spent,
        "bytes a row": (size[0] if size else 0) / rows,
        "half of the tenants": before, "all of them": after,
    }  # fmt: skip
    print(json.dumps(told, indent=2) if options.json else "\n".join(f"{k}: {v}" for k, v in told.items()))
    return 0 if min(band["recall@10"] for band in after) >= 0.99 else 1


if __name__ == "__main__":
    raise SystemExit(main())
