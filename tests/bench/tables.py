"""Tables of results: Markdown for people, JSON for programs, both under ``tests/bench/results``."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def machine() -> str:
    """What figures were measured on, as far as it matters."""
    today = datetime.date.today().isoformat()
    busy = os.getloadavg()[0]
    return f"{today}, Python {platform.python_version()}, {os.cpu_count()} cores (load average {busy:.0f})"


def markdown(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as a table with the columns of the first."""
    columns = list(rows[0])
    lines = [
        columns,
        ["---"] * len(columns),
        *([str(row.get(c, "")).replace("|", "\\|") for c in columns] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(name: str, rows: Sequence[Mapping[str, object]], said: str, keep: bool = True) -> str:
    """Write ``NAME.md`` and ``NAME.json``, unless they are not to be kept; returns the Markdown."""
    text = f"{said}\n\n{markdown(rows)}\n"
    if keep:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
        whole = {"said": said, "rows": list(rows)}
        (RESULTS / f"{name}.json").write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return text
