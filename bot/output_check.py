"""The last look at a reply: what may be quoted, what must stand beside a quote, and what is never said. Pure.

The rules are data (``data/output.toml``). A sentence that breaks one is not quoted; a reply that breaks one
is not given.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.clinic import Clinic
from bot.errors import ConfigError, DataError
from bot.language import read_toml
from bot.schema import Article, Citation, Reply
from bot.texts import Texts

log = logging.getLogger(__name__)

MAX_WORDS = 115  # of an answer with the lines in it; at 120 it counts as too long to be read
_BEFORE, _AFTER = 30, 12  # characters that a denial reaches: "there is no known cure", "a cure isn't"
_KEYS = {"id", "sentence", "text", "undated", "balanced", "before"}
_MARKER = re.compile(r"\s*\[\d+\]")

Rules = tuple[tuple[str, re.Pattern[str]], ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """A text that stands beside quoted sentences of a kind."""

    id: str
    sentence: re.Pattern[str]
    text: str
    undated: str
    balanced: re.Pattern[str] | None
    before: bool


@dataclass(frozen=True, slots=True)
class OutputCheck:
    """The compiled rules, the texts they add, and the clinic's own details, which may hold any word."""

    attributed: re.Pattern[str]
    denied: re.Pattern[str]
    promises: Rules
    never: Rules
    ours: Rules
    urgent: Rules
    beside: tuple[Beside, ...]
    texts: Texts
    details: tuple[str, ...]

    @classmethod
    def load(cls, texts: Texts, clinic: Clinic) -> OutputCheck:
        """Compile the rules and hold every text against them.

        Raises:
            DataError: an entry is wrong, or one of our texts breaks a rule.
            ConfigError: a text the clinic worded itself does.
        """
        data = read_toml("output.toml")
        promises = _rules(data, "promise")
        details = sorted({clinic.contact(), clinic.booking(), clinic.privacy(), clinic.name} - {""}, key=len)
        check = cls(
            _any(data["attributed"], "attributed"),
            _any(data["denied"], "denied"),
            promises,
            _rules(data, "never"),
            promises + _rules(data, "ours"),
            _rules(data, "urgent"),
            tuple(_beside(entry, texts) for entry in data["beside"]),
            texts,
            tuple(reversed(details)),
        )
        for key, text in texts.items():
            if broken := check.broken(check.ours, text):
                kind, where = (ConfigError, clinic.path) if key in texts.own else (DataError, "texts.toml")
                raise kind(f"{where}: {key} breaks the rule '{broken}' of output.toml. Word it without that.")
        return check

    def quotable(self, sentence: str) -> bool:
        """Whether a sentence of an article may be quoted: no promise that nobody owns, no booking line."""
        broken = self.broken(self.never, sentence) or self.unowned(sentence, self.promises)
        if broken:
            log.info("output check: not quoted: %s", broken)  # the rule, never the text
        return not broken

    def unowned(self, sentence: str, rules: Rules) -> str:
        """The name of the first rule that a sentence breaks without saying whose claim it is, or denying it."""
        if self.attributed.search(sentence):
            return ""
        return next((name for name, rule in rules if self._promised(rule, sentence)), "")

    def _promised(self, rule: re.Pattern[str], sentence: str) -> bool:
        """Whether any match stands without a denial close before or after it."""
        return any(
            not self.denied.search(sentence[max(m.start() - _BEFORE, 0) : m.start()])
            and not self.denied.search(sentence[m.end() : m.end() + _AFTER])
            for m in rule.finditer(sentence)
        )

    def woven(
        self, citations: Sequence[Citation], lead: str, asked: Iterable[str], given: frozenset[str]
    ) -> tuple[str, tuple[str, ...]]:
        """The quotes as one text with the lines that stand beside them, and lines there was no room for.

        ``lead`` is what stands before the quotes, ``asked`` the lines the question called for, ``given`` those that
        earlier replies gave.
        """
        quotes = [c.quote for c in citations]
        wanted = frozenset(asked)
        room = MAX_WORDS - sum(len(text.split()) for text in (lead, *quotes))
        pieces: list[str] = []
        left: list[str] = []
        for citation in citations:
            piece = f"{citation.quote} [{citation.n}]"
            for rule in (r for r in self.beside if r.sentence.search(citation.quote)):
                text = self.texts[rule.undated if rule.undated and citation.published is None else rule.text]
                missing = rule.balanced is not None and not any(rule.balanced.search(q) for q in quotes)
                if any(text in p for p in (lead, *pieces, piece)) or not (rule.before or missing or text in wanted):
                    continue
                if rule.before:
                    piece = f"{text} {piece}"
                elif text not in given and len(text.split()) <= room:
                    piece = f"{piece} {text}"
                    room -= len(text.split())
                elif text not in given:
                    left.append(text)
            pieces.append(piece)
        return " ".join(pieces), tuple(dict.fromkeys(left))

    def fault(self, reply: Reply, articles: Mapping[str, Article]) -> str:
        """The rule that a finished reply breaks, or the empty string."""
        ours = reply.answer
        for citation in reply.citations:
            article = articles.get(citation.source_id)
            if article is None or article.text[citation.start : citation.end] != citation.quote:
                return "quote: not its span"
            if citation.quote not in reply.answer:
                return "quote: not in the answer"
            if not self.quotable(citation.quote):
                return "quote: not to be quoted"
            ours = ours.replace(citation.quote, " ")
        ours = " ".join([_MARKER.sub(" ", ours), *reply.disclaimers])
        if reply.status == "urgent" and reply.citations:
            return "urgent: a quote"
        rules = self.ours + self.urgent if reply.status == "urgent" else self.ours
        return self.broken(rules, ours)

    def broken(self, rules: Rules, text: str) -> str:
        """The name of the first rule that a text breaks; the clinic's own details aside."""
        for detail in self.details:
            text = text.replace(detail, " ")
        return next((name for name, pattern in rules if pattern.search(text)), "")


def _any(patterns: Sequence[str], where: str) -> re.Pattern[str]:
    for number, pattern in enumerate(patterns, 1):
        try:
            re.compile(pattern)
        except re.error as error:
            raise DataError(f"output.toml: {where}, pattern {number}: {error}. Correct the pattern.") from error
    return re.compile("|".join(f"(?:{p})" for p in patterns), re.IGNORECASE)


def _rules(data: Mapping[str, Any], group: str) -> Rules:
    return tuple((f"{group}: {name}", _any(patterns, f"{group}.{name}")) for name, patterns in data[group].items())


def _beside(entry: Mapping[str, Any], texts: Texts) -> Beside:
    where = f"beside {entry.get('id', '?')}"
    if not {"id", "sentence", "text"} <= entry.keys() <= _KEYS:
        raise DataError(f"output.toml: {where}: needs id, sentence and text, and may have undated, balanced, before.")
    for key in (entry["text"], entry.get("undated", entry["text"])):
        if key not in texts:
            raise DataError(
                f"output.toml: {where}: there is no text '{key}'. Add it to texts.toml or correct the name."
            )
    balanced = entry.get("balanced")
    return Beside(
        entry["id"],
        _any([entry["sentence"]], where),
        entry["text"],
        entry.get("undated", ""),
        _any([balanced], where) if balanced else None,
        entry.get("before", False),
    )
