"""The text of a PAM file with our lines and without them.

Our lines stand between two comments. What they replace stays there as a comment, so that taking them out needs nothing
but the file itself, whatever else has been edited in it meanwhile::

    # BEGIN pushgate sshd-key - "pushgate pam remove sshd" takes these lines out
    #pushgate# @include common-auth
    auth required /usr/lib/pushgate/pam_pushgate.so
    # END pushgate

Lines are split at newlines alone and joined again, so that every other byte stays, also a missing newline at the end.
"""

import re

from pushgate.errors import PushgateError
from pushgate.pamsetup.recipes import Recipe

BEGIN, END, ASIDE = "# BEGIN pushgate", "# END pushgate", "#pushgate# "
MODULE = "pam_pushgate"
ANCHOR = re.compile(r"@include[ \t]+common-auth[ \t]*(#.*)?")


def insert(text: str, recipe: Recipe, line: str, path: object) -> str:
    """Put the line that loads the module into a file, in place of an earlier one of ours.

    Raises:
        PushgateError: the file has no place for it, or loads the module already in a line that is not ours.
    """
    lines = remove(text, path).split("\n")
    for number, found in enumerate(lines, 1):
        if MODULE in found.partition("#")[0]:
            hint = "take that line out first, or leave it as it is: pushgate doctor pam checks it"
            raise PushgateError(f"{path}:{number}: loads the module already, in a line that was written by hand", hint)
    places = [at for at, found in enumerate(lines) if ANCHOR.fullmatch(found)]
    if len(places) != 1:
        hint = "Debian's file has it once; for another stack write the line by hand: docs/pam.md"
        what = "no line" if not places else f"{len(places)} lines"
        raise PushgateError(f"{path}: has {what} '@include common-auth'", hint)
    (at,) = places
    kept, aside = ([lines[at]], []) if recipe.keeps_password else ([], [ASIDE + lines[at]])
    begin = f'{BEGIN} {recipe.name} - "pushgate pam remove {recipe.service}" takes these lines out'
    return "\n".join([*lines[:at], *kept, begin, *aside, line, END, *lines[at + 1 :]])


def remove(text: str, path: object) -> str:
    """Take our lines out, and put back what they replaced.

    Lines that somebody wrote between our marks stay.

    Raises:
        PushgateError: the marks do not belong together.
    """
    lines = text.split("\n")
    block = find(text, path)
    if block is None:
        return text
    begin, end = block
    inner = [line.removeprefix(ASIDE) for line in lines[begin + 1 : end] if MODULE not in line.partition("#")[0]]
    return "\n".join([*lines[:begin], *inner, *lines[end + 1 :]])


def recipe_name(text: str, path: object) -> str | None:
    """Name the stack that a file has from us; None if it has none.

    Raises:
        PushgateError: the marks do not belong together.
    """
    block = find(text, path)
    if block is None:
        return None
    return text.split("\n")[block[0]].removeprefix(BEGIN).partition(" - ")[0].strip()


def find(text: str, path: object) -> tuple[int, int] | None:
    """Find the lines with our two marks, counted from 0; None if there are none.

    Raises:
        PushgateError: the marks do not belong together.
    """
    lines = text.split("\n")
    begins = [at for at, line in enumerate(lines) if line.startswith(BEGIN)]
    ends = [at for at, line in enumerate(lines) if line.startswith(END)]
    if not begins and not ends:
        return None
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        at = min(begins + ends) + 1
        hint = f"have one '{BEGIN} ...' and one '{END}' behind it, or restore the file from pushgate's backup"
        raise PushgateError(f"{path}:{at}: the marks around pushgate's lines do not belong together", hint)
    return begins[0], ends[0]
