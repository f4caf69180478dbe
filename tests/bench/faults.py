"""Run every fault that is tested and tabulate it: ``python -m tests.bench.faults [--index DIR] [--fuzz N]``.

Writes ``faults.md`` and ``faults.json`` to ``tests/bench/results``; ``--only WORD`` runs the faults named so and
writes nothing. ``--fuzz N`` sends N generated messages and bodies in place of a few hundred.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.bench.tables import machine, write
from tests.conftest import ROOT

TABLE = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True)
class Fault:
    """What can go wrong, what happens then, and the tests that see to it."""

    name: str
    then: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """One test that ran: its file and function, how it ended, and the figure it recorded."""

    test: str
    ended: str
    figure: str


def faults() -> list[Fault]:
    """The table as it is written."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["fault"]
    return [Fault(row["name"], row["then"], tuple(row["tests"])) for row in rows]


def cases(report: Path) -> list[Case]:
    """What ran, of pytest's report."""
    found = []
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname', '').rpartition('.')[2]}.py::{case.get('name', '').partition('[')[0]}"
        ended = next((kind for kind in ("failure", "error", "skipped") if case.find(kind) is not None), "passed")
        figures = [p.get("value", "") for p in case.iter("property") if p.get("name") == "figure"]
        found.append(Case(name, ended, "; ".join(figures)))
    return found


def row(fault: Fault, ran: Sequence[Case]) -> dict[str, str]:
    """One line of the table."""
    mine = [case for case in ran if any(case.test == test or case.test.startswith(f"{test}::") for test in fault.tests)]
    passed, skipped = (sum(case.ended == kind for case in mine) for kind in ("passed", "skipped"))
    figures = list(dict.fromkeys(case.figure for case in mine if case.figure))
    done = f"{passed} of {len(mine)} cases" + (f", {skipped} skipped" if skipped else "")
    good = bool(mine) and passed + skipped == len(mine) and passed > 0
    return {
        "fault": fault.name,
        "what happens": fault.then,
        "figure": "; ".join([*figures, done]),
        "tests": ", ".join(fault.tests),
        "result": "as it should" if good else "FAILED",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, write; 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--fuzz", type=int, default=0)
    options = parser.parse_args(arguments)
    wanted = [fault for fault in faults() if options.only in fault.name]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        tests = [f"tests/{test}" for test in dict.fromkeys(test for fault in wanted for test in fault.tests)]
        index = ["--index", str(options.index)] if options.index else []
        environment = {**os.environ, **({"FUZZ": str(options.fuzz)} if options.fuzz else {})}
        command = [sys.executable, "-m", "pytest", "-o", "junit_family=xunit1", f"--junitxml={report}", *index, *tests]
        subprocess.run(command, cwd=ROOT, env=environment, check=False, stdout=sys.stderr)
        ran = cases(report)
    rows = [row(fault, ran) for fault in wanted]
    text = write("faults", rows, f"{len(ran)} tests, {machine()}.", keep=not options.only)
    print(text)
    return int(any(line["result"] == "FAILED" for line in rows))


if __name__ == "__main__":
    sys.exit(main())
