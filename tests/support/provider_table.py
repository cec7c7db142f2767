"""The tables of docs/provider-failures.md, made out of what whole logins at the simulators show.

``python -m tests.support.provider_table`` writes the page anew.
"""

from itertools import groupby
from pathlib import Path

from pushgate.decision import Reason
from pushgate.outcome import Failed
from tests.simulators.play import Observation, observe, word_of
from tests.simulators.rigs import COURSES, Course, Way
from tests.simulators.situations import SITUATIONS, Situation
from tests.support.failure_table import table

PAGE = Path(__file__).parents[2] / "docs" / "provider-failures.md"
HEAD = """# When a provider fails

For whoever wants to know what a login comes to when a provider, or the way to it, is out of order. The tables are made
out of whole logins through the core with each real provider and a server that misbehaves; a test compares them with
fresh ones, and `python -m tests.support.provider_table` writes this page anew.

A cell says what came of the login, for a failure whether the person may have been asked, and what the person reads
([configuration.md](configuration.md) has the texts). **opens**: an outage of which surely nobody was asked. It refuses
as well, unless the service says `if_unreachable: accept`, or has further `providers` or a `fallback`: then this, and
nothing else in this page, lets people in or hands them on.

The log names the provider, the HTTP status, the provider's request id and what to do about it
(`provider_failed`, [operations.md](operations.md)).

"""
WAYS = {
    Way.RUNG: "a device rings, and the answer is given there",
    Way.RINGING: "a device rings, and a code is typed meanwhile",
    Way.ASKED: "a prompt asks for a code",
    Way.TYPED: "the code was typed behind the password",
}
NO_MATTER = "does not arise"


def cell(course: Course, situation: Situation) -> str:
    """Describe what one login came to."""
    if not situation.arises(course):
        return NO_MATTER
    found = observe(course, situation)
    opens = found.decision.reason is Reason.FAIL_OPEN
    refused = observe(course, situation, opens=False) if opens else found
    words = f"{word_of(found)}{asked(found)}: “{refused.decision.message}”"
    return f"{words}, **opens**" if opens else words


def asked(found: Observation) -> str:
    """Say whether the person may have been asked; nothing where there was an answer."""
    match found.last:
        case Failed(asked=True):
            return ", asked"
        case Failed(asked=False):
            return ", not asked"
        case _:
            return ""


def page() -> str:
    """Return the page."""
    ways = [way for way in Way if any(course.way is way for course in COURSES)]
    parts = [HEAD, *(f"- {way}: {WAYS[way]}\n" for way in ways)]
    for heading, rows in groupby(SITUATIONS, lambda each: each.heading):
        heads = ["Situation", *(course.name for course in COURSES)]
        body = [[row.words, *(cell(course, row) for course in COURSES)] for row in rows]
        parts.append(f"\n## {heading}\n\n{table(heads, body)}")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
