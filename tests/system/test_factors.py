"""Every factor that can be typed at a VPN prompt, from a NAS through the running gate to the authority and back."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest

from pushgate.errors import PushgateError
from radius_server.wire import ACCESS_ACCEPT, ACCESS_CHALLENGE, ACCESS_REJECT
from tests.support.nas import BlockingNas
from tests.support.radius_gate import RadiusGate

pytestmark = pytest.mark.system

CLIENTS: list[dict[str, Any]] = [
    {"name": "direct", "address": "127.0.0.0/8", "message_authenticator": "required"},
    {"name": "hybrid", "address": "127.0.1.0/24", "mode": "hybrid", "nas_timeout": 4},
    {"name": "challenge", "address": "127.0.2.0/24", "mode": "challenge"},
    {"name": "numbered", "address": "127.0.3.0/24", "number": "required"},
]
SOURCES = {"direct": "127.0.0.1", "hybrid": "127.0.1.1", "challenge": "127.0.2.1", "numbered": "127.0.3.1"}


@pytest.fixture(scope="module")
def gate() -> Iterator[RadiusGate]:
    """One gate with a client for each way to ask."""
    folder = Path(tempfile.mkdtemp(prefix="pushgate-"))
    try:
        with RadiusGate(folder, *CLIENTS, timeout=20, listen="0.0.0.0:0") as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def nas(gate: RadiusGate, client: str) -> BlockingNas:
    """Return a NAS that the gate knows by this name."""
    return BlockingNas(gate.radius_port, gate.secret, source=SOURCES[client])


def seed_of(gate: RadiusGate, user: str) -> pyotp.TOTP:
    """Give a user an app, as the administrator does, and return it."""
    uri = json.loads(gate.run("user", "totp", user, "--json"))["uri"]
    app = pyotp.parse_uri(uri)
    assert isinstance(app, pyotp.TOTP)
    gate.run("user", "totp", user, "--confirm", app.at(int(time.time()) - 30))
    return app


def bypass_code(gate: RadiusGate, user: str) -> str:
    """Make a bypass code for one login."""
    return str(json.loads(gate.run("user", "bypass", user, "--json"))["code"])


def test_a_code_opens_and_asks_nobody(gate: RadiusGate) -> None:
    """A person who types the app's code is let in once, without a question on the device; the code opens once."""
    anna = gate.person("anna")
    code = seed_of(gate, "anna").now()
    with nas(gate, "direct") as appliance:
        assert appliance.ask("anna", code).code == ACCESS_ACCEPT
        assert anna.pending() == []
        assert appliance.ask("anna", code).code == ACCESS_REJECT
    assert [record["reason"] for record in gate.records_of("anna")] == ["approved", "bad_code"]
    assert gate.records_of("anna")[0]["factor"] == "code"


def test_a_bypass_code_opens_once(gate: RadiusGate) -> None:
    """A person without a phone is let in once by a code that the administrator has handed out."""
    gate.person("bert")
    code = bypass_code(gate, "bert")
    with nas(gate, "direct") as appliance:
        assert appliance.ask("bert", code).code == ACCESS_ACCEPT
        refused = appliance.ask("bert", code)
    assert (refused.code, refused.message) == (ACCESS_REJECT, "Wrong code")


def test_a_stranger_with_a_code_learns_nothing(gate: RadiusGate) -> None:
    """A stranger who tries a code for an unknown user hears what the wrong code of a known one gets."""
    gate.person("cora")
    with nas(gate, "direct") as appliance:
        known, unknown = appliance.ask("cora", "123456"), appliance.ask("nobody", "123456")
    assert (known.code, known.message) == (unknown.code, unknown.message) == (ACCESS_REJECT, "Wrong code")


def test_the_number_that_was_typed_opens(gate: RadiusGate) -> None:
    """A person chooses two digits at the login and types them on the device, which never showed them."""
    dora = gate.person("dora")
    with nas(gate, "numbered") as appliance:
        request = appliance.send("dora", "57")
        question = dora.question()
        assert "57" not in json.loads(question.ctx)["attributes"].__repr__()
        dora.answer(question, "approved", "57")
        assert appliance.receive(request).code == ACCESS_ACCEPT
    assert gate.records_of("dora")[0]["factor"] == "push+number"


def test_a_wrong_number_ends_the_login(gate: RadiusGate) -> None:
    """A person who is asked by an attacker's login and guesses a number ends that login."""
    emil = gate.person("emil")
    with nas(gate, "numbered") as appliance:
        request = appliance.send("emil", "57")
        with pytest.raises(PushgateError, match="not the number"):
            emil.answer(emil.question(), "approved", "58")
        assert appliance.receive(request).code == ACCESS_REJECT
    assert gate.records_of("emil")[0]["detail"] == "wrong_number"


def test_a_required_number_is_asked_for(gate: RadiusGate) -> None:
    """A person who types no number is told how, and is not asked."""
    fred = gate.person("fred")
    with nas(gate, "numbered") as appliance:
        refused = appliance.ask("fred", "push")
    assert refused.code == ACCESS_REJECT
    assert "two digits" in refused.message
    assert fred.pending() == []


def test_wait_then_challenge(gate: RadiusGate) -> None:
    """A person who is slow gets a challenge before the NAS gives up, approves, presses Enter and is in by one push."""
    gina = gate.person("gina")
    with nas(gate, "hybrid") as appliance:
        started = time.monotonic()
        asked = appliance.ask("gina", "push")
        assert asked.code == ACCESS_CHALLENGE
        assert 1.5 < time.monotonic() - started < 3.9
        assert "press Enter" in asked.message
        gina.approve()
        assert appliance.ask("gina", "", asked.state).code == ACCESS_ACCEPT
        assert appliance.ask("gina", "", asked.state).code == ACCESS_REJECT
    assert len(gate.records_of("gina")) == 1


def test_a_code_in_the_challenge(gate: RadiusGate) -> None:
    """A person whose phone is elsewhere types a code instead; the question leaves the device."""
    hans = gate.person("hans")
    code = bypass_code(gate, "hans")
    with nas(gate, "hybrid") as appliance:
        asked = appliance.ask("hans", "push")
        question = hans.question()
        again = appliance.ask("hans", "000000000", asked.state)
        assert again.code == ACCESS_CHALLENGE
        assert again.message.startswith("Wrong code")
        assert appliance.ask("hans", code, again.state).code == ACCESS_ACCEPT
    assert hans.state(question) == "cancelled"


def test_a_challenge_can_be_given_up(gate: RadiusGate) -> None:
    """A person who writes cancel ends the login at once."""
    ida = gate.person("ida")
    with nas(gate, "hybrid") as appliance:
        asked = appliance.ask("ida", "push")
        question = ida.question()
        assert appliance.ask("ida", "cancel", asked.state).message == "Cancelled"
    assert ida.state(question) == "cancelled"


def test_the_number_in_the_challenge(gate: RadiusGate) -> None:
    """A person types on the device what the VPN client shows at once, and presses Enter."""
    jana = gate.person("jana")
    with nas(gate, "challenge") as appliance:
        asked = appliance.ask("jana", "push")
        assert asked.code == ACCESS_CHALLENGE
        question = jana.question()
        with pytest.raises(PushgateError):
            jana.answer(question, "approved")
        jana.answer(question, "approved", asked.number)
        assert appliance.ask("jana", "ok", asked.state).code == ACCESS_ACCEPT


def test_a_challenge_answered_by_another_user_or_from_elsewhere(gate: RadiusGate) -> None:
    """An attacker who learns a State cannot use it for another user or from another address; its owner still can."""
    kurt = gate.person("kurt")
    with nas(gate, "hybrid") as appliance, nas(gate, "challenge") as other:
        asked = appliance.ask("kurt", "push")
        assert appliance.ask("mallory", "", asked.state).code == ACCESS_REJECT
        assert appliance.ask("kurt", "", asked.state, origin="198.51.100.1").code == ACCESS_REJECT
        assert other.ask("kurt", "", asked.state).code == ACCESS_REJECT
        kurt.approve()
        assert appliance.ask("kurt", "", asked.state).code == ACCESS_ACCEPT


def test_a_user_without_a_device_hears_nothing_and_gets_in_by_code(gate: RadiusGate) -> None:
    """A person without a device sees the same challenge as everybody, and a code opens it."""
    gate.run("user", "add", "lena")
    code = bypass_code(gate, "lena")
    with nas(gate, "hybrid") as appliance:
        asked, unknown = appliance.ask("lena", "push"), appliance.ask("nobody", "push")
        assert (asked.code, asked.message) == (unknown.code, unknown.message)
        assert appliance.ask("lena", code, asked.state).code == ACCESS_ACCEPT
