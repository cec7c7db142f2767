"""Who lives in the OneLogin simulator: people, what they have enrolled, and what is being asked of them."""

import itertools
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

AUTHENTICATOR_CODE = "012345"
"""What alice's authenticator shows; with a zero in front, which must get through."""
YUBIKEY_CODE = "cccjgjgkhcbbirdrfdnlnghhfgrtnnlgedjlftrbdeut"


@dataclass
class SimDevice:
    """Something enrolled, with its name in either API."""

    id: int
    v1_name: str
    v2_name: str
    user_display_name: str = ""
    default: bool = False
    code: str = ""
    """What it shows; one that is sent a code has none of its own."""

    @property
    def kind(self) -> str:
        """What happens if it is asked: ``push``, ``call``, ``mail`` (SMS as well) or ``code``."""
        name = self.v1_name.casefold()
        if "protect" in name:
            return "push"
        if "voice" in name or "magic" in name:
            return "call"
        return "mail" if "sms" in name or "email" in name else "code"


@dataclass
class SimPerson:
    """A user of the account."""

    id: int
    username: str
    email: str
    password: str = field(repr=False)
    devices: list[SimDevice]
    status: int = 1
    failures: int = 0
    """Wrong passwords and codes: OneLogin locks people out by them."""

    def device(self, device_id: object) -> SimDevice | None:
        """Find a device; its id may come as a number or a string."""
        return next((device for device in self.devices if str(device.id) == str(device_id)), None)

    def named(self) -> dict[str, object]:
        """Return what both APIs show of a person."""
        first, _, last = self.username.partition(".")
        return {
            "username": self.username,
            "email": self.email,
            "firstname": first.title(),
            "id": self.id,
            "lastname": last.title(),
        }


@dataclass
class Asked:
    """A v1 login behind its password, or a v2 verification."""

    person: SimPerson
    ends_at: float
    id: str = field(default_factory=lambda: secrets.token_hex(20), repr=False)
    device: SimDevice | None = None
    answer: str = ""
    """What the person did: ``approved``, ``denied``; nothing yet."""
    sent: dict[int, str] = field(default_factory=dict)
    """The codes that were sent, by device."""
    over: bool = False

    def is_open(self, now: float) -> bool:
        """Whether it has neither been answered nor run out."""
        return not (self.over or self.answer) and now < self.ends_at

    def accepts(self, device: SimDevice, code: str) -> bool:
        """Whether a code is right."""
        return code in filter(None, (device.code, self.sent.get(device.id)))


def make_people() -> Iterator[SimPerson]:
    """Yield alice, who has one device of each kind, and others who have less."""
    numbers = itertools.count(88888888)
    for name, password, devices in (
        ("alice", "wonderland", five_devices()),
        (
            "bob",
            "builder",
            [SimDevice(222222, "Google Authenticator", "Google Authenticator", code=AUTHENTICATOR_CODE)],
        ),
        ("carol", "carols", [SimDevice(999999, "OneLogin OTP SMS", "SMS", "+1 *** *** 4321")]),
        ("dora", "explorer", [SimDevice(777777, "Duo Duo Security", "Duo Duo Security")]),
        ("erin", "brockovich", []),
        ("frank", "herbert", [SimDevice(444444, "Yubico YubiKey", "Yubico YubiKey", code=YUBIKEY_CODE)]),
    ):
        yield SimPerson(next(numbers), name, f"{name}@example.com", password, devices)


def five_devices() -> list[SimDevice]:
    """Make one device of each kind; the authenticator is the usual one."""
    return [
        SimDevice(222222, "Google Authenticator", "Google Authenticator", "", True, AUTHENTICATOR_CODE),
        SimDevice(111111, "OneLogin Protect", "OneLogin", "alice's phone", code="765432"),
        SimDevice(999999, "OneLogin OTP SMS", "SMS", "+1 555 010 4321"),
        SimDevice(333333, "OneLogin Email", "OneLogin Email", "alice@example.com"),
        SimDevice(555555, "OneLogin Voice", "OneLogin Voice", "+1 555 010 9876"),
    ]


def new_verification(person: SimPerson, device: SimDevice, ends_at: float) -> Asked:
    """Make a v2 verification, whose id is a UUID."""
    return Asked(person, ends_at, str(uuid.uuid4()), device)
