"""docs/provider-failures.md against what the logins show now."""

import re

from tests.simulators.rigs import COURSES
from tests.simulators.situations import SITUATIONS
from tests.support.provider_table import PAGE, cell, page

OPENS = "**opens**"


def cells() -> list[list[str]]:
    """Read the cells of the page's tables, without their heads."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    rows = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]
    return [row for row in rows if row[0] not in ("Situation", "---")]


def test_the_page_shows_what_the_logins_show() -> None:
    """A reader finds in the page what each login comes to; ``python -m tests.support.provider_table`` makes it."""
    assert PAGE.read_text().splitlines() == page().splitlines()


def test_no_cell_is_empty() -> None:
    """A reader finds an outcome for every situation and every provider, or that it does not arise."""
    found = cells()
    assert len(found) == len(SITUATIONS)
    assert {len(row) for row in found} == {1 + len(COURSES)}
    shape = re.compile(r"does not arise|[a-z_]+(, (not )?asked)?: “[A-Z][^”]+”(, \*\*opens\*\*)?")
    assert [cell for row in found for cell in row[1:] if not shape.fullmatch(cell)] == []


def test_only_an_outage_of_which_nobody_was_asked_opens() -> None:
    """An attacker who reads the page finds no way in but an outage before anybody was asked."""
    opening = {cell for row in cells() for cell in row[1:] if OPENS in cell}
    assert opening == {f"unavailable, not asked: “Rejected”, {OPENS}"}


def test_every_course_has_every_outcome_of_a_person() -> None:
    """A provider that says yes to everybody, or no to everybody, would stand out."""
    for course in COURSES:
        found = {cell(course, each).partition(":")[0].partition(",")[0] for each in SITUATIONS}
        assert {"approved", "unavailable", "protocol", "config"} <= found, course.name
