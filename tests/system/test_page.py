"""The approval page in a real browser against a real authority, honest and hostile."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from pushgate.text import clean
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

# One browser for all: starting it is the slow part. Each test has its own profile and its own authority.
pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

HOSTILE = "<img src=x onerror=alert(1)>\x1b[2J\u202ecod.exe\u200b  &amp;{{user}}$& \U0001f600 é"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A running Chromium."""
    async with running_browser() as running:
        yield running


@pytest.fixture
def place(private_folder: Path, browser: Browser) -> Place:
    """A place of its own for each test."""
    return Place(private_folder, browser)


def as_read(ctx: str) -> dict[str, Any]:
    """Return what a page must show of a ctx: every value that is not empty, as text, hidden characters visible."""
    values: dict[str, Any] = {}
    for key, value in json.loads(ctx).items():
        if key == "attributes":
            values[key] = [{name: clean(text, 10**6) for name, text in pair.items()} for pair in value]
        elif value != "":
            values[key] = clean(value if isinstance(value, str) else json.dumps(value), 10**6)
    return values


async def test_approve(place: Place) -> None:
    """What the page shows is ctx, value by value, and an approval is signed over exactly that."""
    async with place.alice() as (authority, page):
        session = await authority.ask(native=True, **SUDO)
        shown = await page.wait_for_request(session)
        await page.press("Approve")
        await page.wait_for_outcome(session, "approved")
        decided = await native(authority, session)
    assert decided["state"] == "approved"
    assert shown == as_read(decided["proof"]["ctx"])
    assert shown["command"] == "systemctl  restart nginx"
    assert json.loads(decided["proof"]["ctx"])["attributes"] == SUDO["attributes"]
    check_proof(decided["proof"])


@pytest.mark.parametrize(
    ("button", "outcome", "decision", "reason"),
    [
        ("Deny", "denied", "denied", "user"),
        ("I did not start this — report it", "reported", "denied.unknown_trigger", "unknown_trigger"),
    ],
    ids=["deny", "report"],
)
async def test_deny(place: Place, button: str, outcome: str, decision: str, reason: str) -> None:
    """A denial and a report are signed too, each as what it is."""
    async with place.alice() as (authority, page):
        session = await authority.ask(native=True, **SUDO)
        await page.wait_for_request(session)
        await page.press(button)
        await page.wait_for_outcome(session, outcome)
        decided = await native(authority, session)
    assert (decided["state"], decided["reason"]) == ("denied", reason)
    assert decided["proof"]["decision"] == decision
    check_proof(decided["proof"])


async def test_code_in_the_address(place: Place) -> None:
    """A code after the # fills the form, leaves the address at once, and links only when the person says so."""
    async with place.unlinked() as (authority, profile):
        user, code = await authority.add_user()
        typed = f"{code[:5]}-{code[5:]}".upper()
        page = await ApprovalPage.open(profile, authority.page_url, f"/e#{typed}")
        await expect(page.page.get_by_label("Activation code")).to_have_value(code, timeout=PATIENCE)
        assert code not in page.page.url.lower()
        before = (await authority.call("GET", f"/domains/{{d}}/users/{user}/token", accept=NATIVE)).json
        await page.page.get_by_role("button", name="Link this browser").click()
        await page.wait_for_text("Nothing is waiting for you.")
        mark = await page.page.locator("#fingerprint").text_content()
        after = (await authority.call("GET", f"/domains/{{d}}/users/{user}/token", accept=NATIVE)).json
        assert page.problems == []
    assert before["devices"] == []
    assert [(device["kind"], device["fingerprint"]) for device in after["devices"]] == [("page", mark)]


async def test_wrong_code(place: Place) -> None:
    """A wrong code is explained, and the right one works afterwards."""
    async with place.unlinked() as (authority, profile):
        _, code = await authority.add_user()
        page = await ApprovalPage.open(profile, authority.page_url)
        button = page.page.get_by_role("button", name="Link this browser")
        await page.page.get_by_label("Activation code").fill("too short")
        await button.click()
        await page.wait_for_text("An activation code has 10 characters")
        await page.page.get_by_label("Activation code").fill("2222222222" if code != "2222222222" else "3333333333")
        await button.click()
        await page.wait_for_text("This code is not accepted.")
        await page.enrol(code)
        assert len(page.problems) == 1
        assert "404" in page.problems[0]


async def test_hostile_texts(place: Place) -> None:
    """Markup, control, bidi and template characters of an attacker are shown as text, and nothing runs."""
    async with place.alice() as (authority, page):
        texts = dict.fromkeys(("service", "host", "account", "tty"), HOSTILE[:60])
        command = (HOSTILE + " ") * 5 + "x" * 700 + "; the end"
        session = await authority.ask(
            native=True,
            ipAddress=HOSTILE[:60],
            attributes=[{"key": HOSTILE[:60], "value": HOSTILE + "y" * 400}] * 20,
            context={**texts, "command": command, "origin_kind": "<b>\u202e"},
        )
        shown = await page.wait_for_request(session)
        await page.page.set_viewport_size({"width": 320, "height": 640})
        widths = await page.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        images = await page.page.locator("img").count()
        await page.press("Approve")
        await page.wait_for_outcome(session, "approved")
        decided = await native(authority, session)
    assert shown == as_read(decided["proof"]["ctx"])
    assert shown["command"].endswith("; the end")
    assert "\\x1b[2J\\u202ecod.exe\\u200b" in shown["command"]
    assert (images, widths) == (0, [320, 320])


async def test_hidden_characters_of_a_hostile_authority(place: Place) -> None:
    """An authority that leaves control and bidi characters in ctx does not get them onto the screen."""
    async with place.alice() as (authority, page):
        await rewrite_sessions(page, set_in_ctx(host=HOSTILE))
        session = await authority.ask(native=True, **SUDO)
        shown = await page.wait_for_request(session)
    assert shown["host"] == clean(HOSTILE)


def set_in_ctx(**changes: Any) -> Callable[[dict[str, Any]], None]:
    """Return a rewriting of sessions that changes values in ctx."""

    def change(session: dict[str, Any]) -> None:
        session["ctx"] = json.dumps({**json.loads(session["ctx"]), **changes}, ensure_ascii=False)

    return change


async def rewrite_sessions(page: ApprovalPage, change: Callable[[dict[str, Any]], None]) -> None:
    """Stand between authority and page, and change every session on its way to the page."""

    async def rewrite(route: Route) -> None:
        response = await route.fetch()
        body = await response.json()
        for session in body.get("sessions", []):
            change(session)
        await route.fulfill(response=response, json=body)

    await page.page.route("**/device/v1/sessions", rewrite)


def another_nonce(session: dict[str, Any]) -> None:
    """Rewrite the nonce of a session."""
    session["nonce"] = "A" * 22


def another_spelling(session: dict[str, Any]) -> None:
    """Rewrite ctx so that it means the same, but is not the same text."""
    session["ctx"] = " " + session["ctx"]


@pytest.mark.parametrize(
    "change", [set_in_ctx(host="harmless"), another_nonce, another_spelling], ids=["text", "nonce", "spelling"]
)
async def test_shown_is_not_what_is_stored(place: Place, change: Callable[[dict[str, Any]], None]) -> None:
    """An approval of another text than the stored one approves nothing."""
    async with place.alice() as (authority, page):
        await rewrite_sessions(page, change)
        session = await authority.ask(native=True, **SUDO)
        await page.wait_for_request(session)
        await page.press("Approve")
        await page.wait_for_text("Nothing was approved.")
        decided = await native(authority, session)
        assert len(page.problems) == 1
        assert "403" in page.problems[0]
        forget_refusals(page)
    assert (decided["state"], decided["proof"]) == ("pending", None)


async def test_stored_is_changed_behind_the_page(place: Place) -> None:
    """An authority whose stored text changes after it was shown cannot use the approval."""
    async with place.alice() as (authority, page):
        session = await authority.ask(native=True, **SUDO)
        await page.wait_for_request(session)
        statement = "UPDATE session SET ctx = replace(ctx, 'web1', 'web2') WHERE id = ?"
        await authority.authority.store.transact(lambda tx: tx.execute(statement, session))
        await page.press("Approve")
        # The page asks again and finds the other text.
        await page.wait_for_text("This request has changed while it was on your screen.")
        assert len(page.problems) == 1
        assert "403" in page.problems[0]
        forget_refusals(page)
        assert await authority.state(session) == "pending"


async def test_answer_is_changed_on_its_way(place: Place) -> None:
    """A denial that somebody turns into an approval on its way approves nothing."""
    async with place.alice() as (authority, page):

        async def turn(route: Route) -> None:
            body = json.loads(route.request.post_data or "")
            await route.continue_(post_data=json.dumps({**body, "decision": "approved"}))

        await page.page.route("**/decision", turn)
        session = await authority.ask(native=True, **SUDO)
        await page.wait_for_request(session)
        await page.press("Deny")
        await page.wait_for_text("Nothing was approved.")
        forget_refusals(page)
        assert await authority.state(session) == "pending"


CHANGED = "This request has changed while it was on your screen."
# The pause is short and a test can be slow: so the page itself notes how the buttons stand when the text appears.
NOTE_PAUSE = f"""() => new MutationObserver(() => {{
  if (window.pausedThen === undefined && document.body.textContent.includes("{CHANGED}"))
    window.pausedThen = [".approve", ".deny"].map((name) => document.querySelector(name).disabled);
}}).observe(document.body, {{ subtree: true, childList: true, characterData: true }})"""


async def test_text_does_not_change_under_the_thumb(place: Place) -> None:
    """A text that changes while it is shown is announced, its buttons pause, and they answer the new text only."""
    async with place.alice() as (authority, page):
        host = "first"
        await rewrite_sessions(page, lambda session: set_in_ctx(host=host)(session))
        session = await authority.ask(native=True, **SUDO)
        assert (await page.wait_for_request(session))["host"] == "first"
        host = "second"
        await page.page.evaluate(NOTE_PAUSE)
        # Another login makes the page ask again.
        await authority.ask(native=True, context={"service": "vpn"})
        await page.wait_for_text(CHANGED)
        assert await page.page.evaluate("window.pausedThen") == [True, True]
        assert (await page.shown())["host"] == "second"
        assert (await page.wait_for_request(session))["host"] == "second"


@pytest.mark.parametrize(
    "ctx",
    [
        '{"v":1,"host":"a","host":"b"}',
        '{"v":1,"attributes":[{"key":"a","value":"b","key":"c"}]}',
        '{"v":2}',
        "nonsense",
    ],
)
async def test_ctx_that_cannot_be_shown_safely(place: Place, ctx: str) -> None:
    """A ctx that two readers could read in two ways is not shown, and there is no button that would sign it."""
    async with place.alice() as (authority, page):
        await rewrite_sessions(page, lambda session: session.update(ctx=ctx))
        await authority.ask(native=True, **SUDO)
        await page.wait_for_text("The authority sent a login that cannot be shown safely.")
        assert await page.sheet.get_by_role("button").count() == 0


async def test_unknown_part_of_ctx_is_shown(place: Place) -> None:
    """What a later authority adds to ctx is shown too: nothing is signed unseen."""
    async with place.alice() as (authority, page):
        await rewrite_sessions(page, set_in_ctx(place="Berlin", risk={"new": True}))
        session = await authority.ask(native=True, **SUDO)
        shown = await page.wait_for_request(session)
    assert (shown["place"], shown["risk"]) == ("Berlin", '{"new":true}')


async def test_address_unknown(place: Place) -> None:
    """A login whose address is not known says so."""
    async with place.alice() as (authority, page):
        session = await authority.ask(native=True, context={"service": "vpn", "origin_kind": "unknown"})
        shown = await page.wait_for_request(session)
        await expect(page.sheet.get_by_text("address unknown")).to_be_visible()
    assert "ip" not in shown
    assert shown["origin_kind"] == "unknown"


async def test_expiry(place: Place) -> None:
    """A login that nobody answers is shown as expired, without buttons."""
    async with place.alice() as (authority, page):
        session = await authority.ask(native=True, timeout=3, **SUDO)
        await page.wait_for_request(session)
        await page.wait_for_outcome(session, "expired")
        assert "Expired." in str(await page.page.locator("#announcer").text_content())
        assert await authority.state(session, "?wait=3") == "expired"


async def test_withdrawal(place: Place) -> None:
    """A login that the other side gave up is shown as cancelled, without buttons."""
    async with place.alice() as (authority, page):
        session = await authority.ask(native=True, **SUDO)
        await page.wait_for_request(session)
        await authority.call("DELETE", f"/domains/{{d}}/sessions/{session}")
        await page.wait_for_outcome(session, "cancelled")


async def test_two_tabs(place: Place) -> None:
    """Two tabs of one browser share the key: both show the login, and the other one shows how it ended."""
    async with place.alice() as (authority, page):
        other = await page.another_tab()
        await other.wait_for_text("Nothing is waiting for you.")
        session = await authority.ask(native=True, **SUDO)
        assert await page.wait_for_request(session) == await other.wait_for_request(session)
        await other.press("Approve")
        await other.wait_for_outcome(session, "approved")
        await page.wait_for_outcome(session, "approvedElsewhere")
        assert other.problems == []
        assert await authority.state(session) == "approved"


async def test_linking_in_another_tab(place: Place) -> None:
    """A tab that shows the form follows when the browser is linked in another one."""
    async with place.unlinked() as (authority, profile):
        _, code = await authority.add_user()
        first = await ApprovalPage.open(profile, authority.page_url)
        second = await ApprovalPage.open(profile, authority.page_url)
        await first.enrol(code)
        await second.wait_for_text("Nothing is waiting for you.")
        assert first.problems + second.problems == []


async def test_click_that_was_meant_for_another_window(place: Place) -> None:
    """The second click of a double click whose first one closed a window over the page approves nothing."""
    async with place.alice() as (authority, page):
        session = await authority.ask(native=True, **SUDO)
        await page.wait_for_request(session)
        await expect(page.page.get_by_role("button", name="Approve")).to_be_enabled()
        await page.page.evaluate("""() => {
            dispatchEvent(new Event("focus"));
            document.querySelector("button.approve").click();
        }""")
        await page.wait_for_text("You have just come back to this window. Read the request, then press again.")
        assert await authority.state(session) == "pending"
        await asyncio.sleep(0.8)
        await page.press("Approve")
        await page.wait_for_outcome(session, "approved")


async def test_several_logins(place: Place) -> None:
    """One login is shown at a time; those of other queues are listed, those behind it are counted."""
    async with place.alice() as (authority, page):
        sudo = await authority.ask(native=True, **SUDO)
        await page.wait_for_request(sudo)
        vpn = await authority.ask(native=True, context={"service": "vpn", "host": "gate"}, ipAddress="198.51.100.1")
        queued = await authority.ask(native=True, **SUDO)
        await page.wait_for_text("Show: vpn on gate, from 198.51.100.1")
        await page.wait_for_text("Waiting behind this one: 1 more of the same kind, from 203.0.113.7.")
        await page.press("Approve")
        await page.wait_for_outcome(sudo, "approved")
        await page.press("Next login")
        assert (await page.wait_for_request(vpn))["host"] == "gate"
        await page.page.get_by_role("button", name=re.compile("Show: sudo")).click()
        await page.wait_for_request(queued)
        assert [await authority.state(one) for one in (sudo, vpn, queued)] == ["approved", "pending", "pending"]


async def test_same_service_from_elsewhere(place: Place) -> None:
    """An attacker's older login has a sheet of its own: the person is warned and approves only the own one."""
    async with place.alice() as (authority, page):
        attack = await authority.ask(native=True, **{**SUDO, "ipAddress": "198.51.100.9"})
        await page.wait_for_request(attack)
        await expect(page.sheet.locator(".elsewhere")).to_be_hidden()
        own = await authority.ask(native=True, **SUDO)
        await page.wait_for_text("another sudo login is waiting, from 203.0.113.7.")
        await page.page.get_by_role("button", name=re.compile("Show: sudo .* from 203.0.113.7")).click()
        assert (await page.wait_for_request(own))["ip"] == "203.0.113.7"
        await page.wait_for_text("another sudo login is waiting, from 198.51.100.9.")
        await page.press("Approve")
        await page.wait_for_outcome(own, "approved")
        assert await authority.state(attack) == "pending"
        await page.press("Next login")
        await page.wait_for_request(attack)
        await expect(page.sheet.locator(".elsewhere")).to_be_hidden()
        await page.press("I did not start this")
        await page.wait_for_outcome(attack, "reported")


async def test_next_login_waits_for_the_outcome_to_be_read(place: Place) -> None:
    """A login that comes just after an answer does not take its place at once, but by itself after a while."""
    async with place.alice() as (authority, page):
        first = await authority.ask(native=True, **SUDO)
        await page.wait_for_request(first)
        await page.press("Deny")
        await page.wait_for_outcome(first, "denied")
        second = await authority.ask(native=True, **SUDO)
        await expect(page.sheet.get_by_role("button", name="Next login")).to_be_visible(timeout=PATIENCE)
        assert await page.sheet.get_attribute("data-session") == first
        await page.wait_for_request(second)


async def test_keyboard(place: Place) -> None:
    """Everything can be done without a mouse: linking, approving, closing the outcome."""
    async with place.unlinked() as (authority, profile):
        _, code = await authority.add_user()
        page = await ApprovalPage.open(profile, authority.page_url)
        await expect(page.page.get_by_label("Activation code")).to_be_focused(timeout=PATIENCE)
        await page.page.keyboard.type(code)
        await page.page.keyboard.press("Enter")
        await page.wait_for_text("Nothing is waiting for you.")
        session = await authority.ask(native=True, **SUDO)
        await page.wait_for_request(session)
        await tab_to(page, "Approve")
        await page.page.keyboard.press("Enter")
        await page.wait_for_outcome(session, "approved")
        await tab_to(page, "Done")
        await page.page.keyboard.press("Enter")
        await page.wait_for_text("Nothing is waiting for you.")
        assert page.problems == []
        assert await authority.state(session) == "approved"


async def tab_to(page: ApprovalPage, name: str) -> None:
    """Press Tab until a button has the focus."""
    for _ in range(10):
        await page.page.keyboard.press("Tab")
        if await page.page.evaluate("document.activeElement.textContent") == name:
            return
    raise AssertionError(f"{name} cannot be reached by the keyboard")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_small_screen(place: Place, scheme: Any) -> None:
    """At 320 pixels and doubled text nothing is cut off; the buttons stay large."""
    async with place.alice() as (authority, page):
        await page.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await page.page.set_viewport_size({"width": 320, "height": 640})
        session = await authority.ask(native=True, **SUDO)
        await page.wait_for_request(session)
        heights = [
            box["height"]
            for name in ("Deny", "Approve", "I did not start this")
            if (box := await page.sheet.get_by_role("button", name=name).bounding_box())
        ]
        widths = [await page.page.evaluate("document.documentElement.scrollWidth")]
        await page.page.evaluate("document.documentElement.style.fontSize = '200%'")
        widths.append(await page.page.evaluate("document.documentElement.scrollWidth"))
        cut_off = await page.page.evaluate(
            "[...document.querySelectorAll('main *')].filter((node) => node.scrollWidth > node.clientWidth + 1"
            " && getComputedStyle(node).display !== 'inline').map((node) => node.className || node.tagName)"
        )
        colours = await page.page.evaluate(
            "['.sheet', '.approve', '.deny'].map((name) => getComputedStyle(document.querySelector(name)))"
            ".map((style) => [style.color, style.backgroundColor])"
        )
    assert (widths, cut_off) == ([320, 320], [])
    assert heights[0] >= 56
    assert heights[1] >= 56
    assert heights[2] >= 44
    assert colours == [
        {"light": ["rgb(19, 26, 38)", "rgb(255, 255, 255)"], "dark": ["rgb(238, 242, 249)", "rgb(21, 30, 48)"]}[scheme],
        ["rgb(255, 255, 255)", "rgb(20, 113, 61)"],
        ["rgb(255, 255, 255)", "rgb(179, 38, 30)"],
    ]


async def test_key_cannot_be_taken_out(place: Place) -> None:
    """No script, not even the page's own, can read the private key."""
    async with place.alice() as (_, page):
        names = await page.page.evaluate("""async () => {
          const { loadDevice } = await import("/key.js");
          const key = (await loadDevice()).keys.privateKey;
          const tries = ["jwk", "pkcs8", "raw"].map((format) => crypto.subtle.exportKey(format, key));
          return [key.extractable, ...(await Promise.allSettled(tries)).map((one) => one.reason?.name)];
        }""")
    assert names == [False, "InvalidAccessError", "InvalidAccessError", "InvalidAccessError"]


async def test_published_vector(place: Place) -> None:
    """The page builds the published message, byte by byte, and its signature check takes the published signature."""
    message, valid = None, None
    async with place.alice() as (_, page):
        message, valid = await page.page.evaluate("""async () => {
          const { decisionMessage } = await import("/messages.js");
          const ctx = '{"v":1,"authority":"auth.example.org","user":"john","attributes":[{"key":"IP Address",' +
            '"value":"203.0.113.7"}],"client_nonce":"AAECAwQFBgcICQoLDA0ODw"}';
          const message = await decisionMessage("fcbdc4c271c889825d8338d2d8f10b6e5e95c171",
            "8c184f495a5b7b6e9ed732f2ce3c67e310806f38", "approved", "AAECAwQFBgcICQoLDA0ODw", ctx, "42");
          const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")),
            (character) => character.charCodeAt(0));
          const key = await crypto.subtle.importKey("raw", bytes("BMwjV6IDQOR9faU4HWQIZ9Ed56cb65R43QvvFqw4nEac" +
            "SQimODlBkAX7GCm6DTnhrDYBGYLpaWRqB80R_amo620"), { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]);
          const signature = bytes("yUc7M7brcpnZb8VsMQycB4TQovAMESjeJcAnPJ-i6ypZvljRuWSOXd5MZ70EdfNZui8lXaDuwk_Lu4nl" +
            "_IaK6Q");
          return [message, await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature,
            new TextEncoder().encode(message))];
        }""")
    assert message == (
        "decision.v1\nfcbdc4c271c889825d8338d2d8f10b6e5e95c171\n8c184f495a5b7b6e9ed732f2ce3c67e310806f38\n"
        "approved\nAAECAwQFBgcICQoLDA0ODw\nM_e5zvkxD9Osr1S7P5douWb1mn1hBbDA8AKnXdmdX-k\n42"
    )
    assert valid is True


async def test_inline_code_does_not_run(place: Place) -> None:
    """Even if markup got into the page, the content security policy would stop it."""
    async with place.alice() as (_, page):
        outcome = await page.page.evaluate("""() => {
          try { document.body.innerHTML = "<img src=x onerror='window.owned = 1'>"; return "taken"; }
          catch (error) { return error.name; }
        }""")
        assert await page.page.evaluate("window.owned === undefined")
        assert len(page.problems) >= 1
        page.problems.clear()
    assert outcome == "TypeError"


async def test_wrong_clock(place: Place) -> None:
    """A browser whose clock is an hour off corrects itself by the authority's, and works."""
    async with place.unlinked() as (authority, profile):
        _, code = await authority.add_user()
        await profile.add_init_script("{ const now = Date.now; Date.now = () => now() + 3600_000; }")
        page = await ApprovalPage.open(profile, authority.page_url)
        await page.enrol(code)
        await page.wait_for_text("Connected")
        session = await authority.ask(native=True, **SUDO)
        await page.wait_for_request(session)
        await page.press("Approve")
        await page.wait_for_outcome(session, "approved")
        forget_refusals(page)
        assert page.problems == []


async def test_authority_away(place: Place) -> None:
    """A page without connection says so, recovers by itself, and takes the lost answer again."""
    async with place.alice() as (authority, page):
        session = await authority.ask(native=True, **SUDO)
        await page.wait_for_request(session)
        await page.context.set_offline(True)
        await page.press("Approve")
        await page.wait_for_text("Your answer did not arrive. Try again.")
        await page.wait_for_text("No connection. Trying again…")
        await page.context.set_offline(False)
        await page.wait_for_text("Connected")
        await page.press("Approve")
        await page.wait_for_outcome(session, "approved")
        assert page.problems
        assert [problem for problem in page.problems if "ERR_INTERNET_DISCONNECTED" not in problem] == []
        page.problems.clear()


async def test_unlinking(place: Place) -> None:
    """An unlinked browser is unknown to the authority, its key is gone, and it can be linked again."""
    async with place.alice() as (authority, page):
        user = (await authority.call("GET", "/users?username=alice")).json["id"]
        await page.page.get_by_role("button", name="Unlink this browser").click()
        await page.page.get_by_role("button", name="Unlink", exact=True).click()
        await page.wait_for_text("Activation code")
        left = (await authority.call("GET", f"/domains/{{d}}/users/{user}/token", accept=NATIVE)).status
        stored = await page.page.evaluate("import('/key.js').then((key) => key.loadDevice())")
        await page.enrol(await authority.new_code(user))
    assert (left, stored) == (404, None)


async def test_revoked(place: Place) -> None:
    """A browser that an administrator has unlinked says so, and keeps its key until the person gives it up."""
    async with place.alice() as (authority, page):
        user = (await authority.call("GET", "/users?username=alice")).json["id"]
        # A login that waits makes the page ask at once; without one it learns it within 15 seconds.
        await page.wait_for_request(await authority.ask(native=True, **SUDO))
        await authority.call("DELETE", f"/domains/{{d}}/users/{user}/token")
        await page.wait_for_text("This browser is not linked any more.")
        await page.page.get_by_role("button", name="Forget the key and link again").click()
        await page.wait_for_text("Activation code")
        forget_refusals(page)
