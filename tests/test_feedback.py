"""``POST /api/feedback``: what is kept, what is refused, and from where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from bot.errors import StateError
from bot.guard import Limits
from bot.staff import Feedback, Store
from bot.web import create_app
from tests.fake_bot import FakeBot
from tests.hosted import Served
from tests.test_web import GENEROUS, ready

GOOD: dict[str, Any] = {"index_version": "fake-1", "status": "answered", "helpful": True, "sources": ["001-what"]}
OURS = {"origin": "http://testserver"}


class Full(Store):
    """A store whose disk is full."""

    def add(self, feedback: Feedback) -> None:
        raise StateError("the disk is full")


@pytest.fixture
def store(served: Served) -> Store:
    return served.records()


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    with TestClient(create_app(FakeBot().as_bot, limits=GENEROUS, store=store)) as started:
        yield ready(started)


def tell(client: TestClient, headers: dict[str, str] = OURS, **changes: Any) -> int:
    return client.post("/api/feedback", json={**GOOD, **changes}, headers=headers).status_code


def test_yes_and_no_with_a_reason_are_kept(client: TestClient, store: Store) -> None:
    assert tell(client) == 204
    assert tell(client, status="abstained", helpful=False, reason="missing", sources=[]) == 204
    assert store.feedback() == [
        Feedback("fake-1", "answered", True, None, ("001-what",)),
        Feedback("fake-1", "abstained", False, "missing"),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "urgent"},
        {"status": "nice"},
        {"helpful": "perhaps"},
        {"helpful": None},
        {"reason": "bored"},
        {"helpful": True, "reason": "wrong"},
        {"index_version": "a b"},
        {"index_version": "x" * 101},
        {"index_version": "v\n"},
        {"sources": ["my-secret words"]},
        {"sources": ["a"] * 21},
        {"sources": "001-what"},
        {"message": "my-secret-words"},
    ],
    ids=str,
)
def test_anything_else_is_refused_and_not_repeated(client: TestClient, store: Store, changes: dict[str, Any]) -> None:
    answer = client.post("/api/feedback", json={**GOOD, **changes}, headers=OURS)
    assert answer.status_code == 422
    assert "my-secret" not in answer.text
    assert store.feedback() == []


def test_only_articles_that_there_are_are_kept(client: TestClient, store: Store) -> None:
    assert tell(client, sources=["gone", "001-what", "001-what"]) == 204
    assert store.feedback()[0].sources == ("001-what",)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"origin": "http://testserver"}, 204),
        ({"sec-fetch-site": "same-origin"}, 204),
        ({"sec-fetch-site": "same-origin", "origin": "https://clinic.example"}, 204),
        ({"sec-fetch-site": "cross-site", "origin": "http://testserver"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({}, 403),
    ],
    ids=str,
)
def test_only_our_own_page_may_tell(client: TestClient, headers: dict[str, str], code: int) -> None:
    """A proxy may change the host, so what the browser says of the site counts more than the origin."""
    assert tell(client, headers) == code


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_form_of_another_page_can_t_send_it(client: TestClient, store: Store, kind: str) -> None:
    body = b'{"index_version": "v", "status": "answered", "helpful": true}'
    answer = client.post("/api/feedback", content=body, headers={**OURS, "content-type": kind})
    assert answer.status_code == 415
    assert store.feedback() == []


def test_it_is_limited_apart_from_questions() -> None:
    with TestClient(create_app(FakeBot().as_bot, limits=Limits(burst=2, per_second=0.01))) as client:
        ready(client)
        assert [tell(client) for _ in range(3)] == [204, 204, 429]
        assert client.post("/api/ask", json={"message": "hello"}).status_code == 200


def test_a_full_disk_is_told_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with TestClient(create_app(FakeBot().as_bot, limits=GENEROUS, store=Full())) as client:
        assert tell(ready(client)) == 503
        assert "the disk is full" in caplog.text
