"""Whose account a sudo is to use: sudo tells PAM its caller alone, so only its command line says it."""

from pathlib import PurePosixPath

from pam_module.processes import PROC, READ_LIMIT, NoProcess, Process, read_limited
from pushgate.text import clean

FLAGS = frozenset(
    """
    -A -b -B -E -H -i -k -n -N -P -S -s
    --askpass --background --bell --login --set-home --shell --stdin
    --non-interactive --reset-timestamp --no-update --preserve-groups
    """.split()  # noqa: SIM905 - one word a line would hide what belongs together
)
"""Options of sudo(8) that take no argument and do not change the account."""
MAX_SHOWN = 128


def target_account(process: Process, proc: str = PROC) -> str:
    """Return the account that a sudo was told to use; empty where it was told none, so that sudo's default counts.

    Only options that we know for sure are read. Where there are others (``-Hu alice``, an abbreviation, an option of a
    newer sudo), they are returned as they were typed: guessing could show the person a harmless account.
    """
    try:
        content = read_limited(f"{proc}/{process.pid}/cmdline")
    except NoProcess:
        return ""
    typed = [word.decode("utf-8", "replace") for word in content.split(b"\0")[:-1]]
    if not typed or PurePosixPath(typed[0]).name != "sudo":
        # sudoedit, or a name that the caller has chosen: sudo's own rules differ there.
        return clean(" ".join(["as typed:", *typed]), MAX_SHOWN)
    account = read_account(typed[1:], whole=len(content) < READ_LIMIT)
    return account if account is not None else clean(" ".join(["as typed:", *typed[1:]]), MAX_SHOWN)


def read_account(words: list[str], *, whole: bool) -> str | None:
    """Read the options in front of sudo's command; None if one of them is not known for sure, or was not read."""
    account, at = "", 0
    while at < len(words) and words[at].startswith("-"):
        word = words[at]
        if word == "--":
            break
        if word in ("-u", "--user") and at + 1 < len(words):
            account, at = words[at + 1], at + 1
        elif word.startswith("--user="):
            account = word.removeprefix("--user=")
        elif word not in FLAGS:
            return None
        at += 1
    if at == len(words):
        return account if whole else None
    # Behind NAME=value sudo reads further options.
    return None if "=" in words[at] else account
