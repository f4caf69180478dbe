"""``POST /api/feedback``: whether a reply helped, from our own page only and without a word of the conversation."""

from __future__ import annotations

import logging
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.errors import StateError
from bot.guard import from_our_page
from bot.staff import Feedback, Reason
from bot.stage import Stage

log = logging.getLogger(__name__)
# No cookie stands for a visitor, so a forged request could only add noise; it is refused all the same.
ELSEWHERE = "Feedback is taken from this site's own page only."
NOT_KEPT = "That could not be kept. Please try again later."
_EXAMPLE: Any = {
    "index_version": "3f9a", "status": "answered", "helpful": False, "reason": "unclear", "sources": ["001-peels"],
}  # fmt: skip
Name = Annotated[str, Field(pattern=r"\A[\w.-]{1,100}\z")]  # an article's id or an index's version

router = APIRouter()


class Helped(BaseModel):
    """The body: nothing that a visitor typed fits into it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    index_version: Name
    status: Literal["answered", "caution", "abstained"]
    helpful: bool
    reason: Reason | None = None
    sources: list[Name] = Field(default=[], max_length=20)

    @model_validator(mode="after")
    def _a_reason_is_for_no(self) -> Helped:
        if self.helpful and self.reason:
            raise ValueError("a reason goes with helpful = false only")
        return self


def _ours(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Send JSON.")
    if not from_our_page(request):
        raise HTTPException(403, ELSEWHERE)


@router.post("/api/feedback", dependencies=[Depends(_ours)], status_code=204)
def post_feedback(helped: Helped, request: Request) -> None:
    """Say whether a reply helped. Taken from this site's own page; the conversation is not sent."""
    stage: Stage = request.app.state.stage
    known = tuple(name for name in dict.fromkeys(helped.sources) if stage.bot.article(name))
    try:
        stage.store.add(Feedback(helped.index_version, helped.status, helped.helpful, helped.reason, known))
        if not helped.helpful and stage.recorder:
            stage.recorder.thumbs_down(helped.status, helped.reason, known)
    except StateError as error:
        log.error("%s", error)
        raise HTTPException(503, NOT_KEPT) from None
