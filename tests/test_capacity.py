"""The capacity plan of CONTRIBUTING follows from what was measured: its arithmetic, worked out again."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest

from bot.stores import KEPT
from tests.conftest import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
QUESTION, PROCESS, CLINIC, VERSION = 0.016, 0.26, 0.2, 0.078  # seconds of a core; GB of memory, twice; GB of disk
RATE = 300 * 0.1 / 3600  # questions a second of a clinic in its busiest hour
MACHINE = math.floor((16 - PROCESS) / CLINIC)  # clinics that 16 GB hold
CONNECTIONS = 5  # of a server


def servers(clinics: int) -> int:
    return math.ceil(clinics / MACHINE)


PLAN: dict[str, Callable[[int], float]] = {
    "questions a second, busiest hour": lambda n: n * RATE,
    "cores for them at 16 ms": lambda n: n * RATE * QUESTION,
    "memory with all loaded, 0.2 GB each": lambda n: PROCESS + n * CLINIC,
    "servers of 16 GB, 78 clinics each ((16 - 0.26) / 0.2)": servers,
    "database, 5 x 78 MB each": lambda n: n * KEPT * VERSION,
    "connections, 5 a server": lambda n: servers(n) * CONNECTIONS,
}


def read(cell: str) -> tuple[float, float]:
    """A figure in GB or without a unit, and half of its last digit."""
    number, _, unit = cell.strip().replace(",", "").partition(" ")
    scale = 1000 if unit == "TB" else 1
    return float(number) * scale, 0.5 * scale * 10.0 ** -len(number.partition(".")[2])


@pytest.mark.parametrize("row", PLAN)
def test_a_row_of_the_plan_is_its_arithmetic(row: str) -> None:
    found = re.search(rf"^\| {re.escape(row)} \| (.+) \| (.+) \| (.+) \|$", TEXT, re.MULTILINE)
    assert found
    for clinics, cell in zip((10, 1_000, 100_000), found.groups(), strict=True):
        told, half_a_digit = read(cell)
        assert told == pytest.approx(PLAN[row](clinics), abs=half_a_digit), cell


def test_the_measurements_it_stands_on_are_the_ones_that_were_taken() -> None:
    measured = (ROOT / "tests" / "bench" / "results" / "tenants.md").read_text(encoding="utf-8")
    for told in ("| database, a version | 78 MB", "beside 257 MB of the process", "by `/api/ask` | 16 ms |"):
        assert told in measured
    assert (f"({RATE:.4f} a second)" in TEXT, f"{MACHINE} clinics each" in TEXT) == (True, True)
