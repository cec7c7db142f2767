"""PAM's return codes and the actions that a control maps them to (Linux-PAM, pam.conf(5))."""

import re
from collections.abc import Mapping
from enum import Enum, IntEnum


class Code(IntEnum):
    """What a module may return, under the names that pam.conf(5) has for it."""

    SUCCESS = 0
    OPEN_ERR = 1
    SYMBOL_ERR = 2
    SERVICE_ERR = 3
    SYSTEM_ERR = 4
    BUF_ERR = 5
    PERM_DENIED = 6
    AUTH_ERR = 7
    CRED_INSUFFICIENT = 8
    AUTHINFO_UNAVAIL = 9
    USER_UNKNOWN = 10
    MAXTRIES = 11
    NEW_AUTHTOK_REQD = 12
    ACCT_EXPIRED = 13
    SESSION_ERR = 14
    CRED_UNAVAIL = 15
    CRED_EXPIRED = 16
    CRED_ERR = 17
    NO_MODULE_DATA = 18
    CONV_ERR = 19
    AUTHTOK_ERR = 20
    AUTHTOK_RECOVER_ERR = 21
    AUTHTOK_LOCK_BUSY = 22
    AUTHTOK_DISABLE_AGING = 23
    TRY_AGAIN = 24
    IGNORE = 25
    ABORT = 26
    AUTHTOK_EXPIRED = 27
    MODULE_UNKNOWN = 28
    BAD_ITEM = 29
    CONV_AGAIN = 30
    INCOMPLETE = 31


MUST_FAIL = Code.PERM_DENIED
"""What libpam returns where it has to fail itself (PAM_MUST_FAIL_CODE)."""


class Act(Enum):
    """What a control does with a code, beside jumping over modules."""

    IGNORE = "ignore"
    OK = "ok"
    DONE = "done"
    BAD = "bad"
    DIE = "die"
    RESET = "reset"


Action = Act | int
"""An act, or how many modules to jump over."""

WORDS: Mapping[str, tuple[Act, Act, Act]] = {
    # What success, a module that wants to be ignored, and every other code do.
    "required": (Act.OK, Act.IGNORE, Act.BAD),
    "requisite": (Act.OK, Act.IGNORE, Act.DIE),
    "sufficient": (Act.DONE, Act.IGNORE, Act.IGNORE),
    "optional": (Act.OK, Act.IGNORE, Act.IGNORE),
}
# libpam compares beginnings, so blanks between the pairs are not needed.
PAIR = re.compile(r"\s*(?P<code>[a-z_]+)\s*=\s*(?P<action>ignore|ok|done|bad|die|reset|[0-9]+)")


def actions_of(control: str) -> dict[Code, Action]:
    """Read a control: for each code what it does; as in libpam, a fault makes every code bad."""
    if control.lower() in WORDS:
        success, ignore, other = WORDS[control.lower()]
        named: dict[Code, Action] = dict.fromkeys((Code.SUCCESS, Code.NEW_AUTHTOK_REQD), success)
        return {code: named.get(code, ignore if code is Code.IGNORE else other) for code in Code}
    pairs = read_pairs(control)
    return dict.fromkeys(Code, Act.BAD) if pairs is None else {code: pairs.get(code, Act.BAD) for code in Code}


def read_pairs(control: str) -> dict[Code, Action] | None:
    """Read ``[value=action ...]``; None if libpam could not."""
    if not (control.startswith("[") and control.endswith("]")):
        return None
    found: dict[Code, Action] = {}
    text = control[1:-1].rstrip()
    place = 0
    while place < len(text):
        pair = PAIR.match(text, place)
        if pair is None:
            return None
        place = pair.end()
        action = read_action(pair["action"])
        if action is None or not put(found, pair["code"], action):
            return None
    return found


def put(found: dict[Code, Action], name: str, action: Action) -> bool:
    """Note one pair; ``default`` fills what no pair before it has named. False for an unknown name."""
    if name == "default":
        for code in Code:
            found.setdefault(code, action)
        return True
    if name.upper() not in Code.__members__:
        return False
    found[Code[name.upper()]] = action
    return True


def read_action(word: str) -> Action | None:
    """Read an act or a number of modules; None for a jump over none, which libpam takes for a fault."""
    if not word.isdigit():
        return Act(word)
    return int(word[:9]) or None
