"""Examples beside the corpus: how messages are to be treated, and what is known not to be covered.

They are embedded with the corpus at build. Where no rule knows a message, a classifier fitted to them tells
its status. Sentence embeddings barely see negation, so examples may add urgency or caution, and never take
any away.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bot.dense import Matrix
from bot.language import read_toml
from bot.safety import Label, Verdict
from bot.schema import TURNS
from bot.stores import Vectors
from bot.texts import Texts

if TYPE_CHECKING:
    from bot.classify import Learned

SITUATIONS = ("emergency", "self_harm", "red_flag")
# Urgent whatever the rules found, if the classifier and the nearest examples together are this sure. Of 19 urgent
# messages of fresh sets that no rule saw they find 16, and call 8 of 2,600 others urgent; the classifier alone finds
# as many and calls 17 others so, the nearest examples alone as many and 10.
ALARM = 0.5
NEARNESS = 20.0  # logits that a cosine of 1 between the nearest example and the nearest other text counts for
SUSPECT = 0.05  # below this chance of the classifier's nobody looks for the nearest
FIRM = ("handoff", "refused")  # statuses whose rules are sure of what was meant:
FIRM_ALARM = 0.95  # "what floor are you on" is like somebody lying on it
# Where the rules are silent the likeliest status decides, if it is this sure. On 440 fresh messages by a hand that
# neither had seen, that raised cautions from 77% to 90%, hand-overs from 75 to 90, refusals from 66 to 90, small talk
# from 55 to 84.
SURE = 0.65
SURE_LATER = 0.8  # of a later message of a conversation, which leans on more than its own words
ORDINARY_SURE = 0.95  # so sure must it be that a rule for small talk, a hand-over or a refusal misread a question
# How sure: the classifier's chances in the light of the nearest examples of each status. Of 435 messages that no rule
# knows it tells 343 so, and takes 38 of 3,375 questions for something else; by its chances alone, with those left out
# that are nearer to questions, 287 and 31.
NEIGHBOURS = 3  # examples of a status whose mean cosine counts; the nearest alone is noisier
SCARCE = 0.5  # logits ahead for each other status: ordinary texts are many more beside examples than among messages
STRANGE = 0.5  # mean cosine of those: below it the classifier only guesses; of 100 real messages one is
PLAIN = 0.97  # of the classifier's chances: an ordinary message whatever it is near to
MOST_ALIKE = 12  # examples of a status that are tried for its words, the nearest first
CHATTY = ("smalltalk", "handoff", "refused")
STATUSES = ("ordinary", "urgent", "caution", "handoff", "refused", "smalltalk")
ORDINARY = STATUSES[0]


def uncovered_questions() -> tuple[str, ...]:
    """What is known not to be covered, from ``data/uncovered.toml``."""
    return tuple(q for group in read_toml("uncovered.toml").values() for q in group if TURNS not in q)


def uncovered_conversations() -> tuple[str, ...]:
    """The same of conversations: their last message is not covered."""
    return tuple(q for group in read_toml("uncovered.toml").values() for q in group if TURNS in q)


def examples() -> tuple[tuple[str, str], ...]:
    """Group and text of every example of ``data/prototypes.toml``."""
    return tuple((name, text) for name, group in read_toml("prototypes.toml").items() for text in group)


def labels() -> tuple[str, ...]:
    """The status of every example, one of ``STATUSES``; the situations are urgent."""
    return tuple("urgent" if name in SITUATIONS else name for name, _ in examples())


def digest() -> str:
    """Changes with the data, so that an index built from other examples is stale."""
    bank = (f"{name}\t{entry}" for name, entry in read_toml("bank.toml").items())
    known = (*uncovered_questions(), *uncovered_conversations())
    texts = "\n".join([*known, *(f"{name}\t{text}" for name, text in examples()), *bank])
    return hashlib.sha256(texts.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Guess:
    """How a message is treated if not as urgent, and how sure that is (0 to 1); ``urgent`` is the chance of that."""

    status: str
    sure: float
    urgent: float


def alarming(verdict: Verdict, guess: Guess) -> bool:
    """Whether examples add urgency to what the rules found."""
    return not verdict.calm and guess.urgent >= (FIRM_ALARM if verdict.status in FIRM else ALARM)


def misread(verdict: Verdict, guess: Guess) -> bool:
    """Whether rules that warn of nothing, or may have found a mere mention, took a question for something else.

    Later in a conversation what was said before may stand in the verdict, and must stay.
    """
    if guess.status != ORDINARY or guess.sure < ORDINARY_SURE:
        return False
    if verdict.status == "caution":
        return verdict.doubtful and all(told.status != "urgent" for told in verdict.told)
    return not verdict.told and verdict.status in CHATTY


def alarmed(verdict: Verdict, group: str, example: str, texts: Texts) -> Verdict:
    """The urgent verdict that an example of a group makes of another one; the labels found before are kept."""
    label = Label(group, "like an example", "unknown", f"prototypes.toml:{group}", example)
    lead, disclaimers = texts[group], (texts["disclaimer_urgent"],)
    return Verdict("urgent", (label, *verdict.labels), lead, False, (), disclaimers, (), verdict.question)


def as_example(verdict: Verdict, example: Verdict, text: str) -> Verdict:
    """The verdict that a message gets for being like an example; its own, and what is remembered, are kept."""
    label = Label(example.labels[0].situation, "like an example", "unknown", f"prototypes.toml:{example.status}", text)
    return replace(
        example,
        labels=(label, *verdict.labels),
        lead=f"{verdict.lead} {example.lead}".strip(),
        disclaimers=tuple(dict.fromkeys((*verdict.disclaimers, *example.disclaimers))),
        before_quotes=tuple(dict.fromkeys((*verdict.before_quotes, *example.before_quotes))),
        retrieve=example.status == "caution",
        question=verdict.question,
        told=verdict.told,
    )


def as_ordinary(verdict: Verdict, message: str) -> Verdict:
    """The verdict of a message that asks something, whatever a rule made of it; a caution's disclaimers stay."""
    return Verdict(None, verdict.labels, disclaimers=verdict.disclaimers, question=message, told=verdict.told)


class Prototypes:
    """``guess`` tells how a message is to be treated; ``nearest`` gives the examples that say so.

    ``rows`` are the dense index' rows of ``examples()``, in their order; ``questions`` those of what the corpus
    answers, or is known not to; ``later`` those of what is asked so later in a conversation ("and after that?").
    """

    def __init__(
        self,
        dense: Vectors,
        rows: NDArray[np.int64],
        questions: NDArray[np.int64],
        later: NDArray[np.int64],
        learned: Learned,
    ) -> None:
        self._dense = dense
        self._rows = rows
        self._learned = learned
        self._examples = examples()
        self._labels = np.asarray(labels())
        self._harmless = np.concatenate([rows[self._labels != "urgent"], questions])
        self._asking = np.concatenate([rows[self._labels == ORDINARY], questions])
        self._asking_later = np.concatenate([self._asking, later])

    def guess(self, vector: Matrix, text: str, later: bool = False) -> Guess:
        """From a message's embedding, shape ``(dim,)``, and its text in plain words; ``later``: others came before it.

        A word by itself says little ("chain", "alert"): only rules take one for small talk, a hand-over or a refusal.
        """
        chances = self._learned.status.probabilities(vector, self._learned.terms.row(text))
        chance = float(chances[STATUSES.index("urgent")])
        urgent = self._with_nearest(chance, vector) if chance >= SUSPECT else chance
        weighed = chances if text.isalpha() else self._weighed(chances, vector, later)
        best = int(weighed.argmax())
        if text.isalpha():
            sure = 0.0 if STATUSES[best] in CHATTY else float(weighed[best])
            return Guess(STATUSES[best], sure, urgent if urgent >= FIRM_ALARM else 0.0)
        return Guess(STATUSES[best], float(weighed[best]), urgent)

    def _weighed(self, chances: Matrix, vector: Matrix, later: bool) -> Matrix:
        """The chances of each status but urgent in the light of the nearest texts, shape ``(statuses,)``.

        What people ask ``later`` is held against small talk, hand-overs and refusals only: scraps may be cautions.
        """
        if chances[STATUSES.index(ORDINARY)] >= PLAIN:
            return chances
        weighed = self._beside(chances, vector, self._asking)
        if later and STATUSES[int(weighed.argmax())] in CHATTY:
            return self._beside(chances, vector, self._asking_later)
        return weighed

    def _beside(self, chances: Matrix, vector: Matrix, asking: NDArray[np.int64]) -> Matrix:
        """The chances beside the nearest examples of each status, and for ordinary the nearest rows of ``asking``.

        Of a status that nothing like the message is known of, the chance is 0.
        """
        scores = np.log(np.maximum(chances, 1e-6))
        known = np.ones(len(STATUSES), dtype=np.bool_)
        for number, status in enumerate(STATUSES):
            rows = asking if status == ORDINARY else self._rows[self._labels == status]
            near = np.partition(self._dense.similarity(vector, rows), -NEIGHBOURS)[-NEIGHBOURS:]
            known[number] = near.mean() >= STRANGE
            scores[number] += NEARNESS * near.mean() + (SCARCE if status != ORDINARY else 0.0)
        scores[STATUSES.index("urgent")] = -np.inf
        powers = np.exp(scores - scores.max())
        return np.where(known, powers / powers.sum(), 0).astype(np.float32)

    def alike(self, vector: Matrix, guess: Guess) -> list[tuple[str, str]]:
        """Group and text of the examples that a message is to be treated as, the nearest first."""
        return [] if guess.status in (ORDINARY, "urgent") else self.nearest(vector, guess.status)

    def _with_nearest(self, chance: float, vector: Matrix) -> float:
        """The chance of urgency in the light of its nearest example and the nearest other text."""
        compared = self._rows[self._labels == "urgent"], self._harmless
        near, far = (self._dense.similarity(vector, rows).max(initial=-1.0) for rows in compared)
        logit = math.log(chance / max(1 - chance, 1e-9)) + NEARNESS * float(near - far)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))

    def nearest(self, vector: Matrix, status: str) -> list[tuple[str, str]]:
        """Group and text of the examples of a status that are most alike, the nearest first."""
        places = np.flatnonzero(self._labels == status)
        scores = self._dense.similarity(vector, self._rows[places])
        return [self._examples[int(places[n])] for n in np.argsort(-scores, kind="stable")[:MOST_ALIKE]]
