"""Each state of each page at both sizes: it is seen, axe finds nothing in light or dark, and nothing is cut off."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import DESKTOP, PHONE, Sites, Visit, Watch
from tests.browser.states import STATES, State


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(request: pytest.FixtureRequest, visit: Visit) -> Page:
    return visit(request.param)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_state_is_seen_and_open_to_everybody(page: Page, sites: Sites, watch: Watch, state: State) -> None:
    watch.excused = state.complaints
    watch.attach(page)
    shown = state.reach(page, sites)
    expect(shown).to_be_visible()
    for frame in page.frames:
        assert frame.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []
    expect(shown).to_be_visible()
    watch.check(sites.usual, sites.limited, sites.starting, sites.host.address)
