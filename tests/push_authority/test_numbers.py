import pytest

from push_authority import numbers


def test_drawn_numbers_fill_the_whole_range() -> None:
    """A drawn number is two digits, with its leading zero, and any of the hundred comes up."""
    drawn = {numbers.draw() for _ in range(3000)}
    assert drawn == {f"{number:02}" for number in range(100)}


@pytest.mark.parametrize("text", ["", "5", "570", "5x", " 57", "57\n", "\uff15\uff17", "\u0665\u0667", "-1", "+1"])
def test_what_is_no_number(text: str) -> None:
    """Only two ASCII digits are a number: nothing that a device and we could spell differently."""
    assert not numbers.is_number(text)


def test_a_number_matches_itself_alone() -> None:
    """A typed number is compared as text: a leading zero counts, an empty one is no number."""
    assert numbers.matches("07", "07")
    assert not any(numbers.matches("07", typed) for typed in ("7", "70", "", "007"))
