"""OneLogin's devices as pure functions: what kind each is, and which one a typed word means."""

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pushgate.login import Code, Factor, Method, Push
from pushgate.text import clean

MAX_DEVICES = 50
DIGITS_OF_SMS = re.compile(r"sms([0-9]{0,4})", re.ASCII)
# Not "iPhone 12": a name that people give ends with digits as well.
PHONE = re.compile(r"[0-9 ()+.*xX\u2022-]{3,40}?([0-9]{2,4})", re.ASCII)
IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


class Kind(enum.Enum):
    """How a device proves that the person is there."""

    PUSH = "push"
    """OneLogin Protect: rings, and makes codes as well."""
    CALL = "voice"
    """Telephones; the person answers on the telephone."""
    LINK = "magic"
    """Mails a link; the person opens it."""
    SMS = "sms"
    EMAIL = "email"
    CODE = "code"
    """Makes codes by itself: an authenticator app or token."""
    UNSUPPORTED = "unsupported"


POLLED = frozenset({Kind.PUSH, Kind.CALL, Kind.LINK})
"""The person answers elsewhere."""
SENT = frozenset({Kind.CALL, Kind.LINK, Kind.SMS, Kind.EMAIL})
"""Sending costs money, or fills a mailbox."""
# The order matters: "OneLogin Email Magic Link" is no code by mail.
PATTERNS = (
    (re.compile("duo", re.IGNORECASE), Kind.UNSUPPORTED),
    (re.compile("protect|^onelogin$", re.IGNORECASE), Kind.PUSH),
    (re.compile("voice", re.IGNORECASE), Kind.CALL),
    (re.compile("magic", re.IGNORECASE), Kind.LINK),
    (re.compile("sms", re.IGNORECASE), Kind.SMS),
    (re.compile("email", re.IGNORECASE), Kind.EMAIL),
)
WORDS = {
    "push": (Kind.PUSH,),
    "email": (Kind.EMAIL, Kind.LINK),
    "voice": (Kind.CALL,),
    "phone": (Kind.CALL,),
}
"""What a word of the grammar (``pushgate.factors``) may mean, best first; ``sms`` has digits and its own way."""


@dataclass(frozen=True, slots=True)
class Device:
    """Something that a person has enrolled."""

    id: int | str
    """As OneLogin wrote it: the documents show strings, its own client wants numbers."""
    kind: Kind
    name: str = ""
    digits: str = field(default="", repr=False)
    """The last digits of the number, where they are known."""
    default: bool = False
    modhex: bool = False
    """A YubiKey, whose codes are letters."""


def text_of_id(value: object) -> str:
    """Return an id as text, whether it came as a number or a string; nothing if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    text = str(value)
    return text if IDENTIFIER.fullmatch(text) else ""


def kind_of(name: str) -> Kind:
    """Return the kind of a v1 ``device_type`` or v2 ``auth_factor_name``."""
    return next((kind for pattern, kind in PATTERNS if pattern.search(name)), Kind.CODE)


def read_devices(listed: Any) -> tuple[Device, ...]:
    """Read a list of devices of either API; what has no name or no id is none."""
    entries = listed if isinstance(listed, list) else []
    return tuple(device for device in map(read_device, entries[:MAX_DEVICES]) if device is not None)


def read_device(entry: Any) -> Device | None:
    """Read one device; None if it cannot be used to ask anybody."""
    if not isinstance(entry, dict) or not text_of_id(entry.get("device_id")):
        return None
    name = entry.get("device_type") or entry.get("auth_factor_name")
    # A device that is enrolled but was never used proves nothing yet.
    if not isinstance(name, str) or entry.get("active") is False:
        return None
    return Device(
        id=entry["device_id"],
        kind=kind_of(name),
        name=clean(name, 64),
        digits=last_digits(entry.get("phone_number")) or last_digits(entry.get("user_display_name")),
        default=entry.get("default") is True,
        modhex="yubi" in name.casefold(),
    )


def last_digits(number: Any) -> str:
    """Return the last digits of what looks like a telephone number, masked or not: ``+1 *** 4321`` is 4321."""
    found = PHONE.fullmatch(number) if isinstance(number, str) else None
    return found.group(1) if found else ""


def choose(devices: Iterable[Device], factor: Factor) -> Device | None:
    """Choose the device that a factor means; None if the person has none of that kind.

    A plain push falls back to the person's usual device, so that people without OneLogin Protect are not locked out.
    """
    usable = default_first(device for device in devices if device.kind is not Kind.UNSUPPORTED)
    match factor:
        case Push():
            return first_of(usable, (Kind.PUSH,)) or next(iter(usable), None)
        case Code():
            return first_of(usable, (Kind.CODE, Kind.PUSH))
        case Method(word):
            sms = DIGITS_OF_SMS.fullmatch(word)
            return choose_sms(usable, sms.group(1)) if sms else first_of(usable, WORDS.get(word, ()))


def is_known_word(word: str) -> bool:
    """Whether a word can mean a device of OneLogin."""
    return word in WORDS or DIGITS_OF_SMS.fullmatch(word) is not None


def choose_sms(usable: Iterable[Device], digits: str) -> Device | None:
    """Choose the telephone whose number ends with these digits; the usual one where no number is known."""
    phones = [device for device in usable if device.kind is Kind.SMS]
    if digits and any(phone.digits for phone in phones):
        phones = [phone for phone in phones if phone.digits and phone.digits.endswith(digits[-len(phone.digits) :])]
    return next(iter(phones), None)


def first_of(usable: Iterable[Device], kinds: Iterable[Kind]) -> Device | None:
    """Return the first device of the first kind that there is."""
    found = list(usable)
    return next((device for kind in kinds for device in found if device.kind is kind), None)


def default_first(devices: Iterable[Device]) -> list[Device]:
    """Put the person's default device first; the rest stays in OneLogin's order."""
    return sorted(devices, key=lambda device: not device.default)
