"""One measured number, beside the target that it must meet or the peer that it must beat."""

from dataclasses import dataclass


class WrongAnswerError(Exception):
    """What was measured gave a wrong answer, so its speed means nothing."""


@dataclass(frozen=True)
class Figure:
    """A number that one benchmark found in this run.

    ``at_most`` or ``at_least`` is the target; a figure without one is only reported. ``beside`` is what another
    program, or a part of the same run, needed: on a busy machine that says more than the number alone.
    """

    name: str
    value: float
    unit: str
    at_most: float | None = None
    beside: str = ""
    at_least: float | None = None

    @property
    def target(self) -> str:
        """The target in words; empty where there is none."""
        if self.at_most is not None:
            return f"<= {self.at_most:,g} {self.unit}"
        return "" if self.at_least is None else f">= {self.at_least:,g} {self.unit}"

    @property
    def met(self) -> bool | None:
        """Say whether the target is met; None where there is none."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return None if self.at_least is None else self.value >= self.at_least

    @property
    def verdict(self) -> str:
        """The verdict in one word."""
        return {None: "", True: "met", False: "missed"}[self.met]
