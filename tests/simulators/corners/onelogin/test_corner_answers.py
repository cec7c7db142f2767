"""Corner cases of OneLogin by their number: what is sent and answered: names, codes, states, bodies, shapes."""

import gzip
from dataclasses import replace
from typing import Any

import pytest

from pushgate.firstfactor.base import PasswordRight, PasswordWrong
from pushgate.login import Code, Method, Origin, Secret
from pushgate.outcome import Approved, Failed, FailureKind, NeedsCode, Pending
from tests.simulators.base import Answer
from tests.simulators.corners.onelogin.shared import BOTH, kind_of, polls, pushed, wait
from tests.simulators.onelogin import SUBDOMAIN, OneLoginTwists
from tests.simulators.onelogin_people import AUTHENTICATOR_CODE, SimPerson
from tests.simulators.onelogin_rig import OneLoginRig, play
from tests.support.core import make_login


@BOTH
@pytest.mark.parametrize(("status", "body"), [(404, None), (410, None), (404, {"errors": []}), (410, b"<html>")])
def test_corner_03_a_question_that_is_gone_ends_at_once(password: bool, status: int, body: Any) -> None:
    """A person whose question OneLogin does not know any more is not kept waiting."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        rig.simulator.knobs.status_next(status, body)
        started = rig.clock.now()
        assert kind_of(await wait(rig, handle)) is FailureKind.EXPIRED
        assert rig.clock.now() - started < 3

    play(scene, password=password)


V1_STRANGE: list[Any] = [
    {"status": {"type": "APPROVED"}, "data": [{}]},
    {"status": {"type": None}, "data": [{}]},
    {"data": []},
    [],
    ["success"],
    "success",
    None,
]

V2_STRANGE: list[Any] = [
    [{"id": "ID", "status": "APPROVED"}],
    [{"id": "ID", "status": "Accepted"}],
    [{"id": "ID", "status": None}],
    [{"id": "ID"}],
    [],
    ["accepted"],
    None,
]


@pytest.mark.parametrize(
    ("password", "body"), [(True, each) for each in V1_STRANGE] + [(False, each) for each in V2_STRANGE]
)
def test_corner_04_an_unknown_state_ends_at_once(password: bool, body: Any) -> None:
    """A well-formed reply that we do not know ends the login, and opens nothing."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        if not password and body and isinstance(body[0], dict):
            body[0]["id"] = handle.verification_id
        rig.simulator.knobs.status_next(200, body)
        started = rig.clock.now()
        assert kind_of(await wait(rig, handle)) is FailureKind.PROTOCOL
        assert rig.clock.now() - started < 3

    play(scene, password=password)


@BOTH
@pytest.mark.parametrize("page", [b"<html>approved</html>", b'{"x": "' + b"A" * 10_000_000 + b'"}'])
def test_corner_04_an_unreadable_page_is_told_at_the_deadline(password: bool, page: bytes) -> None:
    """A proxy's page or ten megabytes in place of a state are borne until the deadline, and are PROTOCOL then."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        rig.simulator.knobs.only = polls
        rig.simulator.knobs.faults.extend([Answer(200, page)] * 10)
        started = rig.clock.now()
        assert kind_of(await wait(rig, handle, 10)) is FailureKind.PROTOCOL
        assert rig.clock.now() - started == 10
        rig.approve(handle)
        assert await wait(rig, handle) == Approved()

    play(scene, password=password)


@BOTH
def test_corner_04_gzip_works_and_a_bomb_does_not(password: bool) -> None:
    """A compressed reply is read; one that unpacks to 64 MiB is cut off at 64 KiB."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        rig.simulator.knobs.only = polls
        bomb = gzip.compress(b'{"x":"' + b"A" * (64 << 20) + b'"}', compresslevel=1)
        rig.simulator.knobs.status_next(200, bomb, {"Content-Encoding": "gzip"})
        pending = b'{"status":{"type":"pending"}}' if password else b'[{"id":"%s","status":"pending"}]'
        if not password:
            pending %= handle.verification_id.encode()
        rig.simulator.knobs.status_next(200, gzip.compress(pending), {"Content-Encoding": "gzip"})
        rig.approve(handle)
        assert await wait(rig, handle) == Approved()
        assert len(rig.simulator.knobs.faults) == 0

    play(scene, password=password)


@BOTH
@pytest.mark.parametrize("body", [{"errors": []}, None, b"no json", {"status": {"type": "Unauthorized"}}, []])
def test_corner_05_a_401_of_any_shape_is_config(password: bool, body: Any) -> None:
    """A refusal of our own credential is the administrator's business, in whatever shape it comes."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        rig.simulator.knobs.only = polls
        rig.simulator.knobs.status_next(401, body)
        outcome = await wait(rig, handle)
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.status) == (FailureKind.CONFIG, 401)
        assert "API credential" in outcome.hint

    play(scene, password=password)


@BOTH
def test_corner_05_a_redirect_is_not_followed(password: bool) -> None:
    """A redirect leads nowhere: no token is seen at the other address."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        before = len(rig.simulator.ledger.requests)
        rig.simulator.knobs.status_next(307, None, {"Location": f"{rig.simulator.url}/elsewhere"})
        assert kind_of(await wait(rig, handle)) is FailureKind.PROTOCOL
        assert len(rig.simulator.ledger.requests) == before + 1
        assert rig.simulator.ledger.count("GET", "elsewhere") + rig.simulator.ledger.count("POST", "elsewhere") == 0

    play(scene, password=password)


NAMES = ["a/b", "a?b=c", "a&b", "50%", 'a"b', "zo\u00e9", "DOMAIN\\alice", "a+b c", "a" * 128]


@pytest.mark.parametrize("name", NAMES)
def test_corner_06_names_are_exact_on_the_wire(name: str) -> None:
    """A name with characters that mean something in an address or in JSON finds its person, and nobody else."""

    async def scene(rig: OneLoginRig) -> None:
        people = rig.simulator.people
        people[name] = SimPerson(5, name, "odd@example.com", "pw", people["alice"].devices)
        outcome = await rig.provider.begin(make_login(user=name), rig.clock.now() + 60)
        assert isinstance(outcome, Pending)
        [found] = [each for each in rig.simulator.ledger.requests if each.path == "/api/2/users"]
        assert found.query == {"username": name}
        right = await rig.provider.check_password(make_login(user=name), Secret(b"pw"), rig.clock.now() + 10)
        assert isinstance(right, PasswordRight)
        [sent] = [each.json() for each in rig.simulator.ledger.requests if each.path.endswith("/auth")]
        assert sent == {"username_or_email": name, "password": "pw", "subdomain": SUBDOMAIN}

    play(scene)


@pytest.mark.parametrize("name", ["", "a" * 129, "alice ", "a\nb"])
def test_corner_06_what_is_no_name_is_not_sent(name: str) -> None:
    """A name that is empty, too long, or ends with a blank costs no call and no try at a password."""

    async def scene(rig: OneLoginRig) -> None:
        login = make_login(user=name)
        assert kind_of(await rig.provider.begin(login, rig.clock.now() + 60)) is FailureKind.NOT_ENROLLED
        checked = await rig.provider.check_password(login, Secret(b"pw"), rig.clock.now() + 10)
        assert isinstance(checked, PasswordWrong)
        assert rig.simulator.ledger.requests == []

    play(scene)


def test_corner_06_what_a_person_reads_is_cleaned_and_cut() -> None:
    """An attacker who puts escapes, bidi marks or a template into host and service changes no message."""

    async def scene(rig: OneLoginRig) -> None:
        login = make_login(host="\u202eweb\x1b[2J" * 99, service="{{otp_code}}\n", factor=Method("sms"))
        assert isinstance(await rig.provider.begin(login, rig.clock.now() + 60), NeedsCode)
        [text] = rig.simulator.messages
        assert text.isprintable()
        assert len(text) <= 160
        assert text.count("{{otp_code}}") == 1

    play(scene)


@BOTH
@pytest.mark.parametrize("typed", ["123 456", "123-456", "\uff11\uff12\uff13\uff14\uff15\uff16", " 123456 "])
def test_corner_08_codes_are_read_as_people_write_them(password: bool, typed: str) -> None:
    """A code with blanks, hyphens or full-width digits is sent as six plain digits, in text."""

    async def scene(rig: OneLoginRig) -> None:
        rig.simulator.people["bob"].devices[0].code = "123456"
        outcome = await rig.provider.begin(await rig.login("bob"), rig.clock.now() + 60)
        assert isinstance(outcome, NeedsCode)
        submitted = await rig.provider.submit(outcome.handle, typed, rig.clock.now() + 60)
        assert submitted == Approved(device="code")
        sent = rig.simulator.ledger.requests[-1].json()
        assert sent.get("otp_token", sent.get("otp")) == "123456"

    play(scene, password=password)


@BOTH
@pytest.mark.parametrize("code", ["012345", "00000000", "000000001"])
def test_corner_08_zeros_are_kept(password: bool, code: str) -> None:
    """A code of six, eight or nine digits keeps its zeros."""

    async def scene(rig: OneLoginRig) -> None:
        rig.simulator.people["bob"].devices[0].code = code
        login = replace(await rig.login("bob"), factor=Code(Secret(code.encode())))
        assert await rig.provider.begin(login, rig.clock.now() + 60) == Approved(device="code")

    play(scene, password=password)


def test_corner_11_success_without_mfa_is_a_downgrade() -> None:
    """A person whom OneLogin lets in by the password alone is refused."""

    async def scene(rig: OneLoginRig) -> None:
        outcome = await rig.provider.check_password(make_login(), Secret(b"wonderland"), rig.clock.now() + 10)
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.asked) == (FailureKind.DOWNGRADED, False)

    play(scene, twists=OneLoginTwists(needs_mfa=False))


def test_corner_12_success_for_another_person_is_refused() -> None:
    """A success that names another person than the one whose password was checked opens nothing."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        rig.approve(handle)
        assert kind_of(await wait(rig, handle)) is FailureKind.PROTOCOL
        typed = replace(await rig.login(), factor=Code(Secret(AUTHENTICATOR_CODE.encode())))
        assert kind_of(await rig.provider.begin(typed, rig.clock.now() + 60)) is FailureKind.PROTOCOL

    play(scene, password=True, twists=OneLoginTwists(another_user=666))


@pytest.mark.parametrize("shape", ["doc", "sdk"])
@pytest.mark.parametrize("status", [200, 201, 202])
def test_corner_24_every_shape_has_the_same_outcome(shape: str, status: int) -> None:
    """A create with 200, 201 or 202, in lists or objects, with ids as words or numbers, leads to the same login."""

    async def scene(rig: OneLoginRig) -> Any:
        serve = rig.simulator.create
        rig.simulator.create = lambda *args: replace(serve(*args), status=status)  # type: ignore[method-assign]
        handle = await pushed(rig)
        rig.approve(handle)
        return await wait(rig, handle)

    assert play(scene, twists=OneLoginTwists(shape=shape)) == Approved()


def test_corner_24_the_address_is_sent_only_where_it_is_wanted() -> None:
    """An administrator who does not say so has no address sent, by which OneLogin's policy could skip MFA."""

    async def sent(rig: OneLoginRig) -> set[str]:
        login = make_login(origin=Origin("203.0.113.7"))
        await rig.provider.check_password(login, Secret(b"x"), rig.clock.now() + 10)
        return set(rig.simulator.ledger.requests[-1].json())

    assert play(sent) == {"username_or_email", "password", "subdomain"}
    assert play(sent, send_ip=True) == {"username_or_email", "password", "subdomain", "ip_address"}
