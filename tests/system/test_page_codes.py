"""Setting up one-time codes on the approval page, in a real browser against a real authority."""

import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pyotp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from push_authority.qr import qr_drawing
from tests.support.authority import early_in_step
from tests.support.browser import PATIENCE, SUDO, ApprovalPage, Place, forget_refusals, running_browser

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


async def press(page: ApprovalPage, name: str) -> None:
    """Press a button of the codes' section."""
    await page.page.locator(".codes").get_by_role("button", name=name, exact=True).click()


async def begin(page: ApprovalPage) -> pyotp.TOTP:
    """Begin to set up codes; return what the app makes of the secret that is shown."""
    await press(page, "Set up codes")
    secret = str(await page.page.locator("#secret").text_content(timeout=PATIENCE))
    assert re.fullmatch(r"([A-Z2-7]{4} ){7}[A-Z2-7]{4}", secret)
    return pyotp.TOTP(secret.replace(" ", ""))


async def confirm(page: ApprovalPage, code: str) -> None:
    """Type the first code."""
    await page.page.get_by_label("Code that the app shows").fill(code)
    await press(page, "Confirm")


async def test_codes_are_set_up_used_and_removed(place: Place) -> None:
    """A person scans, mistypes, types the app's code, and logs in by codes until they are removed."""
    async with place.alice() as (authority, page):
        await early_in_step()
        app = await begin(page)
        assert (await authority.type_code(app.now()))["state"] == "denied"
        await confirm(page, "000000x")
        await page.wait_for_text("That is not the code of this secret now.")
        first = app.at(time.time() - 30)
        await confirm(page, f"{first[:3]} {first[3:]}")
        await page.wait_for_text("The codes work from now on.")
        assert app.secret not in (await page.page.content()).replace(" ", "")
        assert (await authority.type_code(app.now()))["state"] == "approved"
        assert (await authority.type_code(app.now()))["state"] == "denied"
        await press(page, "Remove codes")
        await press(page, "Keep them")
        await press(page, "Remove codes")
        await press(page, "Remove")
        await page.wait_for_text("The codes are removed.")
        await expect(page.page.get_by_role("button", name="Set up codes")).to_be_visible()
        assert (await authority.type_code(app.at(time.time() + 30)))["state"] == "denied"
        await only_refusals(page)


async def only_refusals(page: ApprovalPage) -> None:
    """Check that the browser has complained about the refused code alone."""
    assert len(page.problems) == 1
    assert "400" in page.problems[0]
    page.problems.clear()


async def test_drawing_is_the_secret(place: Place) -> None:
    """What a camera sees is the address with the very secret that is written beside it."""
    async with place.alice() as (_, page):
        answers: list[Any] = []

        async def listen(route: Any) -> None:
            response = await route.fetch()
            answers.append(await response.json())
            await route.fulfill(response=response)

        await page.page.route("**/device/v1/totp", listen)
        app = await begin(page)
        drawn = await page.page.locator(".qr path").get_attribute("d")
        box = await page.page.locator(".qr").get_attribute("viewBox")
        colours = [await page.page.locator(f".qr {name}").get_attribute("fill") for name in ("rect", "path")]
    uri = app.provisioning_uri(name="alice", issuer_name="Example Org")
    expected = qr_drawing(uri)
    assert (drawn, box) == (expected["path"], f"0 0 {expected['size']} {expected['size']}")
    assert colours == ["#fff", "#000"]
    assert json.loads(json.dumps(answers[-1]))["uri"] == uri


async def test_drawing_of_a_hostile_authority_is_not_drawn(place: Place) -> None:
    """An authority that sends markup in place of a drawing gets nothing onto the page."""
    async with place.alice() as (_, page):

        async def turn(route: Any) -> None:
            response = await route.fetch()
            body = await response.json()
            body["qr"] = {"size": 9, "path": 'M0 0"/><script>owned=1</script>'}
            body["secret"] = "<img src=x onerror=alert(1)>\u202e"
            await route.fulfill(response=response, json=body)

        await page.page.route("**/device/v1/totp", turn)
        await press(page, "Set up codes")
        shown = str(await page.page.locator("#secret").text_content(timeout=PATIENCE))
        assert shown.replace(" ", "") == "<imgsrc=xonerror=alert(1)>\\u202e"
        assert await page.page.locator(".qr").count() == 0
        assert await page.page.locator("img").count() == 0


async def test_stopping_leaves_nothing_that_opens(place: Place) -> None:
    """A person who stops half way has no codes, and the secret is off the screen."""
    async with place.alice() as (authority, page):
        app = await begin(page)
        await press(page, "Stop")
        await expect(page.page.locator("#secret")).to_have_count(0)
        assert (await authority.type_code(app.now()))["state"] == "denied"


async def test_a_login_comes_while_codes_are_set_up(place: Place) -> None:
    """A person who is setting up codes is asked about a login as always, and goes on afterwards."""
    async with place.alice() as (authority, page):
        await early_in_step()
        app = await begin(page)
        session = await authority.ask(native=True, **SUDO)
        await page.wait_for_request(session)
        await page.press("Approve")
        await page.wait_for_outcome(session, "approved")
        await confirm(page, app.now())
        await page.wait_for_text("The codes work from now on.")


async def test_codes_on_a_small_screen_by_keyboard(place: Place) -> None:
    """At 320 pixels and doubled text the drawing fits; the field has its label, and Enter confirms."""
    async with place.alice() as (_, page):
        await page.page.set_viewport_size({"width": 320, "height": 640})
        await early_in_step()
        app = await begin(page)
        await page.page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert await page.page.evaluate("document.documentElement.scrollWidth") == 320
        await page.page.evaluate("document.documentElement.style.fontSize = ''")
        label = await page.page.locator(".qr").get_attribute("aria-label")
        await page.page.get_by_label("Code that the app shows").focus()
        await page.page.keyboard.type(app.now())
        await page.page.keyboard.press("Enter")
        await page.wait_for_text("The codes work from now on.")
        assert await page.page.evaluate("document.activeElement.textContent") == "Codes from an app"
    assert label == "QR code with the secret for the app"


async def test_codes_of_a_revoked_browser(place: Place) -> None:
    """A browser that was unlinked meanwhile sets up nothing and says so."""
    async with place.alice() as (authority, page):
        await expect(page.page.get_by_role("button", name="Set up codes")).to_be_visible(timeout=PATIENCE)
        await authority.call("DELETE", f"/domains/{{d}}/users/{await authority.user_id()}/token")
        await press(page, "Set up codes")
        await page.wait_for_text("This browser is not linked any more.")
        forget_refusals(page)


async def test_codes_while_the_authority_is_away(place: Place) -> None:
    """A page that cannot learn whether there are codes says so and offers to try again."""
    async with place.alice() as (_, page):
        await page.page.route("**/device/v1/totp", lambda route: route.abort())
        await page.page.reload()
        await page.wait_for_text("The authority did not answer. Try again.")
        await page.page.unroute("**/device/v1/totp")
        await press(page, "Try again")
        await expect(page.page.get_by_role("button", name="Set up codes")).to_be_visible(timeout=PATIENCE)
        assert all("ERR_FAILED" in problem for problem in page.problems)
        page.problems.clear()
