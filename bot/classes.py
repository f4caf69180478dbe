"""Fit the encoder at build to what texts are: which sentence they ask for, whether none does, how they are treated.

A class is a sentence with the wordings and last messages that ask for it; another is what is known not to be covered,
and one each status of ``prototypes``. Softmax over the cosines with a learned vector of each class (Wang et al. 2017,
arXiv:1704.06369). Classifiers over embeddings that were made so are right where the same ones over the general
encoder's are not (CONTRIBUTING, before the shipped form was settled in detail): of the messages of the safety test
split 88% get their status from them, 76% before; the area under the curve of what is not covered is 98.4%, not 97.2%.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.config import Adaptation
from bot.encoder import Progress
from bot.prototypes import ORDINARY, STATUSES, examples, labels, uncovered_conversations, uncovered_questions
from bot.schema import MOST_LEARNED, Passage, parted
from bot.training import SCALE, Outcome, Pair, kept_if_better, train

if TYPE_CHECKING:
    from torch import Tensor

    from bot.encoder import Matrix, SentenceTransformerEncoder

BATCH = 64
VECTOR_RATE = 0.005  # of the classes' own vectors, which start near to where they belong
HELD_OUT = 500  # texts that are kept back to judge by
FIRST = 16  # texts of a class whose mean its vector starts from
LEAST = 1 / 8  # of all lessons that must be of passages: beside the others fewer would hardly be seen
BESIDE = "not covered"


@dataclass(frozen=True, slots=True)
class Lesson:
    """A text, and the name of the class it belongs to: a passage's id, ``BESIDE`` or a status."""

    text: str
    name: str


def lessons_of(passages: Sequence[Passage]) -> list[Lesson]:
    """Every text that something is learned from.

    Ordinary examples belong to no class: what they ask may be covered or not.
    """
    out: list[Lesson] = []
    for passage in passages:
        last = (parted(talk)[1] for talk in passage.conversations)
        own = (passage.heading, *passage.questions, *last, *(s.text for s in passage.sentences))
        out.extend(Lesson(text, passage.id) for text in own if text)
    beside = (*uncovered_questions(), *(parted(talk)[1] for talk in uncovered_conversations()))
    out.extend(Lesson(text, BESIDE) for text in beside)
    shown = zip(examples(), labels(), strict=True)
    return [*out, *(Lesson(text, status) for (_, text), status in shown if status != ORDINARY)]


def enough(passages: Sequence[Passage]) -> bool:
    """Whether passages have wordings enough to be learned beside what every corpus is given."""
    lessons = lessons_of(passages)
    own = sum(lesson.name not in (BESIDE, *STATUSES) for lesson in lessons)
    return own >= LEAST * len(lessons) and len(passages) <= MOST_LEARNED


def fit(
    encoder: SentenceTransformerEncoder, passages: Sequence[Passage], settings: Adaptation, say: Progress
) -> Outcome:
    """Train the encoder in place; where a held-out slice does not improve, its weights are put back as they were.

    No text is seen twice, so none is learned by heart.
    """
    lessons = lessons_of(passages)
    random.Random(settings.seed).shuffle(lessons)
    lessons = lessons[: HELD_OUT + settings.steps * BATCH]
    lessons = _by_sentence(encoder, lessons, {p.id: [s.text for s in p.sentences] for p in passages}, say)
    held, own = lessons[:HELD_OUT], lessons[HELD_OUT:]
    other = {lesson.name: lesson.text for lesson in own}
    numbers = {name: number for number, name in enumerate(sorted(other))}
    pairs = [Pair(h.text, other[h.name], numbers[h.name]) for h in held if h.name in other]
    return kept_if_better(encoder, pairs, lambda: _learn(encoder, own, numbers, settings, say))


def _by_sentence(
    encoder: SentenceTransformerEncoder, lessons: Sequence[Lesson], quoted: Mapping[str, Sequence[str]], say: Progress
) -> list[Lesson]:
    """Those of passages, each of the sentence that it is, or that is nearest to what it asks.

    As ``classify.Learned`` does, whole passages where they have too many sentences.
    """
    if sum(map(len, quoted.values())) > MOST_LEARNED:
        return list(lessons)
    sentences = [text for own in quoted.values() for text in own]
    texts = list(dict.fromkeys([*sentences, *(lesson.text for lesson in lessons if lesson.name in quoted)]))
    encoded = encoder.encode_quickly(texts, lambda _, done, total: say("read questions", done, total))
    vectors = dict(zip(texts, encoded, strict=True))
    stacked = {name: np.stack([vectors[text] for text in own]) for name, own in quoted.items() if own}

    def meant(lesson: Lesson) -> str:
        if lesson.name not in stacked:
            return lesson.name
        return f"{lesson.name} {int((stacked[lesson.name] @ vectors[lesson.text]).argmax())}"

    return [Lesson(lesson.text, meant(lesson)) for lesson in lessons]


def _learn(
    encoder: SentenceTransformerEncoder,
    lessons: Sequence[Lesson],
    numbers: Mapping[str, int],
    settings: Adaptation,
    say: Progress,
) -> dict[str, Any]:
    import torch

    torch.manual_seed(settings.seed)
    vectors = torch.nn.Parameter(torch.from_numpy(_centres(encoder, lessons, numbers)))
    steps = min(settings.steps, len(lessons) // BATCH)
    batches = (list(lessons[n * BATCH : (n + 1) * BATCH]) for n in range(steps))

    def loss(batch: Sequence[Lesson]) -> Tensor:
        cosines = encoder.embed_tensor([b.text for b in batch]) @ torch.nn.functional.normalize(vectors, dim=-1).T
        return torch.nn.functional.cross_entropy(SCALE * cosines, torch.tensor([numbers[b.name] for b in batch]))

    rates = [(list(encoder.model.parameters()), settings.class_rate), ([vectors], VECTOR_RATE)]
    train(encoder, batches, steps, loss, rates, say)
    return {"texts": steps * BATCH, "classes": len(numbers), "steps": steps}


def _centres(encoder: SentenceTransformerEncoder, lessons: Sequence[Lesson], numbers: Mapping[str, int]) -> Matrix:
    """The mean direction of some texts of each class, shape ``(classes, dim)``."""
    some: dict[int, list[str]] = defaultdict(list)
    for lesson in lessons:
        if len(own := some[numbers[lesson.name]]) < FIRST:
            own.append(lesson.text)
    places = [place for place in sorted(some) for _ in some[place]]
    embedded = encoder.encode_quickly([text for place in sorted(some) for text in some[place]])
    out = np.zeros((len(some), embedded.shape[1]), dtype=np.float32)
    np.add.at(out, places, embedded)
    return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True), dtype=np.float32)
