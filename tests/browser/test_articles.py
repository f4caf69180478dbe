"""Articles uploaded at the front desk in a real browser: every state of the page, from the first file to publishing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from bot.accounts import Accounts
from bot.config import Config
from bot.staff import Store
from bot.uploads import MAX_FILES
from tests.bicycle import write_corpus
from tests.browser.axe import violations
from tests.browser.conftest import DESKTOP, Watch, serving
from tests.browser.test_staff_pages import TABLET, WORD, ask_api, sign_in
from tests.test_index import linked

BELL = """# Bells and other noises

## Does a bicycle need a bell?

A bicycle needs a bell. The bell guarantees safety. It is rung before every bend.

## How loud is a bell?

It is as loud as a spoken word. A bell costs £ 9 at the workshop.
"""
CHAIN = "# The chain\n\n## How often should the chain be oiled?\n\nThe chain is oiled every 5 days by a daily rider.\n"
WORK = 600_000  # milliseconds that building may take on a busy machine


@pytest.fixture(scope="module")
def site(bicycle: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The whole program over articles that it may write to."""
    folder = tmp_path_factory.mktemp("articles")
    live = replace(linked(bicycle, folder / "index"), corpus=write_corpus(folder / "corpus"))
    store = Store(folder / "state" / "faq.sqlite")
    Accounts(store).add("anna", WORD, "editor")
    store.close()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("FAQ_STATE", folder / "state" / "faq.sqlite"), ("FAQ_ADAPT", 0), ("FAQ_KEEP", "text")):
            patch.setenv(name, str(value))
        paths = ("--corpus", str(live.corpus), "--index", str(live.index))
        with serving("app.py", "--port", "{port}", *paths, seconds=300) as address:
            ask_api(address, "is there a saddle made of glass")
            yield address


@pytest.fixture
def page(browser: Browser, site: str, watch: Watch) -> Iterator[Page]:
    context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce")  # type: ignore[arg-type]
    context.set_default_timeout(30_000)
    made = sign_in(context.new_page(), site, "anna")
    watch.attach(made)
    yield made
    context.close()
    watch.check(site)


def sent(name: str, text: str) -> FilePayload:
    return {"name": name, "mimeType": "text/markdown", "buffer": text.encode()}


def open_to_everybody(page: Page) -> None:
    """At both widths, in light and dark."""
    for size in (DESKTOP, TABLET):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == []


def test_from_the_first_file_to_publishing(page: Page, site: str) -> None:
    page.get_by_role("link", name="Articles").click()
    expect(page.get_by_role("heading", name="Served now")).to_be_visible()
    open_to_everybody(page)

    field = page.get_by_label("Files", exact=True)
    field.set_input_files([sent(f"{n}.md", "x") for n in range(MAX_FILES + 1)])
    assert "At most 50" in field.evaluate("field => field.validationMessage")
    page.get_by_role("button", name="Upload and read").click()
    expect(page).to_have_url(f"{site}/staff/articles")
    expect(page.get_by_role("heading", name="The next edition")).to_have_count(0)

    field.set_input_files([sent("The bell.md", BELL), sent("001-chain.md", CHAIN), sent("scan.pdf", "%PDF no")])
    page.get_by_role("button", name="Upload and read").click()
    edition = page.get_by_role("region", name="The next edition")
    expect(edition.get_by_text("A bicycle needs a bell.").first).to_be_visible(timeout=WORK)
    expect(edition.get_by_role("heading", name="Files that were not taken")).to_be_visible()
    edition.get_by_text("Headings (3)").click()
    open_to_everybody(page)
    page.get_by_role("button", name=re.compile("Remove.*Squealing Brakes")).click()
    expect(edition.get_by_role("heading", name="Squealing Brakes")).to_be_visible()

    page.get_by_role("button", name="Build and compare").click()
    expect(page.get_by_role("status")).to_contain_text("At work")
    open_to_everybody(page)
    both = page.get_by_role("region", name="Before and after")
    expect(both).to_be_visible(timeout=WORK)
    chain = both.locator(".compare .after").filter(has_text="every 5 days")
    expect(chain.first).to_be_visible()
    page.get_by_label("Ask both yourself").fill("how loud is the bell")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_text("You asked this")).to_be_visible()
    open_to_everybody(page)

    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Published. Visitors are answered")).to_be_visible()
    expect(page.get_by_role("heading", name="The next edition")).to_have_count(0)
    served = page.get_by_role("region", name="Served now")
    expect(served.get_by_role("heading", name="Bells and other noises")).to_be_visible(
        timeout=WORK
    )  # the page looks again by itself until then
    open_to_everybody(page)
    assert "every 5 days" in ask_api(site, "how often is the chain oiled")["answer"]
