"""Many users for long, and whether the server grows: ``python -m tests.bench.soak [--minutes 30] [--index DIR]``.

50 users at the page (or through ``/api/ask`` with ``--api``), a question every 10 seconds each. The first sixth warms
up. Then no request may fail, memory may grow by less than 5%, and no file stay open. Writes ``soak.md`` and
``soak.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench.load import PAUSE, Row, Server, questions, served
from tests.bench.tables import machine, write
from tests.bench.visitors import ApiVisitor, PageVisitor, Told, Visitor, recorded, visit
from tests.conftest import ROOT

GROWTH = 0.05  # of memory, after the warm-up
LOOKS = 60  # at the server's memory and files


@dataclass(frozen=True)
class Look:
    """The server at one moment: seconds since the start, resident bytes, open files."""

    at: float
    memory: int
    files: int


@dataclass(frozen=True)
class Soak:
    """What was seen after the warm-up, how visitors fared, and the files that were open before they came and after."""

    told: Told
    looks: Sequence[Look]
    files: tuple[int, int]

    @property
    def growth(self) -> float:
        """Memory of the last third over the first third, less one; medians, because a single look says little."""
        third = max(1, len(self.looks) // 3)
        first, last = (
            statistics.median(look.memory for look in part) for part in (self.looks[:third], self.looks[-third:])
        )
        return last / first - 1

    @property
    def faults(self) -> list[str]:
        """What is not as it should be."""
        found = [f"{len(self.told.failures)} errors, such as {self.told.failures[0]}"] if self.told.failures else []
        found += ["no answers"] if not self.told.seconds else []
        found += [f"memory grew by {self.growth:.1%}"] if self.growth >= GROWTH else []
        found += [f"{self.files[1] - self.files[0]} files stayed open"] if self.files[1] > self.files[0] else []
        return found

    def row(self) -> Row:
        """A line of the table."""
        return {
            "answers": len(self.told.seconds),
            "errors": len(self.told.failures),
            **{f"p{q} ms": round(self.told.at(q / 100)) for q in (50, 95, 99)},
            "memory MB, first and last": f"{self.looks[0].memory / 1e6:.0f}, {self.looks[-1].memory / 1e6:.0f}",
            "growth": f"{self.growth:+.1%}",
            "open files, before and after": f"{self.files[0]}, {self.files[1]}",
            "result": "; ".join(self.faults) or "as it should",
        }


async def soak(server: Server, new: Callable[[str], Visitor], users: int, seconds: float, pause: float) -> Soak:
    """Let so many users ask for so long, and look at the server meanwhile."""
    await visit(new, questions(), 2, min(3.0, seconds / 6), 0.0)
    await asyncio.sleep(1)
    before = server.files()
    asking = asyncio.create_task(visit(new, questions(), users, seconds, pause))
    begun, looks = time.monotonic(), list[Look]()
    while not asking.done():
        await asyncio.wait([asking], timeout=seconds / LOOKS)
        looks.append(Look(time.monotonic() - begun, server.memory(), server.files()))
    told = await asking
    for _ in range(100):  # connections that visitors left are closed within seconds
        if server.files() <= before:
            break
        await asyncio.sleep(0.1)
    return Soak(told, [look for look in looks if look.at > seconds / 6], (before, server.files()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, print, write; 1 where the server grew or failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, default=ROOT / "index")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--api", action="store_true")
    options = parser.parse_args(arguments)
    with served("app.py", "--port", "{port}", "--index", str(options.index), ready="/readyz") as server:
        page = (
            partial(ApiVisitor, server.address)
            if options.api
            else partial(PageVisitor, recorded(server.address, "/chat"))
        )
        found = asyncio.run(soak(server, page, options.users, 60 * options.minutes, PAUSE))
    said = f"{options.minutes:g} minutes, {options.users} users, a question every {PAUSE:.0f} s each. {machine()}."
    print(write("soak", [found.row()], said))
    return int(bool(found.faults))


if __name__ == "__main__":
    sys.exit(main())
