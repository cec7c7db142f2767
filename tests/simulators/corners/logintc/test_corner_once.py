"""Corner cases of LoginTC by their number: what happens once, to one login alone, and stays secret."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
import structlog
from typing_extensions import override

from pushgate.clock import SystemClock
from pushgate.decision import Reason
from pushgate.http import JsonClient
from pushgate.login import Code, Method, Secret
from pushgate.outcome import Approved, Failed, FailureKind, NeedsCode, Pending
from pushgate.providers.logintc import LoginTc
from tests.simulators import authority_rig
from tests.simulators.corners.logintc.shared import FAULTS, Gate
from tests.simulators.logintc import DOMAIN, KEY
from tests.support.core import RecordingConversation, make_login
from tests.support.http import raw_server


async def test_corner_09_two_daemons_ask_once_about_one_login() -> None:
    """A NAS that asks its second server as well costs one push at our own authority, and one approval opens once."""
    async with authority_rig.rig() as made:
        second = made.provider_at(made.simulator.url)
        login = replace(await made.login(), join_key=b"the same login")
        handles = []
        for provider in (made.provider, second):
            outcome = await provider.begin(login, made.clock.now() + 20)
            assert isinstance(outcome, Pending)
            handles.append(outcome.handle)
        made.approve(handles[0])
        outcomes = [
            await provider.wait(handle, made.clock.now() + 20)
            for provider, handle in zip((made.provider, second), handles, strict=True)
        ]
        await second.close()
        assert [isinstance(outcome, Approved) for outcome in outcomes] == [True, True]
        assert made.simulator.ledger.counts["pushes"] == 1


async def test_corner_10_of_two_logins_only_the_approved_one_opens(gate: Gate) -> None:
    """Alice logs in twice and approves one: the other one stays closed."""
    first, second = await gate.ask(), await gate.ask()
    gate.rig.approve(second)
    assert await gate.wait(first, 3) is FailureKind.EXPIRED
    assert await gate.wait(second, 3) == Approved()


async def test_corner_17_no_secret_is_logged(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    """A log of logins that fail at every step holds neither the key nor a code nor what was mailed."""
    texts: list[str] = []
    with structlog.testing.capture_logs() as events:
        for fault in FAULTS.values():
            gate.simulator.knobs.only = lambda _request: True
            gate.simulator.knobs.faults.extend([None, None, fault])
            outcome = await gate.begin(factor=Code(Secret(b"271828")))
            texts += [repr(outcome), str(outcome)]
            gate.simulator.knobs.faults.clear()
        handle = await gate.ask(factor=Method("email"))
        code = gate.rig.right_code(handle)
        texts += [repr(handle), repr(await gate.rig.provider.submit(handle, code, gate.clock.now() + 9))]
        gate.rig.provider.server.stale = True
        gate.simulator.key = "other"
        await gate.login()
        await gate.rig.provider.look_around(60)
    written = "\n".join([*texts, *map(str, events), caplog.text])
    assert [secret for secret in (KEY, "271828", code) if secret in written] == []


class MailReader(RecordingConversation):
    """Types what stands in the newest e-mail."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(can_ask=True)
        self.gate = gate

    @override
    async def ask(self, prompt: str, *, echo: bool) -> str:
        self.asked.append(prompt)
        return self.gate.rig.alice.mailed[-1][0]


async def test_corner_19_a_mail_needs_the_id_of_a_name(gate: Gate) -> None:
    """Alice, of whom only the name is known, is looked up, gets a code by e-mail, and gets in by it."""
    reader = MailReader(gate)
    decision = await gate.login(reader, secret=Secret(b"email"))
    assert (decision.accept, decision.reason) == (True, Reason.APPROVED)
    assert [prompt.startswith("Code sent by e-mail") for prompt in reader.asked] == [True]
    assert "/api/users?username=alice" in [request.target for request in gate.simulator.ledger.requests]
    assert (gate.count("mails"), gate.count("pushes"), gate.count("submits")) == (1, 0, 1)


@pytest.mark.parametrize("rule", ["denied", "400", "404"])
async def test_corner_19_three_wrong_codes_end_the_login_and_leave_the_token(gate: Gate, rule: Any) -> None:
    """Whoever types wrong codes is stopped at three, however the server calls them, and alice keeps her token."""
    gate.simulator.town.rules.wrong_code = rule
    handle = await gate.ask(factor=Method("email"))
    outcomes = [await gate.rig.provider.submit(handle, "999999", gate.clock.now() + 9) for _ in range(6)]
    assert [isinstance(outcome, NeedsCode) for outcome in outcomes] == [True, True] + [False] * 4
    assert gate.count("submits") == 3
    assert gate.rig.alice.id in gate.simulator.domain.tokens
    handle = await gate.ask()
    gate.rig.approve(handle)
    assert await gate.wait(handle) == Approved()


async def test_corner_19_one_wrong_code_in_each_login_leaves_the_token(gate: Gate) -> None:
    """Who knows a name, and types a wrong code in each of many logins at a moment, gets nobody's token revoked."""
    logins = [gate.begin(factor=Code(Secret(b"999999"))) for _ in range(10)]
    kinds = [outcome.kind for outcome in await asyncio.gather(*logins) if isinstance(outcome, Failed)]
    assert sorted(kinds) == [FailureKind.BAD_CODE] * 4 + [FailureKind.LOCKED] * 6
    assert gate.count("submits") == 4
    assert gate.rig.alice.id in gate.simulator.domain.tokens
    handle = await gate.ask()
    gate.rig.approve(handle)
    assert await gate.wait(handle) == Approved()


@pytest.mark.parametrize("factor", ["push", "code", "mail"])
async def test_corner_20_a_connection_that_breaks_after_a_post_is_not_used_again(gate: Gate, factor: str) -> None:
    """A create, a code and a mail whose answers got lost on a kept connection are sent once."""
    await gate.rig.provider.reach(gate.clock.now() + 5)
    gate.simulator.knobs.only = lambda request: request.method == "POST"
    gate.simulator.knobs.drop_next(served=True)
    factors: dict[str, Any] = {
        "push": {},
        "code": {"factor": Code(Secret(b"012345"))},
        "mail": {"factor": Method("email")},
    }
    outcome = await gate.begin(**factors[factor])
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, True)
    posts = [request for request in gate.simulator.ledger.requests if request.method == "POST"]
    connections = {request.connection for request in gate.simulator.ledger.requests}
    assert (len(posts), len(connections)) == (1, 1)


async def test_corner_20_a_create_that_times_out_is_not_repeated(real_gate: Gate) -> None:
    """A server that takes a create and does not answer has perhaps asked: one create, and a reject even so."""
    gate = real_gate
    gate.opens = True
    gate.simulator.knobs.only = lambda request: request.method == "POST"
    gate.simulator.knobs.latency = 60
    outcome = await gate.rig.provider.begin(make_login(), gate.clock.now() + 0.3)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, True)
    assert gate.simulator.ledger.count("POST", "/sessions") == 1


async def test_corner_22_another_mail_within_half_a_minute_costs_no_call(gate: Gate) -> None:
    """Alice who asks for another mail at once gets none, and the code that she has still opens."""
    handle = await gate.ask(factor=Method("email"))
    requests = len(gate.simulator.ledger.requests)
    answer = await gate.rig.provider.submit(handle, "resend", gate.clock.now() + 9)
    assert isinstance(answer, NeedsCode)
    assert (answer.resent, len(gate.simulator.ledger.requests)) == (False, requests)
    opened = await gate.rig.provider.submit(handle, gate.rig.right_code(handle), gate.clock.now() + 9)
    assert opened == Approved("code")


async def test_corner_22_a_mailbox_that_had_enough_costs_no_call(gate: Gate) -> None:
    """A login by e-mail of somebody who got five within a quarter of an hour is refused before any call."""
    for _ in range(5):
        await gate.ask(factor=Method("email"))
    requests = len(gate.simulator.ledger.requests)
    outcome = await gate.begin(factor=Method("email"))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.RATE_LIMITED, False)
    assert (gate.count("mails"), len(gate.simulator.ledger.requests)) == (5, requests)


async def test_a_reply_that_ends_in_its_middle_is_an_outage() -> None:
    """A server that closes the connection in the middle of its reply to a ping has asked nobody."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    async with raw_server(head) as url:
        provider = LoginTc(JsonClient(url, SystemClock(), {}), DOMAIN, SystemClock())
        outcome = await provider.begin(make_login(), SystemClock().now() + 5)
        await provider.close()
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, False)
