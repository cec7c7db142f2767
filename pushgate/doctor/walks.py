"""Every way through a stack: whatever each module may return, in every combination."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pushgate.doctor.codes import Code
from pushgate.doctor.dispatch import State, entered, step
from pushgate.doctor.handlers import Handler, Kind
from pushgate.doctor.modules import Role, codes_of, is_ours, role_of
from pushgate.pamstack import StackRule, UnreadableStack

MAX_WALKS = 50_000
"""Ways that are not the same; a stack of twenty modules has some hundreds."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One way through a stack, or the beginning of one; two that differ in their steps alone are the same."""

    state: State
    ours: Code | None = None
    """What our module returned; None while it was not called."""
    right: bool = False
    """A first factor was right."""
    wrong: bool = False
    """A first factor was not."""
    asked_early: bool = False
    """Our module was called before a first factor was right."""
    asked_wrong: bool = False
    """And after one was wrong."""
    skipper: StackRule | None = None
    """The line that went past our module."""
    steps: tuple[tuple[StackRule, Code], ...] = field(default=(), compare=False)

    @property
    def lets_in(self) -> bool:
        """Whether the person is let in at the end of this way."""
        return self.state.result is Code.SUCCESS

    def told(self) -> str:
        """Tell the steps in words."""
        return ", ".join(f"{rule.name} {code.name}" for rule, code in self.steps)


def walk_all(stack: Sequence[Handler]) -> list[Walk]:
    """List every way through a stack, each with one example of its steps.

    Raises:
        UnreadableStack: there are too many.
    """
    ours = [place for place, handler in enumerate(stack) if handler.kind is Kind.MODULE and is_ours(handler.rule)]
    ended: dict[Walk, None] = {}
    waiting = [Walk(entered(stack, State()))]
    seen = set(waiting)
    while waiting:
        walk = waiting.pop()
        if walk.state.place >= len(stack):
            ended[walk] = None
            continue
        handler = stack[walk.state.place]
        for code in codes_of(handler):
            after = go_on(walk, stack, handler, code, ours)
            if after not in seen:
                seen.add(after)
                waiting.append(after)
        if len(seen) > MAX_WALKS:
            raise UnreadableStack(f"{stack[0].rule.path}: too many ways through this stack to follow them all")
    return list(ended)


def go_on(walk: Walk, stack: Sequence[Handler], handler: Handler, code: Code, ours: Sequence[int]) -> Walk:
    """Take one step, and note what it says about the login."""
    state = step(stack, walk.state, code)
    after = replace(walk, state=state, steps=(*walk.steps, (handler.rule, code)))
    if any(walk.state.place < place < state.place for place in ours):
        after = replace(after, skipper=handler.rule)
    role = role_of(handler.rule) if handler.kind is Kind.MODULE else Role.HELPER
    if role is Role.FACTOR:
        return replace(after, right=walk.right or code is Code.SUCCESS, wrong=walk.wrong or code is not Code.SUCCESS)
    if role is Role.OURS:
        early = not walk.right
        # An approval stays one, also where a second line of ours is asked after it.
        return replace(
            after,
            ours=walk.ours if walk.ours is Code.SUCCESS else code,
            asked_early=walk.asked_early or early,
            asked_wrong=walk.asked_wrong or (early and walk.wrong),
        )
    return after
