"""What was understood of uploaded files, for who looks at them before they are published."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bot.check import of_articles
from bot.chunker import chunk
from bot.config import Config
from bot.corpus import read_corpus, source_id
from bot.findings import Finding, ordered
from bot.readers import Limits
from bot.schema import Article

_FIRST_WORDS = 40  # of an article, shown so that somebody sees whether it was read as it should
_HEADINGS, _FINDINGS = 100, 30  # of an article that are shown
_SHOWN = 400  # characters of anything that a file says


def described(
    step: Callable[[str, int, int], None], config: Config, names: Sequence[str], limits: Limits, today: datetime.date
) -> dict[str, dict[str, Any]]:
    """Of each file of a corpus that is named: title, headings, passages, words and the first of them, and what ``lint``
    found there, the worst first. Files that can't be read have findings only.

    Raises:
        CorpusError, ConfigError, DataError: the corpus can't be read.
    """
    step("lint", 0, 1)
    corpus = read_corpus(config.corpus, limits=limits)
    found = ordered(of_articles(config.corpus, corpus, today))
    by_id = {article.source_id: article for article in corpus.articles}
    out: dict[str, dict[str, Any]] = {}
    for name in names:
        place = str(config.corpus / name)
        findings = [f for f in found if f.file == place or place in f.message]
        article = by_id.get(source_id(Path(name)))
        out[name] = {
            "findings": [_found(f, f"{config.corpus}/") for f in findings[:_FINDINGS]],
            "more_findings": max(0, len(findings) - _FINDINGS),
            **(_said(article, len(chunk(article, config.chunking))) if article else {}),
        }
    return out


def _found(finding: Finding, folder: str) -> dict[str, Any]:
    message = _short(finding.message.replace(folder, ""))
    return {**finding.to_dict(), "file": finding.file.removeprefix(folder), "message": message}


def _said(article: Article, passages: int) -> dict[str, Any]:
    headings = [article.text[b.start : b.end] for b in article.blocks if b.kind == "heading"]
    body = " ".join(article.text[b.start : b.end] for b in article.blocks if b.kind != "heading").split()
    return {
        "title": _short(article.title),
        "headings": [_short(heading) for heading in headings[:_HEADINGS]],
        "more_headings": max(0, len(headings) - _HEADINGS),
        "passages": passages,
        "words": len(body),
        "first": _short(" ".join(body[:_FIRST_WORDS]) + " …" * (len(body) > _FIRST_WORDS)),
    }


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"
