"""The gate as a RADIUS server for real appliances: its own `radius:` section, people whose devices answer by script."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from typing_extensions import override

from pushgate.cli.authority_api import AuthorityApi
from pushgate.cli.device_api import TerminalDevice
from pushgate.cli.device_context import PendingLogin
from tests.support.gate import Gate, start_daemon, wait_for_question, write_private
from tests.support.netns import Machine

T = TypeVar("T")

Client = dict[str, Any]
LOOPBACK: Client = {"name": "vpn", "address": "127.0.0.0/8"}


@dataclass(frozen=True)
class Person:
    """Somebody with an enrolled device, wherever the authority's page can be reached."""

    name: str
    device: TerminalDevice
    machine: Machine | None = None

    def question(self, within: float = 10.0) -> PendingLogin:
        """Wait until the device shows exactly one login, and return it."""
        return self._there(wait_for_question, self.device, within)

    def pending(self) -> list[PendingLogin]:
        """Return what the device shows now."""
        return self._there(self.device.pending)

    def state(self, question: PendingLogin) -> str:
        """Return what became of a question."""
        return self._there(self.device.state, question.id)

    def answer(self, question: PendingLogin, decision: Literal["approved", "denied"], number: str = "") -> None:
        """Sign an answer to a question, which the authority must take."""
        assert self._there(self.device.decide, question, decision, number) == decision

    def approve(self) -> PendingLogin:
        """Wait for the question, approve it, and return what was shown."""
        question = self.question()
        self.answer(question, "approved")
        return question

    def deny(self) -> PendingLogin:
        """Wait for the question, deny it, and return what was shown."""
        question = self.question()
        self.answer(question, "denied")
        return question

    def _there(self, function: Callable[..., T], *arguments: Any) -> T:
        return self.machine.call(function, *arguments) if self.machine else function(*arguments)


class RadiusGate(Gate):
    """A running gate with only the RADIUS front end, on loopback or on a machine of the test's network."""

    def __init__(
        self,
        folder: Path,
        *clients: Client,
        machine: Machine | None = None,
        listen: str = "127.0.0.1:0",
        timeout: float = 30,
        **radius: Any,
    ) -> None:
        """Write the configuration.

        Args:
            folder: For the gate's files; the path must be short enough for a unix socket.
            clients: Entries of ``radius.clients``; the gate's secret is theirs unless they name another one.
            machine: Where the gate runs.
            listen: Of the RADIUS server.
            timeout: Seconds in which a login must be answered.
            radius: Further keys of the section ``radius``.
        """
        super().__init__(folder, timeout=timeout)
        self.machine = machine
        secret = {"secret_file": str(folder / "radius.secret")}
        section = {
            "listen": [listen],
            "first_factor": "none",
            "answer_within": timeout,
            "clients": [secret | client for client in clients or (LOOPBACK,)],
        }
        config = yaml.safe_load(self.config.read_text())
        del config["pam"]
        config["radius"] = section | radius
        write_private(self.config, yaml.safe_dump(config).encode())

    @override
    def __enter__(self) -> "RadiusGate":
        prefix = self.machine.command() if self.machine else ()
        self.process, self.ready = start_daemon(self.config, self.log, prefix=prefix)
        return self

    def person(self, name: str) -> Person:
        """Add a user with a device."""
        return self.people([name])[0]

    def people(self, names: Sequence[str]) -> list[Person]:
        """Add users, each with a device."""
        with self._authority() as api:
            codes = [str(api.activation_code(api.add_user(name)["id"])["code"]) for name in names]
        return [self._enrolled(name, code) for name, code in zip(names, codes, strict=True)]

    def bypass_code(self, user: str) -> str:
        """Make a bypass code for one login of a user."""
        with self._authority() as api:
            return str(api.create_bypass_code(api.require_user(user)["id"], uses=1, minutes=5)["code"])

    @contextmanager
    def _authority(self) -> Iterator[AuthorityApi]:
        # What `pushgate user` does, without the half second that a process of Python takes to start.
        key, domain = ((self.folder / "authority" / name).read_text().strip() for name in ("api.key", "domain.id"))
        api = AuthorityApi(f"unix:{self.folder}/authority.sock", key, domain)
        try:
            yield api
        finally:
            api.session.close()

    def _enrolled(self, name: str, code: str) -> Person:
        enrol = TerminalDevice.enroll
        device = self.machine.call(enrol, self.page, code) if self.machine else enrol(self.page, code)
        return Person(name, device, self.machine)

    def records_of(self, user: str) -> list[dict[str, Any]]:
        """Return the audit records of one user so far."""
        return [record for record in self.records() if record["user"] == user]
