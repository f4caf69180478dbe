"""The safety rules as data: terms, frames and rules of ``bot/data/safety/*.toml``, loaded, checked and matched.

A *term* is a named list of patterns. A *frame* is a named condition over terms ("disclosed | suitability & !general").
A *rule* fires when one of its own patterns matches (if it has any) and all its conditions hold.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from bot.errors import DataError
from bot.matcher import Found, Matcher
from bot.normalise import Normaliser, Text
from bot.polarity import POLARITIES, Polarity, PolarityRules, compile_all

DATA = Path(__file__).parent / "data" / "safety"
# Files with a form of their own; every other file holds terms, frames and rules.
_SPECIAL = ("spelling", "fragments", "polarity", "idioms", "policy", "tongues")
_ASSERTED = frozenset({"present", "unknown"})
MAX_MENTIONS = 40  # of one pattern in one message; nobody says a thing that often
_SHORT = 5  # words; a message this short leaves out "I have" and "can I" ("breastfeeding?")
_DEPTH = 8  # frames may use frames; deeper than this is a circle
# Terms and frames that the code itself asks for.
_ASKED = ("takes_back", "plays_down", "corrects_who", "plan", "subject", "suitability", "asks", "asks_in_general")

Condition = tuple[tuple[tuple[bool, str], ...], ...]  # any of: all of: (wanted, name)


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of a data file. ``patterns`` and ``squashed`` are alternatives; ``when`` must all hold."""

    id: str
    situation: str
    concept: str
    pattern: re.Pattern[str] | None = None
    when: tuple[Condition, ...] = ()
    polarity: frozenset[str] = _ASSERTED
    fused: bool = False
    squashed: tuple[str, ...] = ()
    text: str = ""
    search: str = ""
    mention: str = ""
    disclaimers: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    doubtful: bool = False  # its words are often only mentioned: a message that surely asks something is answered


@dataclass(frozen=True, slots=True)
class Term:
    """A named list of patterns. ``evidence`` has no polarity; ``carry`` holds for the rest of the conversation."""

    pattern: re.Pattern[str]
    evidence: bool = False
    fused: bool = False
    carry: bool = False


@dataclass(frozen=True, slots=True)
class Mention:
    """Where something was found and whether it is so."""

    start: int
    end: int
    polarity: Polarity


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule whose words were found. It ``fires`` unless the polarity says that it isn't so."""

    rule: Rule
    mention: Mention
    fires: bool


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All the data of the safety step, compiled."""

    normaliser: Normaliser
    polarity: PolarityRules
    idioms: re.Pattern[str]
    terms: Mapping[str, Term]
    frames: Mapping[str, Condition]
    rules: tuple[Rule, ...]
    policy: Mapping[str, Any]
    tongues: Mapping[str, Any]  # other languages: how to tell them, and a line in each
    words: Mapping[str, Any]  # what small talk is made of
    matcher: Matcher  # the patterns of terms and rules, by their names

    @classmethod
    def load(cls, folder: Path = DATA) -> Rulebook:
        """Read and check every file of the folder."""
        data = {file.stem: _read(file) for file in sorted(folder.glob("*.toml"))}
        if missing := [name for name in _SPECIAL if name not in data]:
            raise DataError(f"{missing[0]}.toml is missing from {folder.name}. Restore the file.")
        macros: dict[str, str] = data["fragments"]
        ordinary = {name: content for name, content in data.items() if name not in _SPECIAL}
        spelling = data["spelling"]
        terms = {
            key: _term(entry, macros, f"{name}.toml: term {key}")
            for name, content in ordinary.items()
            for key, entry in content.get("term", {}).items()
        }
        rules = tuple(rule for name, content in ordinary.items() for rule in _rules(name, content, macros))
        patterns = [(r.id, r.pattern) for r in rules if r.pattern] + [(name, t.pattern) for name, t in terms.items()]
        book = cls(
            normaliser=Normaliser.make(
                spelling["rewrite"], spelling["fuzzy"].split(), spelling["known"].split(), spelling["emoji"]
            ),
            polarity=PolarityRules.make(data["polarity"], macros, "polarity.toml"),
            idioms=compile_all(data["idioms"]["idioms"], macros, "idioms.toml: idioms"),
            terms=terms,
            frames={
                key: _condition(text, f"{name}.toml: frame {key}")
                for name, content in ordinary.items()
                for key, text in content.get("frame", {}).items()
            },
            rules=rules,
            policy=data["policy"],
            tongues=data["tongues"],
            words=data["smalltalk"]["words"],
            matcher=Matcher(patterns, whole=True),
        )
        book._check()
        return book

    def read(self, message: str, carried: frozenset[str] = frozenset()) -> Reading:
        """Normalise a message and get it ready to be matched."""
        text = self.normaliser.read(message)
        masked = self.idioms.sub(lambda m: re.sub(r"\w", "_", m.group()), text.plain)
        return Reading(self, text, masked, carried, self.matcher.find(masked))

    def _check(self) -> None:
        """Every name a condition uses must exist."""
        names = self.terms.keys() | self.frames.keys() | {"short", "question"}
        used: list[tuple[str, list[Condition]]] = [("the code", [(((True, name),),) for name in _ASKED])]
        used += [(f"frame {key}", [condition]) for key, condition in self.frames.items()]
        used += [(f"rule {rule.id}", list(rule.when)) for rule in self.rules]
        for where, conditions in used:
            for condition in conditions:
                for _, name in (atom for group in condition for atom in group):
                    if name not in names:
                        raise DataError(f"{where}: no term or frame named '{name}'. Add it or correct the name.")


@dataclass(slots=True)
class Reading:
    """One message being matched. Whether what was found is so is looked at once, when first asked."""

    book: Rulebook
    text: Text
    masked: str  # the plain form with idioms blanked out
    carried: frozenset[str] = frozenset()
    matches: Found = field(default_factory=dict)  # of terms and rules, by their names
    _mentions: dict[str, tuple[Mention, ...]] = field(default_factory=dict)

    def findings(self) -> list[Finding]:
        """Every rule whose words and conditions are there, firing or not."""
        likely = (r for r in self.book.rules if r.id in self.matches or r.pattern is None or r.squashed)
        return [finding for rule in likely if (finding := self._finding(rule))]

    def mentions(self, name: str) -> tuple[Mention, ...]:
        """The places where a term stands."""
        if name not in self._mentions:
            term = self.book.terms[name]
            self._mentions[name] = tuple(self._tagged(name, term.fused, term.evidence))
        return self._mentions[name]

    def holds(self, name: str, polarity: frozenset[str] = _ASSERTED, depth: int = 0) -> bool:
        """Whether a term, frame or built-in name is true of this message."""
        if name == "short":
            return sum(w[0].isalnum() for w in self.masked.split()) <= _SHORT
        if name == "question":
            return "?" in self.masked
        if name in self.book.frames:
            if depth > _DEPTH:
                raise DataError(f"frame {name}: frames use each other in a circle. Write one of them out.")
            return self._all_of(self.book.frames[name], polarity, depth + 1)
        if name in self.carried:
            return True
        term = self.book.terms[name]
        return any(term.evidence or m.polarity in polarity for m in self.mentions(name))

    def carries(self) -> frozenset[str]:
        """The terms that now hold for the rest of the conversation."""
        return self.carried | {n for n, t in self.book.terms.items() if t.carry and self.holds(n)}

    def _finding(self, rule: Rule) -> Finding | None:
        own = self._own(rule)
        if own is None:
            return None
        if own and not any(m.polarity in rule.polarity for m in own):
            # Not so (denied, past, supposed): kept for the explanation where its conditions allow it.
            return Finding(rule, own[0], False) if self._conditions(rule) else None
        if not self._conditions(rule):
            return None
        asserted = [m for m in own if m.polarity in rule.polarity] or [self._first(rule)]
        return Finding(rule, asserted[0], True)

    def _own(self, rule: Rule) -> list[Mention] | None:
        """Matches of the rule's own patterns; empty if it has none; None if it has some and none match."""
        if rule.pattern is None and not rule.squashed:
            return []
        found: list[Mention] = []
        for mention in self._tagged(rule.id, rule.fused, False):
            found.append(mention)
            if mention.polarity in rule.polarity:  # one that is so is enough
                break
        if not found and rule.squashed:
            letters = "".join(filter(str.isalpha, self.masked))
            if any(word in letters for word in rule.squashed):
                found = [Mention(0, len(self.masked), "unknown")]
        return found or None

    def _conditions(self, rule: Rule) -> bool:
        return all(self._all_of(condition, rule.polarity, 0) for condition in rule.when)

    def _all_of(self, condition: Condition, polarity: frozenset[str], depth: int) -> bool:
        return any(
            all(self.holds(name, polarity if wanted else POLARITIES, depth) is wanted for wanted, name in group)
            for group in condition
        )

    def _first(self, rule: Rule) -> Mention:
        """Where the first true term of a rule without patterns of its own stands."""
        for condition in rule.when:
            for wanted, name in (atom for group in condition for atom in group):
                if wanted and name in self.book.terms and self.mentions(name):
                    return self.mentions(name)[0]
        return Mention(0, len(self.masked), "unknown")

    def _tagged(self, name: str, fused: bool, evidence: bool) -> Iterator[Mention]:
        for match in self.matches.get(name, ())[:MAX_MENTIONS]:
            start, end = match.span()
            yield Mention(start, end, "unknown" if evidence else self.book.polarity.tag(self.masked, start, end, fused))


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{file.name}: can't be read: {error}. Correct that line.") from error


def _term(entry: Mapping[str, Any], macros: Mapping[str, str], where: str) -> Term:
    flags = {key: value for key, value in entry.items() if key != "patterns"}
    if "patterns" not in entry or not flags.keys() <= {"evidence", "fused", "carry"}:
        raise DataError(f"{where}: needs patterns, and may have evidence, fused, carry. Correct the entry.")
    return Term(compile_all(entry["patterns"], macros, where), **flags)


def _rules(name: str, content: Mapping[str, Any], macros: Mapping[str, str]) -> Iterator[Rule]:
    default = content.get("default", {})
    seen: set[str] = set()
    for number, entry in enumerate(content.get("rule", ()), 1):
        if "id" not in entry:
            raise DataError(f"{name}.toml: rule {number} has no id. Give it one.")
        where = f"{name}.toml: rule {entry['id']}"
        if entry["id"] in seen:
            raise DataError(f"{where}: the id is used twice. Rename one.")
        seen.add(entry["id"])
        yield _rule(f"{name}:{entry['id']}", {**default, **entry}, macros, where)


def _rule(rule_id: str, entry: dict[str, Any], macros: Mapping[str, str], where: str) -> Rule:
    known = {f.name for f in fields(Rule)} - {"pattern"} | {"patterns"}
    if unknown := sorted(entry.keys() - known):
        raise DataError(f"{where}: unknown key '{unknown[0]}'. Use one of: {', '.join(sorted(known))}.")
    if not entry.keys() >= {"situation"} or not entry.keys() & {"patterns", "when", "squashed"}:
        raise DataError(f"{where}: needs a situation, and patterns or when. Add them.")
    values = dict(entry)
    patterns: Sequence[str] = values.pop("patterns", ())
    values["when"] = tuple(_condition(text, where) for text in values.get("when", ()))
    values["polarity"] = frozenset(values.get("polarity", _ASSERTED))
    if not values["polarity"] <= POLARITIES:
        raise DataError(f"{where}: unknown polarity. Use: {', '.join(sorted(POLARITIES))}.")
    for key in ("squashed", "disclaimers", "before"):
        values[key] = tuple(values.get(key, ()))
    values["concept"] = values.get("concept", values["id"])
    if values.get("mention"):
        compile_all([values["mention"]], {}, f"{where}: mention")
    return Rule(**{**values, "id": rule_id}, pattern=compile_all(patterns, macros, where) if patterns else None)


def _condition(text: str, where: str) -> Condition:
    groups = []
    for group in text.split("|"):
        atoms = tuple((not a.startswith("!"), a.removeprefix("!").strip()) for a in map(str.strip, group.split("&")))
        if not all(re.fullmatch(r"[a-z_0-9]+", name) for _, name in atoms):
            raise DataError(f"{where}: can't read the condition {text!r}. Write it like: pus | fever & !general.")
        groups.append(atoms)
    return tuple(groups)
