"""How libpam decides: one step for each module's code (Linux-PAM 1.5, _pam_dispatch_aux).

A stack has an impression of the login: none yet, good, or bad. ``ok`` makes a first or good one good, ``bad`` makes it
bad for ever, ``done`` and ``die`` end the stack at once, in a substack that substack alone. ``reset`` goes back to what
held where the substack began, a number jumps over modules, a substack counting as one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from pushgate.doctor.codes import MUST_FAIL, Act, Action, Code
from pushgate.doctor.handlers import Handler, Kind


class Impression(Enum):
    """What the stack thinks of a login so far."""

    NONE = "none"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class State:
    """Where a stack stands: the next handler, the impression, the code that goes with it."""

    place: int = 0
    impression: Impression = Impression.NONE
    status: Code = MUST_FAIL
    before: tuple[tuple[Impression, Code], ...] = ((Impression.NONE, MUST_FAIL),)
    """What held where each level began; what ``reset`` goes back to."""

    @property
    def result(self) -> Code:
        """What pam_authenticate returns, once there is no next handler."""
        doubtful = self.status is Code.SUCCESS and self.impression is not Impression.GOOD
        return MUST_FAIL if doubtful else self.status


def evaluate(stack: Sequence[Handler], code_of: Callable[[Handler], Code]) -> Code:
    """Return what pam_authenticate returns if each module returns what ``code_of`` says."""
    state = entered(stack, State())
    while state.place < len(stack):
        handler = stack[state.place]
        state = step(stack, state, MUST_FAIL if handler.kind is Kind.BROKEN else code_of(handler))
    return state.result


def entered(stack: Sequence[Handler], state: State) -> State:
    """Move on to the next module: over the lines that open substacks, noting what held there."""
    while state.place < len(stack):
        level = stack[state.place].level
        previous = stack[state.place - 1].level if state.place else 0
        if level > previous:
            state = replace(state, before=(*state.before[: previous + 1], (state.impression, state.status)))
        if stack[state.place].kind is not Kind.SUBSTACK:
            break
        state = replace(state, place=state.place + 1)
    return state


def step(stack: Sequence[Handler], state: State, code: Code) -> State:
    """Take the code of the module at the state's place, and return the state before the next module."""
    action = stack[state.place].actions[code]
    if isinstance(action, int):
        moved = jump(stack, state, action)
    else:
        moved = judge(state, stack[state.place].level, action, code)
        if leaves(action, moved):
            moved = replace(moved, place=end_of_level(stack, state.place))
    return entered(stack, replace(moved, place=moved.place + 1))


def judge(state: State, level: int, action: Act, code: Code) -> State:
    """Change the impression as an act says."""
    if action in (Act.OK, Act.DONE):
        undecided = state.impression is Impression.NONE
        if undecided or (state.impression is Impression.GOOD and state.status is Code.SUCCESS):
            return replace(state, impression=Impression.GOOD, status=code)
    elif action in (Act.BAD, Act.DIE):
        if state.impression is not Impression.BAD:
            status = MUST_FAIL if code is Code.IGNORE else code
            return replace(state, impression=Impression.BAD, status=status)
    elif action is Act.RESET:
        impression, status = state.before[level]
        return replace(state, impression=impression, status=status)
    return state


def leaves(action: Act, after: State) -> bool:
    """Say whether an act ends the stack or substack that it stands in."""
    return action is Act.DIE or (action is Act.DONE and after.impression is Impression.GOOD)


def end_of_level(stack: Sequence[Handler], place: int) -> int:
    """Return the last handler of the stack or substack in which a place lies."""
    level = stack[place].level
    while place + 1 < len(stack) and stack[place + 1].level >= level:
        place += 1
    return place


def jump(stack: Sequence[Handler], state: State, count: Action) -> State:
    """Jump over modules; over more than there are spoils the login."""
    assert isinstance(count, int)
    place, level = state.place, stack[state.place].level
    while count and place + 1 < len(stack) and stack[place + 1].level >= level:
        place = over_one(stack, place + 1, level)
        count -= 1
    if count:
        return replace(state, place=place, impression=Impression.BAD, status=MUST_FAIL)
    return replace(state, place=place)


def over_one(stack: Sequence[Handler], place: int, level: int) -> int:
    """Return the last handler of what stands at a place: itself, or the end of the substack that it opens."""
    while place + 1 < len(stack) and stack[place + 1].level > level:
        place += 1
    return place
