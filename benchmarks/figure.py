"""One measured number, beside the target that it must meet or the peer that it must beat."""

from dataclasses import dataclass


class WrongAnswerError(Exception):
    """What was measured gave a wrong answer, so its speed means nothing."""


@dataclass(frozen=True)
class Figure:
    """A number that one benchmark found in this run.

    ``at_most`` is the target; a figure without one is only reported. ``peer`` is what another program needed for the
    same in the same run, in the same unit: on a busy machine the ratio says more than the number.
    """

    name: str
    value: float
    unit: str
    at_most: float | None = None
    peer: float | None = None
    peer_name: str = ""

    @property
    def met(self) -> bool | None:
        """Say whether the target is met; None where there is none."""
        return None if self.at_most is None else self.value <= self.at_most

    @property
    def verdict(self) -> str:
        """The verdict in one word."""
        return {None: "", True: "met", False: "missed"}[self.met]

    @property
    def comparison(self) -> str:
        """The peer's number and how many times as much ours is."""
        if self.peer is None:
            return ""
        ratio = f", {self.value / self.peer:.2f} x" if self.peer > 0 else ""
        return f"{self.peer_name} {self.peer:.3g}{ratio}"
