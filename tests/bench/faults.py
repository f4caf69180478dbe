"""Run every fault that is tested and tabulate it: ``python -m tests.bench.faults [--index DIR] [--fuzz N]``.

Each fault is a run of pytest by itself, with a limit of time: one that hangs or fails stops no other. After each the
table is written to ``tests/bench/results`` (``faults.md``, ``faults.json``); ``--only WORD`` runs the faults named so,
whose lines take the place of those that were written before. ``--fuzz N`` sends N generated messages and bodies in
place of a few hundred, which is what CI sends: what is named here is in the tests that it runs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.bench.tables import RESULTS, machine, write
from tests.conftest import ROOT

TABLE = Path(__file__).with_suffix(".toml")
LIMIT = 1800.0  # seconds that the tests of one fault have: ten times what they take, for busy machines
A_MESSAGE = 0.5  # seconds more for each generated message
_FAREWELL = 30.0  # seconds to clean up for tests that are told to stop


@dataclass(frozen=True)
class Fault:
    """What can go wrong, what happens then, and the tests that see to it."""

    name: str
    then: str
    tests: tuple[str, ...]
    limit: float = LIMIT


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


def row(fault: Fault, ran: Sequence[Case], late: bool = False) -> dict[str, str]:
    """One line of the table."""
    names = [test.rpartition("/")[2] for test in fault.tests]  # a report tells no folders
    mine = [case for case in ran if any(case.test == name or case.test.startswith(f"{name}::") for name in names)]
    passed, skipped = (sum(case.ended == kind for case in mine) for kind in ("passed", "skipped"))
    figures = list(dict.fromkeys(case.figure for case in mine if case.figure))
    done = f"{passed} of {len(mine)} cases" + (f", {skipped} skipped" if skipped else "")
    failed = list(dict.fromkeys(case.test for case in mine if case.ended in ("failure", "error")))
    good = passed > 0 and not failed and not late
    why = ["not done in time"] * late + [f"failed: {test}" for test in failed]
    return {
        "fault": fault.name,
        "what happens": fault.then,
        "figure": "; ".join([*figures, done, *why]),
        "tests": ", ".join(fault.tests),
        "result": "as it should" if good else "not seen here" if skipped and skipped == len(mine) else "FAILED",
    }


def run(fault: Fault, options: Sequence[str], environment: Mapping[str, str], limit: float) -> dict[str, str]:
    """Run the tests of one fault; its line, with the processor's seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        report, said = Path(folder) / "report.xml", Path(folder) / "said"
        tests = [f"tests/{test}" for test in fault.tests]
        command = [sys.executable, "-m", "pytest", "-o", "junit_family=xunit1", f"--junitxml={report}", *options]
        with said.open("w") as out:
            process = subprocess.Popen(
                [*command, *tests], cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
            )
            late = not ended(process, limit)
        found = row(fault, cases(report) if report.exists() else [], late)
        if found["result"] == "FAILED":
            print(said.read_text(encoding="utf-8", errors="replace")[-4000:], file=sys.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**found, "CPU s": f"{spent:.0f}"}


def ended(process: subprocess.Popen[bytes], limit: float) -> bool:
    """Whether a run ends in time. Else it is told to stop, so that it ends what it started, and then made to."""
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_FAREWELL)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return False
    return True


def renewed(rows: Sequence[dict[str, str]], names: Sequence[str]) -> list[dict[str, str]]:
    """The table as it was written before with these lines in it, in the order of their names."""
    written = RESULTS / "faults.json"
    before = json.loads(written.read_text(encoding="utf-8"))["rows"] if written.exists() else []
    known = {row["fault"]: row for row in (*before, *rows)}
    return [known[name] for name in names if name in known]


def main(arguments: Sequence[str] | None = None, table: Sequence[Fault] | None = None) -> int:
    """Run, print, write; 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.faults", description=__doc__)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--fuzz", type=int, default=0)
    options = parser.parse_args(arguments)
    wanted = [fault for fault in (table or faults()) if options.only in fault.name]
    index = ["--index", str(options.index.resolve())] if options.index else []
    rows: list[dict[str, str]] = []
    text = ""
    with tempfile.TemporaryDirectory() as shared:
        environment = {"TESTS_SHARED": shared, **os.environ, "TESTS_ONLINE": "1"}
        environment |= {"FUZZ": str(options.fuzz)} if options.fuzz else {}
        for number, fault in enumerate(wanted, 1):
            start = time.monotonic()
            rows.append(run(fault, index, environment, fault.limit + A_MESSAGE * options.fuzz))
            took = f"{time.monotonic() - start:.0f} s"
            print(f"{number} of {len(wanted)}: {fault.name}: {rows[-1]['result']}, {took}", file=sys.stderr, flush=True)
            whole = renewed(rows, [fault.name for fault in faults()]) if options.only else rows
            text = write("faults", whole, f"{len(whole)} faults; the last one: {machine()}.", keep=table is None)
    print(text)
    return int(any(line["result"] == "FAILED" for line in rows) or not rows)


if __name__ == "__main__":
    sys.exit(main())
