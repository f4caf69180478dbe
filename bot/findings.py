"""What a check found: a place, a rule and what to do. The rules' texts and numbers are in ``data/lint.toml``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from bot.language import read_toml
from bot.schema import Article, Block

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
_QUOTED = 90  # characters of a quote that are shown
_SHOWN = 5  # findings of one rule in one file in the table; JSON has all


@dataclass(frozen=True, slots=True)
class Finding:
    """``line`` is that of the file (row of a table, paragraph of a document), ``page`` that of a PDF; 0 for none."""

    severity: Severity
    file: str
    line: int
    page: int
    rule: str
    message: str
    remedy: str

    @property
    def place(self) -> str:
        """Where it stands, as editors and CI understand it."""
        if self.page:
            return f"{self.file}, page {self.page}"
        return f"{self.file}:{self.line}" if self.line else self.file

    def to_dict(self) -> dict[str, Any]:
        """The public JSON form."""
        return asdict(self)


def finding(rule: str, file: str, line: int = 0, page: int = 0, **slots: Any) -> Finding:
    """A finding of a rule of ``lint.toml``, its slots filled in; a long quote is shortened."""
    told: Mapping[str, Any] = read_toml("lint.toml")["rules"][rule]
    filled = {name: _short(value) if name == "quote" else value for name, value in slots.items()}
    remedy = told["do"].format(**filled)
    return Finding(told["severity"], file, line, page, rule, told["say"].format(**filled), remedy)


def within(rule: str, article: Article, file: str, at: int, **slots: Any) -> Finding:
    """A finding about the block of an article that holds the character ``at``."""
    block = next((b for b in reversed(article.blocks) if b.start <= at), Block("paragraph", 0, 0))
    return finding(rule, file, block.line, block.page, **slots)


def ordered(findings: Sequence[Finding]) -> list[Finding]:
    """The worst first, then by place."""
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), f.file, f.page, f.line, f.rule, f.message))


def failed(findings: Sequence[Finding], fail_on: Severity) -> bool:
    """Is there a finding as bad as that, or worse?"""
    return any(SEVERITIES.index(f.severity) <= SEVERITIES.index(fail_on) for f in findings)


def table(findings: Sequence[Finding]) -> list[str]:
    """The findings for people, a line each; many of one rule in one file are counted."""
    out: list[str] = []
    seen = Counter[tuple[str, str]]()
    totals = Counter((f.rule, f.file) for f in findings)
    width = min(max((len(f.place) for f in findings), default=0), 60)
    for f in ordered(findings):
        key = (f.rule, f.file)
        seen[key] += 1
        if seen[key] <= _SHOWN:
            remedy = f" ({f.remedy})" if f.remedy else ""
            out.append(f"{f.severity:8} {f.place:{width}}  {f.message}{remedy}")
        elif seen[key] == totals[key]:
            out.append(f"{f.severity:8} {f.file:{width}}  and {totals[key] - _SHOWN} more like that (--json lists all)")
    counts = Counter(f.severity for f in findings)
    out.append(", ".join(f"{counts[s]} {s}{'s' * (counts[s] != 1)}" for s in SEVERITIES))
    return out


def _short(text: Any) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= _QUOTED else f"{line[:_QUOTED]}..."
