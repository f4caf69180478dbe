"""Many tenants in one PostgreSQL: exact search inside one tenant, beside FAISS in memory, and what its neighbours cost.

    python -m tests.bench.tenants [--tenants 1000] [--passages 1000000] [--shared-buffers 2GB] [--json]

Two databases of one server hold the same tenants, the second as many again. Each query is asked of both and of FAISS
in turn, in changing order, so that whatever else the machine does meets all alike. Beside milliseconds: the processor
time of the database's process, and the pages of 8 KB that a query looks at, which no load changes. Then all of it once
more with more shared buffers; after every tenant of the first database published a fifth of its texts anew, five times;
and after CLUSTER.

Synthetic neighbours: unit vectors in clusters of about twenty, seeded by tenant. A query is a row, moved a little.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector import Vector
from psycopg import sql

from bot.dense import Dense, Matrix
from bot.stores import search
from bot.stores.database import Database
from bot.stores.search import DatabaseVectors
from tests.bench.tables import machine, markdown
from tests.servers import database_in, kill_and_start, server

DIM, K, CLUSTER = 384, 10, 20
LEAST, MOST = 100, 20_000  # passages of a tenant
BANDS = ((100, 200), (200, 1000), (1000, 5000), (5000, 20_001))
FAISS = "faiss"
ROUNDS, SHARE = 5, 0.2  # of publishing anew
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


@dataclass
class Asked:
    """What the queries of some tenants of one band cost in two databases and FAISS; a list for each."""

    parts: tuple[str, ...]  # the databases
    largest: int
    ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cpu: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # milliseconds
    pages: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    recall: float = 1.0  # the least of a query in either database

    def ratio(self, of: dict[str, list[float]]) -> str:
        """How much more the same queries cost in one database than in the other: median, first and third quartile."""
        one, other = self.parts
        low, middle, high = np.quantile(np.divide(of[one], of[other]), (0.25, 0.5, 0.75))
        return f"{middle:.2f} ({low:.2f} to {high:.2f})"

    def row(self, buffers: str) -> dict[str, str]:
        """As a row of the table."""
        ms = {
            f"{part}, p50 / p95 ms": " / ".join(f"{np.quantile(self.ms[part], q):.3g}" for q in (0.5, 0.95))
            for part in (*self.parts, FAISS)
        }
        ratio = " : ".join(self.parts)
        told = {"shared buffers": buffers, "largest tenant": f"{self.largest:,}", **ms}
        told |= {f"{ratio}, ms": self.ratio(self.ms), f"{ratio}, CPU": self.ratio(self.cpu)}
        told |= {f"pages, {part}": f"{np.median(self.pages[part]):,.0f}" for part in self.parts}
        return {**told, "least recall@10": f"{self.recall:g}"}


@contextmanager
def cpu_of(process: int, into: list[float]) -> Iterator[None]:
    """Add the processor time of a process in milliseconds; Linux counts it in nanoseconds."""
    path = Path(f"/proc/{process}/schedstat")
    before = int(path.read_text().split()[0])
    yield
    into.append((int(path.read_text().split()[0]) - before) / 1e6)


def process_of(database: Database) -> int:
    """The process that answers."""
    with database.administer() as connection:
        return connection.info.backend_pid


def pages(stored: DatabaseVectors, query: Matrix) -> int:
    """Pages of 8 KB that the database looks at for a query, wherever they were."""
    with stored._asking(query=search._text(query), k=K) as (connection, values):
        told = connection.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + search._NEAREST, values).fetchone()
    plan = told[0][0]["Plan"] if told else {}
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def asked(databases: dict[str, Database], chosen: Sequence[int], made: NDArray[np.int64]) -> Asked:
    """Ask the same of two databases and of FAISS.

    One query of each tenant after the other, so that a tenant's rows were not looked at just before. The first round is
    not counted.
    """
    out = Asked(tuple(databases), int(made[list(chosen)].max()))
    kept = {tenant: vectors_of(tenant, int(made[tenant])) for tenant in chosen}
    queries = {tenant: queries_of(tenant, vectors) for tenant, vectors in kept.items()}
    flat = {tenant: Dense.build(vectors) for tenant, vectors in kept.items()}
    stored = {
        (part, tenant): DatabaseVectors(database, name_of(tenant), 1, len(kept[tenant]))
        for part, database in databases.items()
        for tenant in chosen
    }
    processes = {part: process_of(database) for part, database in databases.items()}
    orders = itertools.cycle(itertools.permutations((*databases, FAISS)))
    for turn in range(-1, QUERIES):
        for tenant in chosen:
            query = queries[tenant][turn]
            found: dict[str, set[int]] = {}
            for part in next(orders):
                found[part] = _once(
                    out, part, flat[tenant] if part == FAISS else stored[part, tenant], query, processes
                )
            out.recall = min(out.recall, *(len(found[part] & found[FAISS]) / K for part in databases))
        if turn < 0:
            out.ms.clear()
            out.cpu.clear()
    for (part, tenant), one in stored.items():
        out.pages[part].append(pages(one, queries[tenant][0]))
    if processes != {part: process_of(database) for part, database in databases.items()}:
        raise SystemExit("the database changed its process meanwhile: run it again")
    return out


def _once(out: Asked, part: str, one: Dense | DatabaseVectors, query: Matrix, processes: dict[str, int]) -> set[int]:
    with ExitStack() as counting:
        if part in processes:
            counting.enter_context(cpu_of(processes[part], out.cpu[part]))
        began = time.perf_counter()
        _, rows = one.search(query, K)
        out.ms[part].append(1000 * (time.perf_counter() - began))
    return set(rows.tolist())


def filled(url: str, made: NDArray[np.int64]) -> tuple[Database, float]:
    """A database with tenants of these sizes, tidied as autovacuum would; and the seconds that adding them took."""
    database = Database(url)
    database._pool.resize(0, 1)  # so that one process answers
    database.migrate()
    began = time.perf_counter()
    for tenant, size in enumerate(made):
        add(database, tenant, int(size))
    spent = time.perf_counter() - began
    alone(database, "VACUUM ANALYZE")
    return database, spent


def alone(database: Database, statement: LiteralString) -> None:
    """Run what can't be part of a transaction."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(statement)


_AGAIN = (
    """
    CREATE TEMP TABLE new ON COMMIT DROP AS SELECT place, embedding AS old, key, vector,
    nextval('embedding_embedding_seq') AS embedding FROM searched JOIN embedding USING (tenant, embedding)
    WHERE tenant = %(tenant)s AND random() < %(share)s
    """,
    """
    INSERT INTO embedding (tenant, embedding, key, vector) OVERRIDING SYSTEM VALUE
    SELECT %(tenant)s, embedding, sha256(key), vector FROM new ORDER BY place
    """,
    """
    UPDATE searched SET embedding = new.embedding FROM new
    WHERE tenant = %(tenant)s AND number = 1 AND searched.place = new.place
    """,
    "DELETE FROM embedding USING new WHERE tenant = %(tenant)s AND embedding.embedding = old",
)


def republished(database: Database, rounds: int, share: float) -> None:
    """Every tenant's version replaced by one with a share of other texts, in changing order, with vacuum as it goes."""
    with database.administer() as connection:
        connection.execute("SELECT setseed(0.5)")
        tenants = [own for (own,) in connection.execute("SELECT tenant FROM tenant ORDER BY tenant")]
    random = np.random.default_rng(2)
    for _ in range(rounds):
        for place, own in enumerate(random.permutation(tenants)):
            with database.administer() as connection:
                for statement in _AGAIN:
                    connection.execute(statement, {"tenant": int(own), "share": share})
            if place % 50 == 49:
                alone(database, "VACUUM")
    alone(database, "VACUUM ANALYZE")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--passages", type=int, default=1_000_000)
    parser.add_argument("--shared-buffers", default="2GB", help="of the second time (2GB); the server must be our own")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    made = sizes(options.tenants, options.passages)
    half = options.tenants // 2
    bands = [[t for t in range(half) if low <= made[t] < high][:SAMPLE] for low, high in BANDS]
    rows = []
    with server() as url, database_in(url) as first, database_in(url) as second:
        (few, _), (every, spent) = filled(first, made[:half]), filled(second, made)
        databases = {"all": every, "half": few}
        with every.administer() as connection:
            size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        for buffers in ("128MB", options.shared_buffers):
            set_buffers(url, buffers)
            rows += [asked(databases, chosen, made).row(buffers) for chosen in bands if chosen]
        republished(few, ROUNDS, SHARE)
        pair, aged = {"aged": few, "fresh": every}, []
        for state in ("published anew", "CLUSTER"):
            aged += [{"after": state, **asked(pair, chosen, made).row(buffers)} for chosen in bands if chosen]
            alone(few, "CLUSTER embedding USING embedding_pkey")
            alone(few, "VACUUM ANALYZE")
        few.close()
        every.close()
    told = {
        "tenants": options.tenants, "rows": int(made.sum()), "rows a second": int(made.sum() / spent),
        "bytes a row": int((size[0] if size else 0) / made.sum()), "machine": machine(), "bands": rows, "aged": aged,
    }  # fmt: skip
    print(json.dumps(told, indent=2) if options.json else f"{markdown(rows)}\n\n{markdown(aged)}")
    return 0 if min(float(row["least recall@10"]) for row in rows + aged) >= 0.99 else 1


def set_buffers(url: str, size: str) -> None:
    """Start a server of our own again with so much memory for pages."""
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SHOW shared_buffers").fetchone() == (size,):
            return
        connection.execute(sql.SQL("ALTER SYSTEM SET shared_buffers = {}").format(size))
        connection.execute("CHECKPOINT")
    kill_and_start(url)


if __name__ == "__main__":
    raise SystemExit(main())
