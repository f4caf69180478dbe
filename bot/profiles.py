"""What a passage speaks of, read once when an index is loaded (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from bot.facets import Facets
from bot.language import stems
from bot.lexicon import Lexicon
from bot.schema import Passage


@dataclass(frozen=True, slots=True)
class Profile:
    """What a passage speaks of."""

    concepts: frozenset[str]  # of heading and text
    headed: frozenset[str]  # those that its heading or wordings name
    facets: frozenset[str]  # asked by its heading or wordings
    answered: frozenset[str]  # answered by its sentences
    stems: frozenset[str]  # of heading, wordings and text


def profile_of(passage: Passage, lexicon: Lexicon, facets: Facets) -> Profile:
    """Read a passage with the lexicon and the facets."""
    asked = [*passage.heading_path[-1:], *passage.questions]
    spoken = lexicon.concepts(f"{passage.heading}\n{passage.text}")
    # A wording may carry a story ("back from the gym, still red"): only what the text speaks of counts.
    headed = frozenset(concept for q in asked for concept in lexicon.concepts(q, lay=True)) & spoken
    return Profile(
        concepts=spoken,
        headed=headed,
        facets=frozenset(f for q in asked for f in facets.asked(lexicon.plain(q))),
        answered=frozenset(f.id for f in facets.by_id.values() if any(f.answered(s.text) for s in passage.sentences)),
        stems=frozenset(stems(" ".join([passage.heading, *passage.questions, passage.text]))),
    )
