"""The words that people read at the place of a login."""

from typing import Annotated

from pydantic import AfterValidator, Field

from pushgate.words import MAX_TEXT, NUMBER_PLACE, WAYS_PLACE, Words

from .common import Section

DEFAULTS = Words()


def fits(text: str) -> str:
    """Refuse what is empty, hidden or longer than one Reply-Message."""
    if not text.strip() or not text.isprintable():
        raise ValueError("must be visible text")
    if len(text.encode()) > MAX_TEXT:
        raise ValueError(f"must not be longer than {MAX_TEXT} octets in UTF-8")
    return text


def holds_number(text: str) -> str:
    """Refuse a question that does not show the number."""
    if NUMBER_PLACE not in text:
        raise ValueError(f"must contain {NUMBER_PLACE}")
    return text


def holds_ways(text: str) -> str:
    """Refuse a text about ways that names none."""
    if WAYS_PLACE not in text:
        raise ValueError(f"must contain {WAYS_PLACE}")
    return text


Text = Annotated[str, AfterValidator(fits)]


class TextSettings(Section):
    """Each text has a default; appliances that match on a text want it stable."""

    approved: Text = DEFAULTS.approved
    denied: Text = DEFAULTS.denied
    no_answer: Text = Field(DEFAULTS.no_answer, description="Also for people who could not be asked.")
    rejected: Text = DEFAULTS.rejected
    given_up: Text = DEFAULTS.given_up
    wrong_code: Text = Field(DEFAULTS.wrong_code, description="Also in front of the challenge that follows.")
    field_form: Text = Field(DEFAULTS.field_form, description="How to fill the field in where there is no password.")
    password_form: Text = Field(DEFAULTS.password_form, description="How to write a password that ends like a code.")
    number_form: Text = Field(DEFAULTS.number_form, description="How to add the number that is required.")
    push_sent: Text = Field(DEFAULTS.push_sent, description="Where the place of the login can show a line at once.")
    number_sent: Annotated[Text, AfterValidator(holds_number)] = Field(
        DEFAULTS.number_sent, description="The same with a number; {number} stands for it."
    )
    code_sent: Text = Field(DEFAULTS.code_sent, description="To the first of two attempts.")
    code_sent_alone: Text = Field(DEFAULTS.code_sent_alone, description="The same where there is no password.")
    other_ways: Annotated[Text, AfterValidator(holds_ways)] = Field(
        DEFAULTS.other_ways, description="Behind a question; {ways} stands for the words to choose from."
    )
    code_alone: Text = Field(DEFAULTS.code_alone, description="Where sudo's caller has no device that could be asked.")
    push_or_code: Text = Field(DEFAULTS.push_or_code, description="The challenge.")
    number_or_code: Annotated[Text, AfterValidator(holds_number)] = Field(
        DEFAULTS.number_or_code, description="The challenge with a number; {number} stands for it."
    )

    def words(self) -> Words:
        """Return the texts as the core takes them."""
        return Words(**self.model_dump())
