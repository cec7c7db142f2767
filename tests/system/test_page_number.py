"""The approval page where a login needs a number, in a real browser against a real authority."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from tests.support.authority import NATIVE
from tests.support.browser import (
    PATIENCE,
    SUDO,
    ApprovalPage,
    Place,
    check_proof,
    forget_refusals,
    native,
    running_browser,
)

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A running Chromium."""
    async with running_browser() as running:
        yield running


@pytest.fixture
def place(private_folder: Path, browser: Browser) -> Place:
    """A place of its own for each test."""
    return Place(private_folder, browser)


def number_field(page: ApprovalPage) -> Locator:
    """The field for the number."""
    return page.sheet.get_by_label("Number shown where you log in")


def approve_button(page: ApprovalPage) -> Locator:
    """The button that approves."""
    return page.sheet.get_by_role("button", name="Approve")


async def test_drawn_number_approves(place: Place) -> None:
    """A person who types the number that the login shows approves, signed with it; until then there is no button."""
    async with place.alice() as (authority, page):
        body = {"user": {"username": "alice"}, "number": "show", **SUDO}
        created = (await authority.call("POST", "/domains/{d}/sessions", body, accept=NATIVE)).json
        session, number = created["id"], created["number"]
        shown = await page.wait_for_request(session)
        assert shown["number_required"] == "true"
        assert number not in shown.values()
        await expect(approve_button(page)).to_be_disabled()
        for typed in (number[0], f"{number}7", "ab", f"{number[0]}x"):
            await number_field(page).fill(typed)
            await expect(approve_button(page)).to_be_disabled()
        await number_field(page).fill(f" {number}")
        await expect(approve_button(page)).to_be_enabled()
        await page.press("Approve")
        await page.wait_for_outcome(session, "approved")
        decided = await native(authority, session)
    assert (decided["state"], decided["assurance"], decided["proof"]["number"]) == ("approved", 3, number)
    check_proof(decided["proof"])


async def test_full_width_digits_are_digits(place: Place) -> None:
    """A keyboard that writes full-width digits signs the plain ones."""
    async with place.alice() as (authority, page):
        session = await authority.ask(native=True, number="57", **SUDO)
        await page.wait_for_request(session)
        await number_field(page).fill("\uff15\uff17")
        await page.press("Approve")
        await page.wait_for_outcome(session, "approved")
        assert (await native(authority, session))["proof"]["number"] == "57"


async def test_wrong_number_ends_the_login(place: Place) -> None:
    """A person with the wrong number is told that the login is refused, and there is nothing left to press."""
    async with place.alice() as (authority, page):
        session = await authority.ask(native=True, number="57", **SUDO)
        await page.wait_for_request(session)
        await number_field(page).fill("56")
        await page.press("Approve")
        await page.wait_for_outcome(session, "wrongNumber")
        await page.wait_for_text("That is not the number of this login")
        await expect(number_field(page)).to_have_count(0)
        decided = await native(authority, session)
    assert (decided["state"], decided["reason"], decided["proof"]) == ("denied", "wrong_number", None)


@pytest.mark.parametrize(("button", "outcome"), [("Deny", "denied"), ("I did not start this", "reported")])
async def test_refusing_needs_no_number(place: Place, button: str, outcome: str) -> None:
    """A person who did not start the login refuses it without a number, and a typed one is not sent."""
    async with place.alice() as (authority, page):
        session = await authority.ask(native=True, number="57", **SUDO)
        await page.wait_for_request(session)
        await number_field(page).fill("12")
        await page.press(button)
        await page.wait_for_outcome(session, outcome)
        proof = (await native(authority, session))["proof"]
    assert proof["number"] == ""
    check_proof(proof)


async def test_authority_that_hides_the_need_gains_nothing(place: Place) -> None:
    """A session whose wrapping says that no number is needed still asks for one: ctx is what is signed."""
    async with place.alice() as (authority, page):

        async def hide(route: Any) -> None:
            response = await route.fetch()
            body = await response.json()
            for session in body.get("sessions", []):
                session["number_required"] = False
            await route.fulfill(response=response, json=body)

        await page.page.route("**/device/v1/sessions", hide)
        session = await authority.ask(native=True, number="57", **SUDO)
        await page.wait_for_request(session)
        await expect(approve_button(page)).to_be_disabled()


async def test_number_is_kept_while_the_network_is_away(place: Place) -> None:
    """An answer that did not arrive can be sent again without typing the number anew."""
    async with place.alice() as (authority, page):
        session = await authority.ask(native=True, number="57", **SUDO)
        await page.wait_for_request(session)
        await number_field(page).fill("57")
        await page.context.set_offline(True)
        await page.press("Approve")
        await page.wait_for_text("Your answer did not arrive. Try again.")
        await page.context.set_offline(False)
        await page.wait_for_text("Connected")
        await expect(number_field(page)).to_have_value("57")
        await page.press("Approve")
        await page.wait_for_outcome(session, "approved")
        page.problems[:] = [problem for problem in page.problems if "ERR_INTERNET_DISCONNECTED" not in problem]
        forget_refusals(page)


async def test_number_by_keyboard_on_a_small_screen(place: Place) -> None:
    """At 320 pixels and doubled text the field fits, is large, has its label, and comes before the buttons."""
    async with place.alice() as (authority, page):
        await page.page.set_viewport_size({"width": 320, "height": 640})
        session = await authority.ask(native=True, number="07", **SUDO)
        await page.wait_for_request(session)
        box = await number_field(page).bounding_box()
        assert await number_field(page).get_attribute("inputmode") == "numeric"
        await page.page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert await page.page.evaluate("document.documentElement.scrollWidth") == 320
        await page.page.evaluate("document.documentElement.style.fontSize = ''")
        await number_field(page).focus()
        await page.page.keyboard.type("07")
        await expect(approve_button(page)).to_be_enabled(timeout=PATIENCE)
        for expected in ("Deny", "Approve"):
            await page.page.keyboard.press("Tab")
            assert await page.page.evaluate("document.activeElement.textContent") == expected
        await page.page.keyboard.press("Enter")
        await page.wait_for_outcome(session, "approved")
    assert box is not None
    assert box["height"] >= 44
