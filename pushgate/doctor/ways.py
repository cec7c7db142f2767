"""What the ways through a stack come to: who gets in without an approval, and who is asked for nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pushgate.doctor.codes import Code
from pushgate.doctor.handlers import Handler, Kind
from pushgate.doctor.modules import Role, is_ours, role_of
from pushgate.doctor.walks import Walk, walk_all
from pushgate.pamstack import StackRule


@dataclass(frozen=True)
class Ways:
    """The ways through one stack that loads our module."""

    stack: Sequence[Handler]
    walks: Sequence[Walk]

    @classmethod
    def of(cls, stack: Sequence[Handler]) -> "Ways":
        """Follow every way.

        Raises:
            UnreadableStack: there are too many.
        """
        return cls(stack, walk_all(stack))

    @property
    def ours(self) -> list[StackRule]:
        """The lines that load our module."""
        return [handler.rule for handler in self.stack if handler.kind is Kind.MODULE and is_ours(handler.rule)]

    @property
    def has_first_factor(self) -> bool:
        """Whether any module asks for a proof beside ours."""
        return any(handler.kind is Kind.MODULE and role_of(handler.rule) is Role.FACTOR for handler in self.stack)

    def opening(self) -> list[Walk]:
        """One way for each code, other than IGNORE, with which our module refuses and the person gets in."""
        refused = (walk for walk in self.walks if walk.lets_in and walk.ours not in (None, Code.SUCCESS, Code.IGNORE))
        return shortest(refused, lambda walk: walk.ours)

    def ignoring(self) -> Walk | None:
        """A way on which our module wants to be ignored, no first factor was right, and the person gets in."""
        return first(walk for walk in self.walks if walk.lets_in and walk.ours is Code.IGNORE and not walk.right)

    def skipping(self) -> list[Walk]:
        """One way for each line that lets people in past our module."""
        return shortest(
            (walk for walk in self.walks if walk.lets_in and walk.ours is None and walk.skipper is not None),
            lambda walk: walk.skipper,
        )

    def reached(self) -> bool:
        """Whether our module is called on any way."""
        return any(walk.ours is not None for walk in self.walks)

    def approved(self) -> list[Walk]:
        """Every way on which an approval lets the person in."""
        return [walk for walk in self.walks if walk.lets_in and walk.ours is Code.SUCCESS]

    def alone(self) -> bool:
        """Whether an approval lets the person in where no first factor of the stack was right."""
        return any(not walk.right for walk in self.approved())

    def wrong_factor(self) -> Walk | None:
        """A way on which a first factor is wrong, an approval comes, and the person gets in."""
        return first(walk for walk in self.approved() if walk.wrong and not walk.right)

    def asked_wrong(self) -> Walk | None:
        """A way on which the person is asked although a first factor was wrong."""
        return first(walk for walk in self.walks if walk.asked_wrong)

    def asked_early(self) -> bool:
        """Whether the person is asked before the stack's first factor."""
        return self.has_first_factor and any(walk.asked_early and not walk.asked_wrong for walk in self.walks)


def first(walks: Iterable[Walk]) -> Walk | None:
    """Return the way with the fewest steps, if there is one."""
    return min(walks, key=lambda walk: (len(walk.steps), walk.told()), default=None)


def shortest(walks: Iterable[Walk], key: Callable[[Walk], object]) -> list[Walk]:
    """Return the way with the fewest steps for each value of a key, in a steady order."""
    found: dict[object, Walk] = {}
    for walk in sorted(walks, key=lambda walk: (len(walk.steps), walk.told())):
        found.setdefault(key(walk), walk)
    return list(found.values())
