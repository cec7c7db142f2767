"""The failure table of the documentation says what the played logins show."""

from tests.support.failure_table import PAGE, played


async def test_the_page_says_what_happens() -> None:
    """An operator reads in the table what each failing login of the scripts has really shown, returned and recorded."""
    assert await played() in PAGE.read_text(), "print it with: python -m tests.support.failure_table"
