"""The grammar of what people type: tails behind a password, and answers while a push is pending."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgate.factors import LONGEST_ANSWER, Cancel, GoOn, read_answer, read_tail, split_field
from pushgate.login import Code, Factor, Method, Push, Secret


def wide(text: str) -> str:
    """Write ASCII in the full-width characters of East Asian keyboards."""
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


NUMBER = Push(number=Secret(b"57"))
CODE = Code(Secret(b"123456"))


@pytest.mark.parametrize(
    ("tail", "factor"),
    [
        ("push", Push()),
        ("PUSH", Push()),
        ("1", Push()),
        ("2", Method("2")),
        ("123456", CODE),
        ("123456789", Code(Secret(b"123456789"))),
        ("sms", Method("sms")),
        ("SMS12", Method("sms12")),
        ("email", Method("email")),
        ("phone", Method("phone")),
        ("Voice", Method("voice")),
        ("57", NUMBER),
        ("00", Push(number=Secret(b"00"))),
    ],
)
def test_tails(tail: str, factor: Factor) -> None:
    """A number, a code or a word names a factor, in any case."""
    assert read_tail(tail, number=True) == factor


@pytest.mark.parametrize(
    "tail",
    [
        *("", " ", "3", "0", "5", "123", "12345", "1234567890", "12 34 56", "123-456", "sms12345", "call", "cancel"),
        *("ok", "push ", " push", "pushh", "push\n", "57\n", "123456\0", "pu\u017fh"),
        *(wide("57"), wide("123456"), "١٢٣٤٥٦"),
    ],
    ids=ascii,
)
def test_what_is_no_tail(tail: str) -> None:
    """Whatever else stands there is part of a password, look-alikes and blanks included."""
    assert read_tail(tail, number=True) is None


def test_two_digits_without_a_provider_for_numbers() -> None:
    """Two digits are part of the password where no device would ask for them."""
    assert read_tail("57", number=False) is None
    assert split_field(b"secret,57", ",", number=False) == (b"secret,57", None)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"secret,push", (b"secret", Push())),
        (b"secret,123456", (b"secret", CODE)),
        (b"secret,57", (b"secret", NUMBER)),
        (b"a,b,push", (b"a,b", Push())),
        (b"push,push", (b"push", Push())),
        (b"secret,push,push", (b"secret,push", Push())),
        (b",push", (b"", Push())),
        (b"p\xc3\xa4ss,push", (b"p\xc3\xa4ss", Push())),
        (b"secret", (b"secret", None)),
        (b"secret,", (b"secret,", None)),
        (b",", (b",", None)),
        (b"", (b"", None)),
        (b"push", (b"push", None)),
        (b"secret, push", (b"secret, push", None)),
        (b"push,secret", (b"push,secret", None)),
        (b"secret;push", (b"secret;push", None)),
        (b"secret,\xef\xbc\x95\xef\xbc\x97", (b"secret,\xef\xbc\x95\xef\xbc\x97", None)),
        (b"secret,\xff", (b"secret,\xff", None)),
    ],
)
def test_split(field: bytes, expected: tuple[bytes, Factor | None]) -> None:
    """A field is split at its last separator, and only before a tail."""
    assert split_field(field, ",", number=True) == expected


def test_other_separators() -> None:
    """An administrator chooses another separator, a longer one, or none at all."""
    assert split_field(b"a,b+push", "+", number=True) == (b"a,b", Push())
    assert split_field(b"secret::push", "::", number=True) == (b"secret", Push())
    assert split_field(b"secret,push", "", number=True) == (b"secret,push", None)


@given(st.binary(max_size=128), st.sampled_from([",", "+", "::"]), st.booleans())
def test_no_octet_is_lost(field: bytes, separator: str, number: bool) -> None:
    """Whatever is typed, the password is the field or its beginning, and the rest is separator and tail."""
    password, factor = split_field(field, separator, number=number)
    if factor is None:
        assert password == field
    else:
        tail = field[len(password) + len(separator) :]
        assert field == password + separator.encode() + tail
        assert read_tail(tail.decode("ascii"), number=number) == factor


@pytest.mark.parametrize("text", ["", " ", "\t", "1", "push", "PUSH", "Ok", " ok ", wide("ok")])
def test_go_on(text: str) -> None:
    """Enter, or a word for it, goes on waiting."""
    assert read_answer(text) == GoOn()


@pytest.mark.parametrize("text", ["hello", "0", "57", "12345", "1234567890", "123456x", "x" * 65, "1" * 65, "\u202e"])
def test_what_has_no_meaning_goes_on_waiting(text: str) -> None:
    """A person who types something else has neither spent a try nor ended the login."""
    assert read_answer(text) == GoOn()


@pytest.mark.parametrize("text", ["cancel", "CANCEL", " Cancel "])
def test_cancel(text: str) -> None:
    """One word gives the login up."""
    assert read_answer(text) == Cancel()


@pytest.mark.parametrize(
    "text", ["123456", " 123456 ", "123 456", "123-456", "12 34-56", wide("123456"), "123\u00a0456"], ids=ascii
)
def test_codes_in_the_forms_that_people_write(text: str) -> None:
    """Blanks, hyphens and wide digits do not spoil a code."""
    assert read_answer(text) == CODE


@pytest.mark.parametrize("text", ["١٢٣٤٥٦", "१२३४५६"], ids=ascii)
def test_digits_of_other_scripts_are_no_code(text: str) -> None:
    """Digits that no provider knows are no code and cost no try."""
    assert read_answer(text) == GoOn()


def test_methods() -> None:
    """A person can name another way to be reached."""
    assert [read_answer(text) for text in ("SMS", "2", "phone")] == [Method("sms"), Method("2"), Method("phone")]


@given(st.text(max_size=LONGEST_ANSWER * 2))
def test_any_answer_is_read(text: str) -> None:
    """Nothing that can be typed breaks the reader; a code holds six to nine digits whatever was typed."""
    answer = read_answer(text)
    assert isinstance(answer, GoOn | Cancel | Code | Method)
    if isinstance(answer, Code):
        assert answer.code.value.isdigit()
        assert 6 <= len(answer.code.value) <= 9
