"""A text is embedded once by an encoder, whatever becomes of the files it stood in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bot.encoder import Matrix, Progress
from bot.known import Known, saved
from tests.fake_encoder import FakeEncoder


class Counting(FakeEncoder):
    """Remembers what it embedded."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Matrix:
        self.seen += texts
        return super().encode(texts, progress)


def test_each_text_is_embedded_once_and_stands_where_it_was_asked_for() -> None:
    encoder = Counting()
    known = Known(lambda: encoder)
    first = known.encode(["red bell", "blue tyre", "red bell"])
    second = known.encode(["blue tyre", "green frame"])
    assert sorted(encoder.seen) == ["blue tyre", "green frame", "red bell"]
    assert (known.encoded, len(known)) == (3, 3)
    np.testing.assert_array_equal(first, FakeEncoder().encode(["red bell", "blue tyre", "red bell"]))
    np.testing.assert_array_equal(second, FakeEncoder().encode(["blue tyre", "green frame"]))


def test_the_next_build_embeds_what_is_new_and_forgets_what_is_gone(tmp_path: Path) -> None:
    texts = ["red bell", "blue tyre", "green frame"]
    known = Known(FakeEncoder)
    vectors = known.encode(texts)
    known.save(tmp_path / "first", texts[:2])  # those two are in the dense index
    encoder = Counting()
    after = Known(lambda: encoder, saved(tmp_path / "first", vectors[:2]))
    np.testing.assert_array_equal(after.encode(["green frame", "new spoke", "red bell"])[[0, 2]], vectors[[2, 0]])
    assert encoder.seen == ["new spoke"]
    after.save(tmp_path / "second")
    assert len(saved(tmp_path / "second")) == 3
    late = Counting()
    Known(lambda: late, saved(tmp_path / "second")).encode(texts)
    assert late.seen == ["blue tyre"]


def test_the_encoder_is_loaded_for_the_first_new_text_and_once(tmp_path: Path) -> None:
    known = Known(FakeEncoder)
    known.encode(["red bell"])
    known.save(tmp_path)
    loads: list[int] = []

    def load() -> FakeEncoder:
        loads.append(1)
        return FakeEncoder()

    after = Known(load, saved(tmp_path))
    after.encode(["red bell"])
    assert not loads
    after.encode(["blue tyre"])
    after.encode(["green frame"])
    assert len(loads) == 1


def test_progress_tells_of_new_texts_only() -> None:
    told: list[tuple[str, int, int]] = []

    class Telling(FakeEncoder):
        def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Matrix:
            assert progress
            progress("encode", len(texts), len(texts))
            return super().encode(texts)

    known = Known(Telling)
    for texts in (["a", "b"], ["b", "c"], ["c"]):
        known.encode(texts, lambda *step: told.append(step))
    assert told == [("encode", 2, 2), ("encode", 1, 1)]


@pytest.mark.parametrize("rows", [(), ("red bell",)])
def test_nothing_is_saved_and_read_as_nothing(tmp_path: Path, rows: tuple[str, ...]) -> None:
    known = Known(FakeEncoder)
    vectors = known.encode(list(rows))
    known.save(tmp_path, rows)
    assert len(saved(tmp_path, vectors)) == len(rows)
