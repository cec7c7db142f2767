"""The tables of docs/pam-failures.md, made out of what played logins and real PAM conversations show.

``python -m tests.support.failure_table`` prints the table of the played logins.
"""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

from tests.support.stage_pam import PamStage, play_pam

FOLDER = Path(__file__).parents[1] / "scenarios" / "pam"
PAGE = Path(__file__).parents[2] / "docs" / "pam-failures.md"
SHOWN = ("told", "prompted")
BY_ITSELF = {"timeout": "AUTH_ERR", "conversation": "CONV_ERR"}
"""What the module returns where it has told the daemon why it goes; ABORT for every other reason."""


async def rows() -> list[list[str]]:
    """Play every PAM login, and describe those that end otherwise than by an approval."""
    found = []
    for file in sorted(FOLDER.glob("*.txt")):
        for script in ("\n" + file.read_text()).split("\n== ")[1:]:
            title, _, lines = script.partition("\n")
            row = describe(title.removesuffix("."), lines, await play_pam(lines))
            if row[3] != "SUCCESS" or row[4] != "approved":
                found.append(row)
    return found


def describe(title: str, lines: str, stage: PamStage) -> list[str]:
    """Return situation, program, what the person sees, PAM code and reason."""
    history = stage.seen.history
    shown = [words[1] for _, words in history if words[0] in SHOWN]
    left = re.findall(r"^ *[0-9.]+ \S+ leaves (.*)$", lines, flags=re.MULTILINE)
    codes = [words[1] for _, words in history if words[0] == "ends"]
    codes += [BY_ITSELF.get(reason, "ABORT") for reason in left]
    reasons = [words[0] for actor, words in history if actor == "audit"]
    # A stranger's number is drawn anew each time.
    texts = (re.sub(r"\bType \d\d on\b", "Type {number} on", text.strip()) for text in shown)
    seen = " ".join(f"“{text}”" for text in dict.fromkeys(texts)) or "nothing"
    return [title, stage.host.value, seen, ", ".join(dict.fromkeys(codes)), ", ".join(dict.fromkeys(reasons))]


def table(heads: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Write a table."""
    lines = [heads, ["---"] * len(heads), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page_rows(after: str) -> list[list[str]]:
    """Read the rows of the table that follows a heading of the page."""
    section = PAGE.read_text().partition(f"## {after}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines[2:]]


HEADS = ("Situation", "Program", "The person sees", "PAM code", "Audit reason")


async def played() -> str:
    """Return the table of the played logins."""
    return table(HEADS, await rows())


if __name__ == "__main__":
    print(asyncio.run(played()), end="")
