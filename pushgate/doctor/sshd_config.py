"""What sshd would do: the values of ``sshd -T``, and the lines that they come from."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pushgate.doctor.machine import Machine, Output
from pushgate.errors import PushgateError

MAX_INCLUDES = 16
VERSION = re.compile(r"OpenSSH_(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class ConfigLine:
    """One line of sshd_config or of a file that it includes."""

    path: str
    line: int
    key: str
    value: str
    conditional: bool
    """In a Match block."""

    @property
    def where(self) -> str:
        """Name the line as people look for it."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Sshd:
    """How sshd treats one login."""

    values: dict[str, list[str]]
    lines: Sequence[ConfigLine] = field(default=())
    config: str = "/etc/ssh/sshd_config"
    user: str | None = None

    def get(self, key: str, default: str = "") -> str:
        """Return the value of a key, in lower case."""
        return self.values.get(key, [default])[0].lower()

    def where(self, key: str) -> str:
        """Name the line that gives a key its value: the first, as sshd takes that; a Match block's only for a user."""
        own = [line for line in self.lines if line.key == key and (self.user is not None or not line.conditional)]
        # In a Match block a line wins over those before all blocks.
        in_blocks = [line for line in own if line.conditional and line.value.lower() == self.get(key)]
        return next((line.where for line in [*in_blocks, *own]), self.config)

    @property
    def service(self) -> str:
        """The name of its PAM service."""
        return self.values.get("pamservicename", ["sshd"])[0]

    @property
    def alternatives(self) -> list[list[str]]:
        """Each list of methods that together are enough, as ``AuthenticationMethods`` has them."""
        words = self.get("authenticationmethods", "any").split()
        if words not in ([], ["any"]):
            return [[method.partition(":")[0] for method in word.split(",")] for word in words]
        switches = {
            "publickey": "pubkeyauthentication",
            "password": "passwordauthentication",
            "keyboard-interactive": "kbdinteractiveauthentication",
            "gssapi-with-mic": "gssapiauthentication",
            "hostbased": "hostbasedauthentication",
        }
        return [[method] for method, key in switches.items() if self.get(key) == "yes"]


def ask_sshd(machine: Machine, user: str | None = None, address: str = "192.0.2.1") -> Sshd | None:
    """Ask sshd how it would treat a login; None if there is no sshd.

    Raises:
        PushgateError: sshd does not say it.
    """
    arguments = ["sshd", "-T", "-f", str(machine.at(machine.sshd_config))]
    if user is not None:
        # A comma would begin another criterion.
        if "," in user + address:
            raise PushgateError(f"sshd cannot be asked about {user} from {address}", "give a name and an address")
        arguments += ["-C", f"user={user},host={address},addr={address},laddr=127.0.0.1,lport=22"]
    output = machine.run(arguments)
    if output is None:
        return None
    values = values_of(output)
    if not values:
        last = output.complaints.strip().splitlines()[-1:]
        raise PushgateError(f"sshd -T: {' '.join(last) or 'says nothing'}", "run it as root: sshd -T")
    return Sshd(values, list(config_lines(machine, str(machine.sshd_config))), str(machine.sshd_config), user)


def values_of(output: Output) -> dict[str, list[str]]:
    """Read what ``sshd -T`` prints."""
    values: dict[str, list[str]] = {}
    for line in output.text.splitlines() if output.status == 0 else []:
        key, _, value = line.partition(" ")
        values.setdefault(key.lower(), []).append(value.strip())
    return values


def version_of(machine: Machine) -> tuple[int, int] | None:
    """Return sshd's version; None if it does not say."""
    output = machine.run(["sshd", "-V"])
    # Before 9.3 it does not know -V, and prints its version with the complaint.
    told = VERSION.search(output.text + output.complaints) if output else None
    return (int(told[1]), int(told[2])) if told else None


def config_lines(machine: Machine, path: str, depth: int = 0, *, conditional: bool = False) -> Iterator[ConfigLine]:
    """Read a file of sshd's and those that it includes."""
    text = machine.read(path)
    if text is None or depth > MAX_INCLUDES:
        return
    for number, line in enumerate(text.splitlines(), 1):
        words = re.split(r"[\s=]+", line.partition("#")[0].strip(), maxsplit=1)
        key, value = words[0].lower(), words[1] if len(words) > 1 else ""
        if not key:
            continue
        conditional = conditional or key == "match"
        yield ConfigLine(path, number, key, value, conditional)
        if key == "include":
            for pattern in value.split():
                for file in included(machine, pattern.strip('"')):
                    yield from config_lines(machine, file, depth + 1, conditional=conditional)


def included(machine: Machine, pattern: str) -> list[str]:
    """List the files that an Include means, in sshd's order."""
    relative = (pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}").lstrip("/")
    found = machine.root.glob(relative)
    # In sshd's glob(3) a star stands for no dot at the beginning.
    hidden = relative.rpartition("/")[2].startswith(".")
    return sorted(
        "/" + str(path.relative_to(machine.root)) for path in found if hidden or not path.name.startswith(".")
    )
