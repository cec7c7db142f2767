"""Whole logins through the core with OneLogin: passwords, pushes, codes, two attempts, outages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pushgate.authenticator import Authenticator
from pushgate.decision import Decision
from pushgate.firstfactor.provider import ProviderFirstFactor
from pushgate.login import Login, Secret
from pushgate.policy import Policy, Rule
from tests.simulators.onelogin import OneLoginTwists
from tests.simulators.onelogin_people import AUTHENTICATOR_CODE
from tests.simulators.onelogin_rig import OneLoginRig, play
from tests.support.core import RecordingAudit, RecordingConversation, make_guards, make_login

RULES = {
    "vpn": Rule(),
    "two": Rule(two_attempts=60.0),
    "open": Rule(accept_if_unreachable=True),
    "sshd": Rule(),
    "keys": Rule(accept_if_unreachable=True),
}
WITH_PASSWORD = ("vpn", "two", "open")


@asynccontextmanager
async def core(rig: OneLoginRig) -> AsyncIterator[Authenticator]:
    """Build a core whose RADIUS services let OneLogin check the password; sshd and keys have none."""
    first = ProviderFirstFactor(rig.provider)
    authenticator = Authenticator(
        Policy(RULES),
        rig.provider,
        RecordingAudit(),
        rig.clock,
        timeout=60,
        guards=make_guards(rig.clock),
        first_factors=dict.fromkeys(WITH_PASSWORD, first),
    )
    try:
        yield authenticator
    finally:
        await authenticator.asking.close()


def radius(field: str, service: str = "vpn", user: str = "alice", **changes: Any) -> Login:
    """Make a login with a password field."""
    return make_login(service=service, user=user, secret=Secret(field.encode()), **changes)


async def decide(
    authenticator: Authenticator, login: Login, conversation: RecordingConversation | None = None
) -> Decision:
    """Decide one login."""
    return await authenticator.authenticate(login, conversation or RecordingConversation())


async def answered(rig: OneLoginRig, authenticator: Authenticator, login: Login, answer: str) -> Decision:
    """Decide a login whose push is answered after five seconds."""
    deciding = asyncio.create_task(decide(authenticator, login))
    await rig.clock.sleep(5)
    [question] = [each for each in rig.simulator.asked.values() if each.is_open(rig.clock.now())]
    question.answer = answer
    return await deciding


@pytest.mark.parametrize(("answer", "reason"), [("approved", "approved"), ("denied", "denied")])
@pytest.mark.parametrize("field", ["wonderland", "wonderland,push"])
def test_a_password_and_a_push(field: str, answer: str, reason: str) -> None:
    """A person types the password at an appliance and answers on the telephone: one password check, one push."""

    async def scene(rig: OneLoginRig) -> None:
        async with core(rig) as authenticator:
            decision = await answered(rig, authenticator, radius(field), answer)
            assert (decision.reason, decision.accept) == (reason, answer == "approved")
            assert rig.simulator.ledger.count("POST", "login/auth") == 1
            assert rig.simulator.ledger.counts["pushes"] == 1

    play(scene)


def test_a_key_and_a_push() -> None:
    """A person who comes by an SSH key is asked by v2, without any password."""

    async def scene(rig: OneLoginRig) -> None:
        async with core(rig) as authenticator:
            decision = await answered(rig, authenticator, make_login(key="SHA256:abc"), "approved")
            assert (decision.reason, decision.factor) == ("approved", "push")
            assert rig.simulator.ledger.count("POST", "login/") == 0

    play(scene)


@pytest.mark.parametrize(("user", "field"), [("alice", f"wonderland,{AUTHENTICATOR_CODE}"), ("bob", "builder,012345")])
def test_a_password_and_a_code_in_one_field(user: str, field: str) -> None:
    """A person types password and code in one field, and nothing rings."""

    async def scene(rig: OneLoginRig) -> None:
        async with core(rig) as authenticator:
            decision = await decide(authenticator, radius(field, user=user))
            assert (decision.reason, decision.factor) == ("approved", "code")
            assert rig.simulator.ledger.counts["creates"] == 0

    play(scene)


class Typist(RecordingConversation):
    """A person at a prompt: types prepared lines; ``sent`` stands for the code that was sent last."""

    def __init__(self, rig: OneLoginRig, *lines: str) -> None:
        super().__init__(rig.clock.now() + 3, can_ask=True, typed=list(lines), shows_at_once=True)
        self.rig = rig

    async def ask(self, prompt: str, *, echo: bool) -> str:
        """Think for a second, then type."""
        line = await super().ask(prompt, echo=echo)
        await self.rig.clock.sleep(1)
        codes = [code for question in self.rig.simulator.asked.values() for code in question.sent.values()]
        return codes[-1] if line == "sent" else line


@pytest.mark.parametrize("service", ["vpn", "sshd"])
def test_a_code_at_a_prompt(service: str) -> None:
    """A person whose only device gets SMS types its code at the prompt, after a wrong one, and is in."""

    async def scene(rig: OneLoginRig) -> None:
        async with core(rig) as authenticator:
            login = radius("carols", user="carol") if service == "vpn" else make_login(user="carol")
            typist = Typist(rig, "wrong0", "sent")
            decision = await decide(authenticator, login, typist)
            assert (decision.reason, decision.factor) == ("approved", "code")
            assert "Type the code that was sent by SMS" in typist.asked[0]
            assert "Wrong code" in typist.asked[1]
            assert (rig.simulator.ledger.counts["mails"], rig.simulator.people["carol"].failures) == (1, 1)

    play(scene)


@pytest.mark.parametrize("service", ["vpn", "sshd"])
def test_another_way_at_the_prompt(service: str) -> None:
    """A person who is rung, but has the telephone elsewhere, writes email, types what comes, and is in."""

    async def scene(rig: OneLoginRig) -> None:
        async with core(rig) as authenticator:
            login = radius("wonderland") if service == "vpn" else make_login()
            decision = await decide(authenticator, login, Typist(rig, "email", "sent"))
            assert (decision.reason, decision.factor) == ("approved", "code")
            assert (rig.simulator.ledger.counts["pushes"], rig.simulator.ledger.counts["mails"]) == (1, 1)
            assert rig.simulator.ledger.count("POST", "login/auth") == (service == "vpn")

    play(scene)


@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_wrong_password_rings_nobody(password: str) -> None:
    """An attacker who guesses passwords rings no telephone, whatever is typed behind them."""

    async def scene(rig: OneLoginRig) -> None:
        async with core(rig) as authenticator:
            for tail in ("", ",push", ",sms", f",{AUTHENTICATOR_CODE}"):
                decision = await decide(authenticator, radius(password + tail))
                assert not decision.accept
            assert rig.simulator.ledger.counts["creates"] + rig.simulator.ledger.counts["submits"] == 0
            assert rig.simulator.people["alice"].failures <= 4

    play(scene)


@pytest.mark.parametrize("service", ["vpn", "open"])
def test_an_outage_of_the_password_check_opens_nothing(service: str) -> None:
    """An outage while OneLogin checks a password rejects, also where the service fails open."""

    async def scene(rig: OneLoginRig) -> None:
        async with core(rig) as authenticator:
            rig.simulator.knobs.only = lambda request: "login/auth" in request.path
            rig.simulator.knobs.drop_next()
            rig.simulator.knobs.status_next(503)
            for _ in range(2):
                decision = await decide(authenticator, radius("wonderland", service))
                assert (decision.reason, decision.accept) == ("first_factor_failed", False)
            assert not rig.simulator.knobs.faults

    play(scene)


def test_an_outage_after_the_push_opens_nothing() -> None:
    """An attacker who cuts the line once the person was rung opens no service that fails open."""

    async def scene(rig: OneLoginRig) -> None:
        async with core(rig) as authenticator:
            for login in (radius("wonderland", "open"), make_login(service="keys")):
                deciding = asyncio.create_task(decide(authenticator, login))
                await rig.clock.sleep(0.5)
                assert rig.simulator.ledger.counts["pushes"] > 0
                rig.simulator.knobs.drop_next(1000)
                decision = await deciding
                assert (decision.accept, decision.reason) == (False, "unavailable")
                rig.simulator.knobs.faults.clear()

    play(scene)


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
def test_a_token_endpoint_that_refuses_opens_nothing(status: int) -> None:
    """A credential that OneLogin refuses, or whose maker was deleted, is no outage."""

    async def scene(rig: OneLoginRig) -> None:
        async with core(rig) as authenticator:
            rig.simulator.knobs.only = lambda request: "token" in request.path
            for _ in range(3):
                rig.simulator.knobs.status_next(status)
            decision = await decide(authenticator, make_login(service="keys"))
            assert not decision.accept

    play(scene)


def test_no_second_factor_lets_nobody_in() -> None:
    """A person in whom OneLogin wants no second factor is out, unless the administrator has said otherwise."""

    async def refused(rig: OneLoginRig) -> None:
        async with core(rig) as authenticator:
            assert (await decide(authenticator, radius("wonderland"))).reason == "first_factor_failed"

    async def allowed(rig: OneLoginRig) -> None:
        async with core(rig) as authenticator:
            decision = await decide(authenticator, radius("wonderland"))
            assert (decision.reason, decision.factor) == ("approved", "password")

    play(refused, twists=OneLoginTwists(needs_mfa=False))
    play(allowed, twists=OneLoginTwists(needs_mfa=False), allow_no_mfa=True)


async def first_attempt(rig: OneLoginRig, authenticator: Authenticator) -> str:
    """Log carol in for the first time; return the code that was sent to her."""
    decision = await decide(authenticator, radius("carols", "two", "carol"))
    assert (decision.reason, decision.accept) == ("code_sent", False)
    [question] = rig.simulator.asked.values()
    return question.sent[999999]


def test_corner_23_two_attempts_check_the_password_once() -> None:
    """A person whose appliance shows no challenge types password and code in a second attempt, and is in."""

    async def scene(rig: OneLoginRig) -> None:
        async with core(rig) as authenticator:
            code = await first_attempt(rig, authenticator)
            decision = await decide(authenticator, radius(f"carols,{code}", "two", "carol"))
            assert (decision.reason, decision.factor) == ("approved", "code")
            assert rig.simulator.ledger.count("POST", "login/auth") == 1
            assert rig.simulator.ledger.counts["mails"] == 1

    play(scene)


@pytest.mark.parametrize("mistake", ["late", "nas", "password", "code"])
def test_corner_23_a_second_attempt_that_does_not_fit_is_refused(mistake: str) -> None:
    """A second attempt that is late, from another appliance, or with another password or code lets nobody in."""

    async def scene(rig: OneLoginRig) -> None:
        async with core(rig) as authenticator:
            code = await first_attempt(rig, authenticator)
            if mistake == "late":
                await rig.clock.sleep(61)
            wrong = f"{(int(code) + 1) % 10**6:06}" if mistake == "code" else code
            password = "carolx" if mistake == "password" else "carols"
            host = "other" if mistake == "nas" else "web1"
            decision = await decide(authenticator, radius(f"{password},{wrong}", "two", "carol", host=host))
            assert not decision.accept

    play(scene)
