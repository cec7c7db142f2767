"""What a person sees and types at a real ssh client's terminal, with the whole gate behind sshd."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pushgate.cli.device_api import TerminalDevice
from pushgate.errors import PushgateError
from tests.support.gate import Gate, wait_for_question
from tests.support.pam import module_line, pam_service
from tests.support.processes import wait_until
from tests.support.ssh import PrivateSshd, authorize, make_key
from tests.support.terminal import Terminal, terminal
from tests.support.users import User, temporary_user

pytestmark = [pytest.mark.system, pytest.mark.root]

TIMEOUT = 12
PROMPT = re.compile(r"Type (\d\d) on your device to approve, then press Enter, or type a code: ")
PLAIN = "Approve on your device, then press Enter, or type a code: "
KEYBOARD_ALONE = "AuthenticationMethods keyboard-interactive"


@dataclass
class Place:
    """A gate, an sshd behind it, a user with a key, and the user's device."""

    gate: Gate
    sshd: PrivateSshd
    user: User
    key: Path

    def enroll(self) -> TerminalDevice:
        """Give the user a device."""
        return self.gate.enroll(self.user.name)

    def ssh(self, *command: str, user: str = "", options: tuple[str, ...] = ()) -> AbstractContextManager[Terminal]:
        """Log in from a terminal."""
        words = self.sshd.command(user or self.user.name, self.key, *command, options=options)
        return terminal(words, self.sshd.folder)

    def pushes(self, device: TerminalDevice) -> int:
        """How many questions the authority has for the device now."""
        return len(device.pending())


@pytest.fixture
def place(request: pytest.FixtureRequest, private_folder: Path) -> Iterator[Place]:
    """Start everything; an indirect parameter holds the rule of the service, and further lines of sshd_config."""
    rule, extra = getattr(request, "param", ("{}", ""))
    gate_folder, sshd_folder = private_folder / "gate", private_folder / "sshd"
    gate_folder.mkdir(mode=0o700)
    sshd_folder.mkdir(mode=0o700)
    key = private_folder / "key"
    make_key(key)
    with (
        pam_service(module_line(gate_folder / "pam.sock")) as service,
        Gate(gate_folder, timeout=TIMEOUT, services=(service,), rule=rule) as gate,
        temporary_user() as user,
    ):
        authorize(user, key)
        with PrivateSshd(sshd_folder, service, extra=extra) as sshd:
            yield Place(gate, sshd, user, key)


def shown_number(screen: Terminal) -> str:
    """Wait for the prompt and return the number in it."""
    wait_until(lambda: PROMPT.search(screen.output) is not None, 10, f"the prompt in: {screen.output}")
    found = PROMPT.search(screen.output)
    assert found is not None
    return found[1]


def test_the_number_stands_in_the_prompt(place: Place) -> None:
    """A person reads the number, types it on the device, presses Enter, and is in within a second."""
    device = place.enroll()
    with place.ssh("id", "-un") as screen:
        number = shown_number(screen)
        question = wait_for_question(device)
        assert question.number_required
        assert number not in question.context.values()
        device.decide(question, "approved", number)
        screen.types("")
        screen.shows(place.user.name, within=3)
        assert screen.ends() == 0
    (record,) = place.gate.records()
    assert (record["reason"], record["factor"]) == ("approved", "push+number")
    assert record["key"].startswith("SHA256:")


def test_enter_too_soon_goes_on_waiting(place: Place) -> None:
    """A person who presses Enter first gets no second prompt, and is in as soon as the device says yes."""
    device = place.enroll()
    with place.ssh("id", "-un") as screen:
        number = shown_number(screen)
        screen.types("")
        question = wait_for_question(device)
        time.sleep(1)
        device.decide(question, "approved", number)
        screen.shows(place.user.name, within=5)
        assert screen.ends() == 0
        assert len(PROMPT.findall(screen.output)) == 1


def test_a_wrong_number_denies(place: Place) -> None:
    """A person who is lured into approving somebody else's login does not know the number: nobody gets in."""
    device = place.enroll()
    with place.ssh("id", "-un") as screen:
        number = shown_number(screen)
        wrong = f"{(int(number) + 1) % 100:02}"
        with pytest.raises(PushgateError, match="not the number"):
            device.decide(wait_for_question(device), "approved", wrong)
        screen.types("")
        assert screen.ends() == 255
    assert "approved" not in {record["reason"] for record in place.gate.records()}


def test_a_code_at_the_prompt(place: Place) -> None:
    """A person without the device at hand types a wrong code, is asked again, types a right one, and the push goes."""
    device = place.enroll()
    code = place.gate.run("user", "bypass", place.user.name, "--uses", "1", "--json")
    right = re.findall(r"\d{9}", code)[0]
    with place.ssh("id", "-un") as screen:
        shown_number(screen)
        wait_for_question(device)
        screen.types(f"{(int(right) + 1) % 10**9:09}")
        screen.shows("Wrong code. Type")
        screen.types(right)
        screen.shows(place.user.name)
        assert screen.ends() == 0
    assert place.pushes(device) == 0
    (record,) = place.gate.records()
    assert (record["reason"], record["factor"]) == ("approved", "code")


def test_a_denial_ends_all_tries_of_the_connection(place: Place) -> None:
    """A person denies once; the client's further tries are refused without another question."""
    device = place.enroll()
    with place.ssh("id", options=("NumberOfPasswordPrompts=3",)) as screen:
        shown_number(screen)
        device.decide(wait_for_question(device), "denied")
        screen.types("")
        assert screen.ends(within=10) == 255
        assert len(PROMPT.findall(screen.output)) == 1
    assert place.pushes(device) == 0
    assert [record["reason"] for record in place.gate.records()] == ["denied"]


def test_ctrl_c_in_the_client_withdraws(place: Place) -> None:
    """A person who gives up with Ctrl-C has the question taken off the device within a second."""
    device = place.enroll()
    with place.ssh("id") as screen:
        shown_number(screen)
        question = wait_for_question(device)
        screen.process.sendintr()
        wait_until(lambda: device.state(question.id) == "cancelled", 3, "the question to be withdrawn")
    assert place.gate.wait_for_record()["reason"] == "withdrawn"


@pytest.mark.parametrize("place", [("{number: off}", "")], indirect=True)
def test_copying_without_a_terminal(place: Place) -> None:
    """Scp without a terminal answers the prompt with nothing at once; the approval lets it in."""
    device = place.enroll()
    source = place.sshd.folder / "source"
    source.write_text("content")
    client = place.sshd.copy(place.user.name, place.key, source, "copied")
    device.decide(wait_for_question(device), "approved")
    _, errors = client.communicate(timeout=30)
    assert client.returncode == 0, errors
    assert (place.user.home / "copied").read_text() == "content"


@pytest.mark.parametrize("place", [("{prompt: silent}", "")], indirect=True)
def test_silence(place: Place) -> None:
    """Where the service is silent, nothing is shown and no number is wanted; the approval alone lets the person in."""
    device = place.enroll()
    with place.ssh("id", "-un") as screen:
        question = wait_for_question(device)
        assert not question.number_required
        device.decide(question, "approved")
        screen.shows(place.user.name)
        assert screen.ends() == 0
        assert PLAIN not in screen.output


def test_a_wrong_key_asks_nobody(place: Place) -> None:
    """A stranger without the key never gets as far as a question."""
    device = place.enroll()
    other = place.sshd.folder / "other"
    make_key(other)
    client = place.sshd.start(place.user.name, other, "id")
    client.communicate(timeout=20)
    assert client.returncode == 255
    assert (place.pushes(device), place.gate.records()) == (0, [])


def test_batch_mode_asks_nobody(place: Place) -> None:
    """A script in BatchMode is refused at once, without a question."""
    device = place.enroll()
    words = place.sshd.command(place.user.name, place.key, "id", options=("BatchMode=yes",))
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)
    assert done.returncode == 255
    assert (place.pushes(device), place.gate.records()) == (0, [])


@pytest.mark.parametrize("place", [("{}", f"{KEYBOARD_ALONE}\nPermitRootLogin no")], indirect=True)
def test_root_asks_nobody_and_ends_when_sshd_shows_that_it_refuses(place: Place) -> None:
    """Root, whom sshd will refuse, waits like anybody, asks nobody, and is refused at the first typed letter."""
    device = place.gate.enroll("root")
    with place.ssh("id", user="root") as screen:
        shown = re.compile(r"(Type \d\d on|Approve on) your device")
        wait_until(lambda: shown.search(screen.output) is not None, 10, f"a prompt in: {screen.output}")
        assert place.pushes(device) == 0
        screen.types("123456")
        wait_until(lambda: bool(place.gate.records()), 3, "the record")
    assert place.pushes(device) == 0
    assert place.gate.records()[0]["reason"] == "withdrawn"


@pytest.mark.parametrize("place", [("{}", f"{KEYBOARD_ALONE}\nDenyUsers pgtest*")], indirect=True)
def test_a_user_whom_sshd_refuses_is_not_asked_on(place: Place) -> None:
    """A user whom sshd refuses types a code, sshd puts its own word in its place, and the question is withdrawn."""
    device = place.enroll()
    with place.ssh("id") as screen:
        shown_number(screen)
        question = wait_for_question(device)
        screen.types("123456")
        wait_until(lambda: device.state(question.id) == "cancelled", 5, "the question to be withdrawn")
        assert not screen.closed.wait(0.1) or screen.ends() == 255


@pytest.mark.parametrize(
    "place",
    [("{}", "AuthenticationMethods password\nPasswordAuthentication yes\nKbdInteractiveAuthentication no")],
    indirect=True,
)
def test_the_password_method_sends_no_password_as_a_code(place: Place) -> None:
    """Over the method password nothing is asked: what the person types as the login password goes nowhere."""
    device = place.enroll()
    with place.ssh("id", "-un") as screen:
        screen.shows("password:")
        screen.types("123456789")
        question = wait_for_question(device)
        assert not question.number_required
        device.decide(question, "approved")
        screen.shows(place.user.name)
        assert screen.ends() == 0
    (record,) = place.gate.records()
    assert (record["reason"], record["factor"]) == ("approved", "push")
    assert "123456789" not in place.gate.log.read_text()


def test_killed_client(place: Place) -> None:
    """A client that is killed leaves no question behind: sshd itself would not notice."""
    device = place.enroll()
    with place.ssh("id") as screen:
        shown_number(screen)
        question = wait_for_question(device)
        assert screen.process.pid is not None
        os.kill(screen.process.pid, signal.SIGKILL)
        wait_until(lambda: device.state(question.id) == "cancelled", 3, "the question to be withdrawn")
