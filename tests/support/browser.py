"""A real Chromium on the approval page: start it, enrol it, read what it shows, press its buttons."""

import base64
import hashlib
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright, expect

from tests.support.authority import NATIVE, RunningAuthority, running_authority
from tests.support.devices import verify

ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
REFUSED_ON_CONSOLE = re.compile(r"Failed to load resource: the server responded with a status of 40[139]")
SUDO: dict[str, Any] = {
    "ipAddress": "203.0.113.7",
    "attributes": [
        {"key": "IP Address", "value": "203.0.113.7"},
        {"key": "Username", "value": "alice"},
        {"key": "Command", "value": "systemctl  restart nginx"},
    ],
    "context": {
        "service": "sudo",
        "host": "web1.example.org",
        "account": "root",
        "command": "systemctl  restart nginx",
        "tty": "pts/3",
        "origin_kind": "pam",
    },
    "client_nonce": "AAECAwQFBgcICQoLDA0ODw",
}
PATIENCE = 15_000
"""Milliseconds for anything that the page does by itself; on a busy machine a browser is slow."""


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """Run the system's Chromium."""
    program = shutil.which("chromium")
    assert program is not None, "chromium is not installed: apt install chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def enrolled_page(browser: Browser, address: str, code: str) -> AsyncIterator["ApprovalPage"]:
    """Link a new profile of a browser by a code; in the end it must have nothing to complain about."""
    async with new_profile(browser) as profile:
        page = await ApprovalPage.open(profile, address)
        await page.enrol(code)
        yield page
        assert page.problems == []


@asynccontextmanager
async def new_profile(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Give a browser a profile of its own: no key, no storage."""
    profile = await browser.new_context(locale="en-GB", timezone_id="Europe/Berlin")
    try:
        yield profile
    finally:
        # A request that a test is just rewriting must end first: its failure would be reported to another test.
        for page in profile.pages:
            await page.unroute_all(behavior="wait")
        await profile.close()


class ApprovalPage:
    """One tab with the approval page."""

    def __init__(self, context: BrowserContext, page: Page, address: str) -> None:
        self.context, self.page, self.address = context, page, address
        self.problems: list[str] = []
        """Errors on the console, violations of the content security policy, exceptions nobody caught."""
        page.on("console", lambda message: self.problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    @classmethod
    async def open(cls, context: BrowserContext, address: str, path: str = "/") -> "ApprovalPage":
        """Open a tab."""
        page = await context.new_page()
        page.set_default_timeout(PATIENCE)
        tab = cls(context, page, address)
        await page.goto(address + path)
        return tab

    async def another_tab(self) -> "ApprovalPage":
        """Open the page once more in the same browser."""
        return await ApprovalPage.open(self.context, self.address)

    async def enrol(self, code: str) -> None:
        """Type the code, link the browser, wait until it listens for logins; one may have come in that moment."""
        await self.page.get_by_label("Activation code").fill(code)
        await self.page.get_by_role("button", name="Link this browser").click()
        listening = self.page.get_by_text("Nothing is waiting for you.").or_(self.sheet)
        await expect(listening.first).to_be_visible(timeout=PATIENCE)

    async def wait_for_text(self, text: str) -> None:
        """Wait until a text stands on the page."""
        await expect(self.page.get_by_text(text).first).to_be_visible(timeout=PATIENCE)

    @property
    def sheet(self) -> Locator:
        """The approval sheet."""
        return self.page.locator(".sheet")

    async def wait_for_request(self, session: str | None = None) -> dict[str, Any]:
        """Wait until a login is shown and can be answered; return every value that can be read from it."""
        sheet = self.page.locator(f'.sheet[data-session="{session}"]' if session else ".sheet")
        # Not Approve: it may wait for a number.
        await expect(sheet.get_by_role("button", name="Deny")).to_be_enabled(timeout=PATIENCE)
        return await self.shown()

    async def shown(self) -> dict[str, Any]:
        """Return what a person reads, in the form of ``ctx``; keys whose value is empty are not on the page."""
        values: dict[str, Any] = {}
        for cell in await self.sheet.locator("[data-key]").all():
            key = await cell.get_attribute("data-key")
            assert key is not None
            assert key not in values
            assert await cell.is_visible()
            time = cell.locator("time")
            text = await cell.text_content()
            if await time.count():
                text = str(int(datetime.fromisoformat(str(await time.get_attribute("datetime"))).timestamp()))
            values[key] = text
        for kind in await self.sheet.locator("[data-origin]").all():
            values["origin_kind"] = await kind.get_attribute("data-origin")
        attributes = await self.sheet.locator("[data-attribute]").all()
        values["attributes"] = [
            {"key": await row.locator("dt").text_content(), "value": await row.locator("dd").text_content()}
            for row in attributes
        ]
        return values

    async def press(self, name: str) -> None:
        """Press a button of the sheet."""
        await self.sheet.get_by_role("button", name=name).click()

    async def wait_for_outcome(self, session: str, outcome: str) -> None:
        """Wait until the sheet of a session shows how it ended, and the list of ended ones too."""
        selector = f'.sheet[data-session="{session}"][data-state="{outcome}"]'
        await expect(self.page.locator(selector)).to_be_visible(timeout=PATIENCE)
        await expect(self.page.locator(f'.recent [data-session="{session}"][data-outcome="{outcome}"]')).to_be_visible()
        await expect(self.sheet.get_by_role("button", name="Approve")).to_have_count(0)


async def approve_next(page: ApprovalPage) -> dict[str, Any]:
    """Wait for a login, approve it, and return what was shown of it."""
    shown = await page.wait_for_request()
    await page.press("Approve")
    await page.wait_for_text("The login goes on.")
    return shown


@dataclass
class Place:
    """Where a test happens: a folder for an authority, and a browser."""

    folder: Path
    browser: Browser

    @asynccontextmanager
    async def alice(self) -> AsyncIterator[tuple[RunningAuthority, ApprovalPage]]:
        """Run an authority, and a page that alice has linked to it."""
        async with running_authority(self.folder) as authority:
            _, code = await authority.add_user()
            async with enrolled_page(self.browser, authority.page_url, code) as page:
                yield authority, page

    @asynccontextmanager
    async def unlinked(self) -> AsyncIterator[tuple[RunningAuthority, BrowserContext]]:
        """Run an authority, and a browser profile that is not linked."""
        async with running_authority(self.folder) as authority, new_profile(self.browser) as profile:
            yield authority, profile


async def native(authority: RunningAuthority, session: str) -> Any:
    """Read a session with its proof, as the host that asked for it does."""
    return (await authority.call("GET", f"/domains/{{d}}/sessions/{session}", accept=NATIVE)).json


def check_proof(proof: dict[str, Any]) -> None:
    """Check a proof as a host does that trusts nobody: the signature over the hash of its ctx."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(proof["ctx"].encode()).digest()).decode().rstrip("=")
    fields = ["decision.v1", proof["session"], proof["device_id"], proof["decision"], proof["nonce"], digest]
    verify(
        base64.urlsafe_b64decode(proof["public_key"] + "="),
        proof["sig"],
        "\n".join([*fields, proof["number"]]).encode(),
    )


def forget_refusals(page: ApprovalPage) -> None:
    """Drop the lines in which the browser reports the refusals that a test provoked, and nothing else."""
    page.problems[:] = [problem for problem in page.problems if not REFUSED_ON_CONSOLE.match(problem)]
