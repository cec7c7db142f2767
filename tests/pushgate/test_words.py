"""What people read."""

from dataclasses import asdict

import pytest

from pushgate.decision import Reason
from pushgate.words import MAX_TEXT, WAITS_AS_IF_IGNORED, Words

WORDS = Words()


def test_defaults_fit_one_attribute() -> None:
    """Every default, and every question after a wrong code, fits the one Reply-Message that some appliances show."""
    questions = [WORDS.again(WORDS.question(number)) for number in ("", "42")]
    assert [text for text in (*asdict(WORDS).values(), *questions) if not 0 < len(text.encode()) <= MAX_TEXT] == []


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_text(reason: Reason) -> None:
    """A person is told something about every decision, and never the inner word for it."""
    text = WORDS.message(reason)
    assert text
    assert "_" not in text


def test_refusals_that_depend_on_the_person_sound_like_silence() -> None:
    """A stranger reads the same about unknown, unenrolled, locked and over-asked people as about ignored ones."""
    assert {WORDS.message(reason) for reason in WAITS_AS_IF_IGNORED} == {WORDS.message(Reason.EXPIRED)}


def test_what_is_the_administrators_business_sounds_alike() -> None:
    """A wrong password, a broken configuration and a dead provider sound alike at the place of the login."""
    alike = (Reason.BAD_PASSWORD, Reason.CONFIG, Reason.UNAVAILABLE, Reason.INTERNAL, Reason.FIRST_FACTOR_FAILED)
    assert {WORDS.message(reason) for reason in alike} == {"Rejected"}


def test_question() -> None:
    """The question shows the number, if there is one, also after a wrong code."""
    assert WORDS.question("") == "Approve on your device, then press Enter, or type a code"
    assert WORDS.question("07") == "Type 07 on your device to approve, then press Enter, or type a code"
    again = "Wrong code. Type 07 on your device to approve, then press Enter, or type a code"
    assert WORDS.again(WORDS.question("07")) == again


def test_ways() -> None:
    """A question names the ways that the provider knows, whatever else it can do."""
    ways = {"sms", "email", "code", "number"}
    assert WORDS.question("", ways).endswith("or type a code. Other ways: email, sms")
    assert WORDS.code_prompt("Code sent", ways) == "Code sent. Other ways: email, sms"
    assert WORDS.code_prompt("Code sent", {"code"}) == "Code sent"


def test_other_words() -> None:
    """An administrator's words take the place of ours."""
    words = Words(push_or_code="Bestätigen", number_or_code="{number}!", wrong_code="Falsch", denied="Nein")
    assert [words.question(""), words.question("42"), words.again("Bestätigen"), words.message(Reason.DENIED)] == [
        "Bestätigen",
        "42!",
        "Falsch. Bestätigen",
        "Nein",
    ]
