"""``pushgate login`` as a process in a terminal, with each provider over real HTTP to its simulator."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.simulators import clerk, clerk_rig, logintc, logintc_rig, onelogin, onelogin_rig, threatwinds_rig
from tests.simulators.base import Simulator, until
from tests.support.config import RADIUS, write_config
from tests.support.gate import PUSHGATE
from tests.support.terminal import Terminal, terminal


class Sitting:
    """A person at a terminal in a thread, while the simulator runs in the loop."""

    def __init__(self, simulator: Simulator, folder: Path, section: str, **files: str) -> None:
        self.simulator = simulator
        self.loop = asyncio.get_running_loop()
        self.config = write_config(folder, section, RADIUS, "login: {{timeout: 20}}\n", url=simulator.url, **files)

    async def login(self, see: Callable[[Terminal], int], *arguments: str) -> tuple[int, str]:
        """Run the command; return its exit status and all that was shown."""

        def sit() -> tuple[int, str]:
            command = [str(PUSHGATE), "login", "--config", str(self.config), *arguments]
            with terminal(command, self.config.parent) as shown:
                return see(shown), shown.output

        return await asyncio.to_thread(sit)

    def do(self, act: Callable[[], Any]) -> Any:
        """Do something in the loop of the simulator, from the thread of the person."""

        async def later() -> Any:
            return act()

        return asyncio.run_coroutine_threadsafe(later(), self.loop).result(10)

    def counted(self, what: str) -> None:
        """Wait until the simulator has counted something."""
        counts = self.simulator.ledger.counts
        asyncio.run_coroutine_threadsafe(until(lambda: counts[what] > 0), self.loop).result(10)


LOGINTC = """\
provider:
  type: logintc
  url: {url}
  api_key_file: {folder}/api.key
  domain_id_file: {folder}/domain.id
"""

ONELOGIN = """\
provider:
  type: onelogin
  subdomain: example
  url: {url}
  client_id: CLIENT
  client_secret_file: {folder}/api.key
"""

THREATWINDS = """\
provider:
  type: threatwinds
  url: {url}
  address: {{template: "{{user}}@example.com"}}
"""

CLERK = """\
provider:
  type: clerk
  api_url: {url}/v1
  secret_key_file: {folder}/api.key
"""


async def test_logintc(private_folder: Path) -> None:
    """An administrator sees a push through LoginTC from the look at the domain to the approval, and no secret."""
    async with logintc_rig.rig() as rig:
        keys = {"api_key": logintc.KEY, "domain_id": logintc.DOMAIN}
        sitting = Sitting(rig.simulator, private_folder, LOGINTC, **keys)

        def see(shown: Terminal) -> int:
            shown.shows("/api/domains/*: 200, ")
            shown.shows(" begin push")
            shown.shows("Pending")
            sitting.counted("pushes")
            sitting.do(lambda: [rig.simulator.town.answer(each, "approved") for each in rig.simulator.town.sessions])
            return shown.ends()

        status, output = await sitting.login(see, "alice")
    assert (status, "factor: push" in output) == (0, True), output
    assert not any(secret in output for secret in keys.values())


async def test_logintc_by_mail(private_folder: Path) -> None:
    """An administrator tries LoginTC's mail with its code; a key that is refused is told with a hint."""
    async with logintc_rig.rig() as rig:
        keys = {"api_key": logintc.KEY, "domain_id": logintc.DOMAIN}
        sitting = Sitting(rig.simulator, private_folder, LOGINTC, **keys)

        def see(shown: Terminal) -> int:
            shown.shows("NeedsCode, prompt ")
            sitting.counted("mails")
            shown.types(sitting.do(lambda: rig.alice.mailed[-1][0]))
            return shown.ends()

        status, output = await sitting.login(see, "alice", "--factor", "email")
        rig.simulator.key = "x" * 64
        refused, said = await sitting.login(Terminal.ends, "alice")
    assert (status, "approved: approved" in output) == (0, True), output
    assert (refused, "hint: " in said, "not approved: config" in said) == (1, True, True), said


async def test_onelogin(private_folder: Path) -> None:
    """An administrator types the password unseen, sees OneLogin check it, and hands in the SMS code at the prompt."""
    async with onelogin_rig.rig() as rig:
        section = ONELOGIN.replace("CLIENT", onelogin.CLIENT_ID).replace("example", onelogin.SUBDOMAIN)
        sitting = Sitting(rig.simulator, private_folder, section, api_key=onelogin.CLIENT_SECRET)

        def see(shown: Terminal) -> int:
            shown.shows("Password: ")
            shown.types("wonderland")
            shown.shows("/api/1/login/auth: 200, ")
            shown.shows("PasswordRight")
            shown.shows("/api/1/login/verify_factor: 200, ")
            shown.shows("by SMS. ")
            shown.shows(": ")
            shown.types(sitting.do(lambda: next(iter(latest(rig.simulator.asked).sent.values()))))
            return shown.ends()

        status, output = await sitting.login(see, "alice", "--password", "--factor", "sms")
        asked = latest(rig.simulator.asked)
    assert (status, "approved: approved" in output) == (0, True), output
    assert not any(secret in output for secret in ("wonderland", onelogin.CLIENT_SECRET, asked.id))


async def test_onelogin_with_a_wrong_password(private_folder: Path) -> None:
    """An administrator who mistypes the password sees that OneLogin refuses it, and nobody is asked."""
    async with onelogin_rig.rig() as rig:
        section = ONELOGIN.replace("CLIENT", onelogin.CLIENT_ID).replace("example", onelogin.SUBDOMAIN)
        sitting = Sitting(rig.simulator, private_folder, section, api_key=onelogin.CLIENT_SECRET)

        def see(shown: Terminal) -> int:
            shown.shows("Password: ")
            shown.types("builder")
            return shown.ends()

        status, output = await sitting.login(see, "alice", "--password")
        assert rig.simulator.ledger.counts["pushes"] == 0
    assert (status, "not approved: bad_password" in output, "builder" in output) == (1, True, False), output


async def test_threatwinds(private_folder: Path) -> None:
    """An administrator types a mailed code, then gives up another login: ThreatWinds keeps no session of either."""
    async with threatwinds_rig.rig() as rig:
        sitting = Sitting(rig.simulator, private_folder, THREATWINDS)

        def type_code(shown: Terminal) -> int:
            shown.shows("Code sent to ")
            shown.types(sitting.do(rig.right_code))
            return shown.ends()

        def give_up(shown: Terminal) -> int:
            shown.shows("Code sent to ")
            shown.process.sendintr()
            shown.shows("given up: withdrawing what is open")
            return shown.ends()

        status, output = await sitting.login(type_code, "alice")
        given_up, said = await sitting.login(give_up, "alice")
        assert rig.leftovers() == 0
    assert (status, "approved: approved" in output) == (0, True), output
    assert (given_up, "not approved: withdrawn" in said) == (1, True), said
    # Once: the terminal itself shows what is typed.
    assert output.count(rig.simulator.mails[0].code) == 1


async def test_clerk(private_folder: Path) -> None:
    """An administrator tries Clerk with password and code, one call for each, and with a code that is wrong."""
    async with clerk_rig.clerk_rig(clerk_rig.ClerkRig) as rig:
        sitting = Sitting(rig.simulator, private_folder, CLERK, api_key=clerk.SECRET_KEY)

        def type_both(code: str) -> Callable[[Terminal], int]:
            def see(shown: Terminal) -> int:
                shown.shows("Password: ")
                shown.types("correct horse")
                shown.shows("Code: ")
                shown.types(code)
                return shown.ends()

            return see

        arguments = ("alice", "--password", "--factor", "code")
        status, output = await sitting.login(type_both(rig.right_code()), *arguments)
        wrong, said = await sitting.login(type_both("999999"), *arguments)
    assert (status, "factor: code" in output) == (0, True), output
    assert "/v1/users/*/verify_password: 200, " in output
    assert "/v1/users/*/verify_totp: 200, " in output
    assert (wrong, "not approved: bad_code" in said) == (1, True), said
    assert not any(secret in output + said for secret in ("correct horse", clerk.SECRET_KEY))


def latest(asked: Mapping[str, Any]) -> Any:
    """Return what was asked last."""
    return list(asked.values())[-1]
