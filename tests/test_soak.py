"""A short soak of the site: 20 users through the page and the API, no error, no growth of memory or of open files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.bench.load import Server, served
from tests.bench.soak import Look, Soak, soak
from tests.bench.visitors import ApiVisitor, PageVisitor, Told, Visitor, recorded
from tests.browser.conftest import CHROMIUM

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The site with canned replies: a server's growth is in what surrounds the bot, which is frozen."""
    with served("tests/fake_bot.py", "{port}", ready="/readyz") as started:
        yield started


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install one, or name it in CHROMIUM")
@pytest.mark.parametrize("door", ["page", "api"])
def test_a_server_that_is_asked_and_asked_does_not_grow(server: Server, door: str, record_property: Record) -> None:
    def soaked() -> Soak:
        new: Callable[[str], Visitor] = partial(ApiVisitor, server.address)
        if door == "page":
            new = partial(PageVisitor, recorded(server.address, "/chat"))
        return asyncio.run(soak(server, new, 20, 8, 0.5))

    with ThreadPoolExecutor(1) as apart:  # the browser that other tests share has a loop in this thread
        found = apart.submit(soaked).result()
    row = found.row()
    record_property("figure", f"{door}: {row['answers']} answers, memory {row['growth']}")
    assert found.faults == []


def test_what_grows_or_fails_is_told() -> None:
    def seen(growth: float, files: int, failures: list[str]) -> list[str]:
        looks = [Look(float(n), int(1e8 * (1 + growth * n / 29)), 9) for n in range(30)]
        return Soak(Told([0.1], failures), looks, (9, files)).faults

    assert seen(0.0, 9, []) == []
    assert seen(0.03, 8, []) == []
    assert "memory grew by" in seen(0.3, 9, [])[0]
    assert seen(0.0, 11, []) == ["2 files stayed open"]
    assert seen(0.0, 9, ["Failed 503"]) == ["1 errors, such as Failed 503"]
    assert Soak(Told(), [Look(1.0, 9, 9)], (9, 9)).faults == ["no answers"]
