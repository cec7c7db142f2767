"""The corner cases in which the appliance does the odd thing, by their numbers: whole logins over RADIUS, by script."""

import pytest

from radius_server.nas import build_request
from tests.support import stage_people
from tests.support.radius import SECRET
from tests.support.stage import play
from tests.support.stage_nas import Nas

MAILED = ("provider threatwinds", "password", "wonderland", " 0 password wonderland\n 0 phone gets mail")
LOGINTC = ("provider logintc", "password", "wonderland,email", " 0 password wonderland\n 0 phone gets mail")
ONELOGIN = ("provider onelogin-v1", "password=provider", "wonderland,sms", " 0 phone gets mail")
CLERK = ("provider clerk-bapi", "password=provider", "correct horse", "")
TICKET = ("provider clerk-ticket", "password=provider", "correct horse", "")
CHALLENGED = pytest.mark.parametrize(
    ("provider", "password", "field", "seen"),
    [MAILED, LOGINTC, ONELOGIN, CLERK, TICKET],
    ids=["threatwinds", "logintc", "onelogin", "clerk", "clerk-ticket"],
)
CLOSES = ("provider threatwinds", "provider clerk-ticket")
"""Where a session is closed at the end of each login."""
SENT = "A code was sent. Log in again: password, comma, code"


async def test_corner_07_the_last_comma_splits_and_a_blank_behind_it_does_not() -> None:
    """A person's ``a,b,push`` is the password ``a,b`` and a push; ``pw, push`` is a password as it stands."""
    await play("""
        client direct password
        provider logintc
         0 nas asks password=wonder,land,push
         0 password wonder,land
         1 nas hears reject Rejected
         0 audit bad_password
         5 nas asks password="wonderland, push"
         5 password "wonderland, push"
         6 nas hears reject Rejected
         5 audit bad_password
        10 nas asks password=wonderland,push
        10 password wonderland
        10 phone rings
        15 phone approves
        17 nas hears accept Approved
        17 audit approved
        17 server counts pushes=1 submits=0
    """)


async def test_corner_07_a_password_that_looks_like_two_is_never_asked_with_a_push(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A person whose password is ``hunter,123456`` is told to name a factor, and nobody's telephone rings."""
    monkeypatch.setattr(stage_people, "RIGHT_PASSWORD", "hunter,123456")
    await play("""
        client direct password separator-in-password
        provider logintc
         0 nas asks password=hunter,123456
         0 password hunter
         0 password hunter,123456
         1 nas hears reject
         0 audit factor_needed
         1 server counts pushes=0 creates=0
         9 nas asks password=hunter,123456,push
         9 password hunter,123456
         9 phone rings
        12 phone approves
        14 nas hears accept Approved
        14 audit approved
    """)


async def test_corner_07_onelogin_sees_one_password_of_each_login() -> None:
    """A wrong ``a,b,push`` is one failure at OneLogin, which locks people out after a few."""
    stage = await play("""
        client direct password=provider
        provider onelogin-v1
         0 nas asks password=builder,b,push
         1 nas hears reject Rejected
         0 audit bad_password
         1 server counts pushes=0
    """)
    assert stage.rigged is not None
    assert stage.rigged.rig.simulator.ledger.count("POST", "login/auth") == 1


@CHALLENGED
async def test_corner_18_a_challenge_answered_elsewhere_or_twice_costs_no_call(
    provider: str, password: str, field: str, seen: str
) -> None:
    """Another appliance's answer, and the same answer again, are turned away, and the provider hears of neither."""
    await play(f"""
        client challenge {password}
        {provider}
         0 nas asks password="{field}"
        {seen}
         0 nas hears challenge
        20 other answers RIGHT of=nas
        20 other hears reject
        21 nas answers RIGHT user=bob
        21 nas hears reject
        22 server counts submits=0
        25 nas answers RIGHT
        {"25 phone stops" if provider in CLOSES else ""}
        25 nas hears accept Approved
        25 audit approved
        30 nas answers 123456
        30 nas hears reject
        30 server counts submits=1
    """)


@CHALLENGED
async def test_corner_18_a_challenge_from_before_a_restart_costs_no_call(
    monkeypatch: pytest.MonkeyPatch, provider: str, password: str, field: str, seen: str
) -> None:
    """An answer to what the daemon asked before it was restarted is turned away, and the provider hears nothing."""
    stops = "" if provider not in CLOSES else "20 phone stops"
    before = await play(f"""
        client challenge {password}
        {provider}
         0 nas asks password="{field}"
        {seen}
         0 nas hears challenge
        20 nas answers cancel
        {stops}
        20 nas hears reject
        20 audit given_up
    """)
    state = before.nas("nas").state
    assert state is not None

    def answers(self: Nas, typed: str, _state: bytes | None, options: dict[str, str]) -> bytes:
        user, attributes = self.head(options)
        return build_request(user, typed, SECRET, self.identifier, [*attributes, (24, state)])

    monkeypatch.setattr(Nas, "answers", answers)
    await play(f"""
        client challenge {password}
        {provider}
         0 nas answers 123456
         0 nas hears reject
         1 server counts submits=0 creates=0
    """)


@pytest.mark.parametrize(
    ("provider", "password", "field", "seen"),
    [MAILED, ONELOGIN],
    ids=["threatwinds", "onelogin"],
)
@pytest.mark.parametrize("mistake", ["late", "nas", "password"])
async def test_corner_23_a_mailed_code_is_of_no_use_elsewhere(
    provider: str, password: str, field: str, seen: str, mistake: str
) -> None:
    """A code for the second attempt that comes late, elsewhere or with another password opens nothing."""
    by_core = " 30 password wonderland" if password == "password" else ""
    wrong = {
        "late": f"130 nas asks password=wonderland,123456\n{by_core.replace(' 30', '130')}\n131 nas hears reject",
        "nas": f" 30 other asks password=wonderland,RIGHT\n{by_core}\n 31 other hears reject",
        "password": f" 30 nas asks password=builder,RIGHT\n{by_core.replace('wonderland', 'builder')}\n"
        " 31 nas hears reject Rejected",
    }[mistake]
    ended = "120 phone stops" if provider in CLOSES else ""
    reason = "bad_password" if mistake == "password" else "bad_code"
    await play(f"""
        client direct {password} two_attempts=120
        {provider}
         0 nas asks password={field}
        {seen}
         1 nas hears reject "{SENT}"
         1 audit code_sent
        {ended if mistake == "late" else ""}
        {wrong}
        {"131" if mistake == "late" else " 31"} audit {reason}
        {ended if mistake != "late" else ""}
        140 server counts mails=1
    """)
