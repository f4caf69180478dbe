"""Visitors with and without pauses, beside a stock chat page over the same bot: ``python -m tests.bench.load``.

Everything on this machine's own address. Writes ``load.md`` and ``load.json`` to ``tests/bench/results``. ``--seconds``
(20) is how long each line is measured; ``--index DIR`` is handed to both servers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from bot.sets import read_set
from tests.bench.common import SETS
from tests.bench.tables import machine, write
from tests.bench.visitors import ApiVisitor, PageVisitor, Visitor, recorded, visit
from tests.browser.conftest import free_port, wait_until_ready
from tests.conftest import ROOT

PAUSE = 10.0  # seconds between two questions of one visitor
P95 = 150.0  # milliseconds that 95 of 100 replies may take at the page with 50 users
TIMES_STOCK = 5.0  # replies a second through our page over those through the stock page
OURS, THEIRS = "page, 50 users without pause", "stock page, 50 users without pause"
STOCK = """
import sys
from pathlib import Path
from bot.config import Config, prepare_environment
config = Config.from_env(index=Path(sys.argv[2]) if len(sys.argv) > 2 else None)
prepare_environment(config)
import os
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
import gradio as gr
from bot.pipeline import Bot
from bot.schema import Turn
bot = Bot.open(config)
gr.ChatInterface(lambda message, history: bot.ask([Turn("user", message)]).answer).launch(server_port=int(sys.argv[1]))
"""


@dataclass(frozen=True)
class Server:
    """A served chat and its process."""

    address: str
    process: subprocess.Popen[bytes]

    def cpu(self) -> float:
        """CPU seconds so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Resident bytes."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def files(self) -> int:
        """Open file descriptors."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


@contextmanager
def served(*command: str, ready: str) -> Iterator[Server]:
    """Run a server; ``{port}`` in the command is its port."""
    port = str(free_port())
    arguments = [part.replace("{port}", port) for part in command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FAQ_LOGS": "text"}
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}{ready}", process, 300)
        yield Server(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        process.wait(30)


Row = dict[str, object]


@cache
def questions() -> list[str]:
    """What people ask: every tenth question of the regression set."""
    return [item.turns[-1] for item in read_set(SETS / "qa.jsonl").items[::10]]


def line(name: str, server: Server, new: Callable[[str], Visitor], users: int, seconds: float, pause: float) -> Row:
    """Measure one line of the table."""
    before = server.cpu()
    told = asyncio.run(visit(new, questions(), users, seconds, pause))
    answers = len(told.seconds)
    found: Row = {"what": name, "answers": answers, "answers/s": round(answers / seconds, 1)}
    found |= {f"p{q} ms": round(told.at(q / 100)) for q in (50, 95, 99)}
    found["server CPU ms/answer"] = round(1000 * (server.cpu() - before) / max(1, answers), 1)
    found["errors"] = len(told.failures)
    for failure in dict.fromkeys(told.failures):
        print(name, failure, file=sys.stderr)
    print(found, file=sys.stderr, flush=True)
    return found


def lines(ours: Server, stock: Server, seconds: float) -> Iterator[Row]:
    """Every line: with pauses through both doors, then as much as goes, ours beside stock."""
    page, plain = recorded(ours.address, "/chat"), recorded(stock.address, "")
    at, at_stock = partial(PageVisitor, page), partial(PageVisitor, plain)
    api = partial(ApiVisitor, ours.address)
    for new in (at, at_stock):
        asyncio.run(visit(new, questions(), 5, 3, 0))  # warm
    for users in (50, 200):
        for name, door in (("page", at), ("/api/ask", api)):
            yield line(f"{name}, {users} users, a question every {PAUSE:.0f} s", ours, door, users, seconds, PAUSE)
    yield line(f"stock page, 50 users, a question every {PAUSE:.0f} s", stock, at_stock, 50, seconds, PAUSE)
    requests = f"({len(page.sends)} request a question)", f"({len(plain.sends)} requests a question)"
    yield line(f"{OURS} {requests[0]}", ours, at, 50, seconds, 0.0)
    yield line(f"{THEIRS} {requests[1]}", stock, at_stock, 50, seconds, 0.0)
    yield line("/api/ask, 50 users without pause", ours, api, 50, seconds, 0.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args(arguments)
    index = str(options.index or ROOT / "index")
    with (
        served("app.py", "--port", "{port}", "--index", index, ready="/readyz") as ours,
        served("-c", STOCK, "{port}", index, ready="/") as stock,
    ):
        rows = list(lines(ours, stock, options.seconds))
    rate = {str(row["what"]).partition(" (")[0]: float(str(row["answers/s"])) for row in rows}
    times = rate[OURS] / max(0.1, rate[THEIRS])
    p95 = float(str(rows[0]["p95 ms"]))
    said = (
        f"{machine()}, shared with the visitors and with other work. Replies a second through our page over those "
        f"through a stock `gr.ChatInterface`: {times:.1f} (wanted {TIMES_STOCK:.0f}); p95 of 50 users at the page: "
        f"{p95:.0f} ms (wanted {P95:.0f})."
    )
    print(write("load", rows, said))
    return int(times < TIMES_STOCK or p95 > P95)


if __name__ == "__main__":
    sys.exit(main())
