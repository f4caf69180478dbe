"""What the earlier turns of a conversation told: kept in memory while one message is judged, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.rules import Finding, Reading, Rule, Rulebook
from bot.schema import Status
from bot.smalltalk import SmallTalk


@dataclass(frozen=True, slots=True)
class Told:
    """What an earlier reply of the conversation said beside its answer."""

    turn: int  # which of the visitor's messages it replied to, from 0
    status: Status | None
    disclaimers: tuple[str, ...]
    lead: str
    searches: tuple[str, ...]


@dataclass(slots=True)
class Memory:
    """Built anew for every message, from the visitor's earlier ones; nothing is stored."""

    carried: frozenset[str] = frozenset()
    disclosed: dict[str, tuple[Rule, int]] = field(default_factory=dict)  # concept > its rule, and when it was told
    urgent: Finding | None = None
    replies_since_urgent: int = 0
    turn: int = 0
    told: list[Told] = field(default_factory=list)

    def rules(self) -> list[Rule]:
        """The rules of everything disclosed and not taken back."""
        return [rule for rule, _ in self.disclosed.values()]

    def quoted(self, lead: str, searches: Sequence[str]) -> bool:
        """Whether an earlier caution already said all of this."""
        earlier = [t for t in self.told if t.status == "caution"]
        searched = {search for t in earlier for search in t.searches}
        return any(t.lead.endswith(lead) for t in earlier) and searched.issuperset(searches)


@dataclass(frozen=True, slots=True)
class Recall:
    """The rules of remembering: data of ``policy.toml`` and ``memory.toml``."""

    book: Rulebook
    smalltalk: SmallTalk

    def take_back(self, reading: Reading, found: Sequence[Finding], memory: Memory) -> None:
        """A correction or a denial takes back what was disclosed; playing it down does not.

        A correction that names conditions takes those back, another what was told last.
        """
        named = {f.rule.concept for f in found if f.rule.situation in self.book.policy["remembered"]}
        for finding in found:
            if not finding.fires and finding.mention.polarity == "negated":
                memory.disclosed.pop(finding.rule.concept, None)
        if not reading.holds("takes_back") or not memory.disclosed:
            return
        last = max(turn for _, turn in memory.disclosed.values())
        meant = named & memory.disclosed.keys() or {c for c, (_, turn) in memory.disclosed.items() if turn == last}
        for concept in meant:
            del memory.disclosed[concept]

    def keep(self, reading: Reading, found: Sequence[Finding], urgent: Finding | None, memory: Memory) -> None:
        """Take in a message once it is judged."""
        if urgent:
            memory.urgent, memory.replies_since_urgent = urgent, 0
        if not reading.holds("takes_back"):
            for rule in (f.rule for f in found if f.fires and f.rule.situation in self.book.policy["remembered"]):
                if rule.concept not in self.book.policy["not_remembered"]:
                    memory.disclosed[rule.concept] = (rule, memory.turn)
        memory.carried = reading.carries()
        memory.turn += 1

    def still_urgent(self, reading: Reading, memory: Memory) -> Finding | None:
        """The urgent finding that still stands; thanks end it, playing down, correcting who or telling more don't."""
        if not memory.urgent or not self.reminds(memory):
            return None
        if self.smalltalk.text_key(reading.text.plain, reading.text.original):
            return None
        return memory.urgent if any(map(reading.holds, ("plays_down", "corrects_who", "tells_more"))) else None

    def reminds(self, memory: Memory) -> bool:
        """Whether an emergency was told so recently that the reply recalls it."""
        return memory.urgent is not None and memory.replies_since_urgent <= self.book.policy["reminder_turns"]
