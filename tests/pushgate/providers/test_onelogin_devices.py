"""OneLogin's devices: kinds, ids, and which one a typed word means."""

from typing import Any

import pytest

from pushgate.login import Code, Factor, Method, Push, Secret
from pushgate.providers.onelogin_devices import (
    Device,
    Kind,
    choose,
    is_known_word,
    kind_of,
    last_digits,
    read_devices,
    text_of_id,
)

CODE = Code(Secret(b"123456"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("OneLogin Protect", Kind.PUSH),
        ("ONELOGIN PROTECT", Kind.PUSH),
        ("OneLogin", Kind.PUSH),
        ("OneLogin SMS", Kind.SMS),
        ("OneLogin OTP SMS", Kind.SMS),
        ("SMS", Kind.SMS),
        ("OneLogin Email", Kind.EMAIL),
        ("OneLogin Email Magic Link", Kind.LINK),
        ("OneLogin Voice", Kind.CALL),
        ("Google Authenticator", Kind.CODE),
        ("Yubico YubiKey", Kind.CODE),
        ("Duo Duo Security", Kind.UNSUPPORTED),
        ("Something New", Kind.CODE),
    ],
)
def test_each_name_has_its_kind(name: str, kind: Kind) -> None:
    """A device is used as OneLogin's documents say of its name, in any case."""
    assert kind_of(name) is kind


@pytest.mark.parametrize(
    ("value", "text"),
    [(222222, "222222"), ("222222", "222222"), ("a-b_c", "a-b_c")]
    + [(value, "") for value in (None, True, 1.5, "", "a/b", "..", "1?x=2", [1], {"id": 1}, "x" * 129)],
)
def test_an_id_is_a_number_or_a_plain_word(value: Any, text: str) -> None:
    """An id that could lead to another path, or is of another type, is none."""
    assert text_of_id(value) == text


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        ("+1 555 010 4321", "4321"),
        ("*** *** 4321", "4321"),
        ("xxx-xxx-43", "43"),
        ("iPhone 12", ""),
        ("alice@example.com", ""),
        ("\u0661\u0662\u0663\u0664\u0665\u0666\u0667", ""),
        (None, ""),
        (4321, ""),
        ("4321" * 30, ""),
    ],
)
def test_last_digits_come_from_numbers_alone(number: Any, digits: str) -> None:
    """A name that ends with digits is no telephone number."""
    assert last_digits(number) == digits


def test_devices_are_read_in_both_forms() -> None:
    """A device of v1 and one of v2 are one to us; what has no name or id, or was never used, is none."""
    listed = [
        {"device_type": "Google Authenticator", "device_id": 222222},
        {"auth_factor_name": "SMS", "device_id": "999999", "user_display_name": "+1 555 010 4321", "default": True},
        {"device_type": "Yubico YubiKey", "device_id": 1, "active": False},
        {"device_type": "OneLogin Protect"},
        {"device_id": 5},
        {"device_type": 5, "device_id": 5},
        "OneLogin Protect",
        None,
    ]
    assert read_devices(listed) == (
        Device(222222, Kind.CODE, "Google Authenticator"),
        Device("999999", Kind.SMS, "SMS", "4321", default=True),
    )


@pytest.mark.parametrize("listed", [None, {}, "x", 5])
def test_no_list_is_no_devices(listed: Any) -> None:
    """A reply whose devices are no list has none."""
    assert read_devices(listed) == ()


def test_a_long_list_is_cut() -> None:
    """A server that lists a million devices costs no more than fifty."""
    assert len(read_devices([{"device_type": "SMS", "device_id": number} for number in range(1000)])) == 50


PROTECT = Device(1, Kind.PUSH)
AUTHENTICATOR = Device(2, Kind.CODE, default=True)
SMS_A, SMS_B = Device(3, Kind.SMS, digits="4321"), Device(4, Kind.SMS, digits="77")
MAIL, LINK, CALL, DUO = (Device(5, Kind.EMAIL), Device(6, Kind.LINK), Device(7, Kind.CALL), Device(8, Kind.UNSUPPORTED))
ALL = (DUO, SMS_A, SMS_B, LINK, MAIL, CALL, AUTHENTICATOR, PROTECT)


@pytest.mark.parametrize(
    ("devices", "factor", "chosen"),
    [
        (ALL, Push(), PROTECT),
        ((DUO, SMS_A, AUTHENTICATOR), Push(), AUTHENTICATOR),
        ((DUO, SMS_A, MAIL), Push(), SMS_A),
        ((DUO,), Push(), None),
        ((), Push(), None),
        (ALL, CODE, AUTHENTICATOR),
        ((PROTECT, SMS_A), CODE, PROTECT),
        ((SMS_A, MAIL, DUO), CODE, None),
        (ALL, Method("push"), PROTECT),
        ((AUTHENTICATOR,), Method("push"), None),
        (ALL, Method("email"), MAIL),
        ((LINK,), Method("email"), LINK),
        (ALL, Method("voice"), CALL),
        (ALL, Method("phone"), CALL),
        ((SMS_A,), Method("phone"), None),
        (ALL, Method("sms"), SMS_A),
        (ALL, Method("sms4321"), SMS_A),
        (ALL, Method("sms21"), SMS_A),
        (ALL, Method("sms77"), SMS_B),
        (ALL, Method("sms0077"), SMS_B),
        (ALL, Method("sms1234"), None),
        ((Device(9, Kind.SMS),), Method("sms1234"), Device(9, Kind.SMS)),
        ((Device(9, Kind.SMS), SMS_A), Method("sms1234"), None),
        ((MAIL,), Method("sms"), None),
        (ALL, Method("2"), None),
    ],
)
def test_a_word_means_a_device(devices: tuple[Device, ...], factor: Factor, chosen: Device | None) -> None:
    """A person gets the device that the typed word means; a push alone falls back to the usual device."""
    assert choose(devices, factor) == chosen


def test_known_words() -> None:
    """A word that OneLogin cannot do is told apart from one that the person has no device for."""
    assert [is_known_word(word) for word in ("push", "sms", "sms4321", "email", "voice", "phone")] == [True] * 6
    assert [is_known_word(word) for word in ("2", "smsx", "", "carrier pigeon")] == [False] * 4


def test_numbers_of_telephones_are_not_shown() -> None:
    """A reader of a log that holds a device sees no digits of its number."""
    assert "4321" not in repr(SMS_A)
