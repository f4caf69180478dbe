"""Every ratio with its limit, measured in one run: ``python -m tests.bench [--index DIR] [--scale] [--output FILE]``.

Writes the same as JSON. The limits are taken in the same run, so that the machine's speed and load fall out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench import scale
from tests.browser.conftest import CHROMIUM, ROOT

RATIOS = {
    "ask": "the median Bot.ask over the plain encoder",
    "evaluate": "evaluating 800 items over the plain encoder",
}


def run(name: str, *arguments: str) -> Any:
    """What a benchmark tells as JSON, line by line."""
    command = [sys.executable, "-m", f"tests.bench.{name}", *arguments]
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1) or not done.stdout:
        raise SystemExit(f"tests.bench.{name} failed with {done.returncode}: run it alone to see why")
    return [json.loads(line) for line in done.stdout.splitlines()]


def row(measure: str, value: float, limit: float, at_least: bool = False) -> dict[str, Any]:
    """One line of the table."""
    held = value >= limit if at_least else value <= limit
    return {"measure": measure, "value": round(value, 3), "limit": round(limit, 3), "held": held}


def measured(arguments: list[str], with_scale: bool) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Every row, and the figures behind them."""
    rows: list[dict[str, Any]] = []
    figures: dict[str, Any] = {}
    for name, measure in RATIOS.items():
        [figures[name]] = run(name, "--json", *arguments)
        rows.append(row(measure, figures[name]["ratio"], figures[name]["limit"]))
    [figures["start"]] = run("start", "--json", *arguments)
    rows += [row(**figure) for figure in figures["start"]]
    if with_scale:
        sizes = figures["scale"] = run("scale", "--json", *arguments)
        slower = sizes[-1]["with the encoder, ms"] / sizes[0]["with the encoder, ms"]
        rows.append(row(f"search in {sizes[-1]['rows']:,} rows over {sizes[0]['rows']:,}", slower, scale.SLOWDOWN))
        rows.append(row("recall@10 there", min(s["recall@10"] for s in sizes), scale.RECALL, at_least=True))
    if CHROMIUM:
        [figures["page_time"]] = run("page_time", "--json", *arguments)
        rows += [row(**figure) for figure in figures["page_time"]]
    return rows, figures


def main() -> int:
    """Print the table and write the JSON; 1 where a limit does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--index")
    parser.add_argument("--scale", action="store_true", help="also a million rows: ten minutes and 5 GB of memory")
    parser.add_argument("--output", type=Path, default=Path("bench.json"))
    options = parser.parse_args()
    rows, figures = measured(["--index", options.index] if options.index else [], options.scale)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    told = {"machine": machine, "rows": rows, "figures": figures}
    options.output.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    for found in rows:
        sign = "ok  " if found["held"] else "MISS"
        print(f"{sign} {found['value']:10.2f}  limit {found['limit']:10.2f}  {found['measure']}")
    return int(not all(found["held"] for found in rows))


if __name__ == "__main__":
    sys.exit(main())
