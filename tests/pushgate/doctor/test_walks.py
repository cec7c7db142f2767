"""Every way through a stack is followed."""

from pathlib import Path

import pytest

from pushgate.doctor import walks
from pushgate.doctor.codes import Code
from pushgate.doctor.modules import OUR_CODES
from pushgate.doctor.walks import walk_all
from pushgate.pamstack import UnreadableStack
from tests.support.doctor import COMMON_AUTH, PG, stack


def test_each_code_of_ours_is_a_way(tmp_path: Path) -> None:
    """A stack of our module alone has one way for each of its codes, and one of them lets people in."""
    ways = walk_all(stack(tmp_path, PG))
    assert {walk.ours for walk in ways} == set(OUR_CODES)
    assert [walk.ours for walk in ways if walk.lets_in] == [Code.SUCCESS]
    assert all(walk.asked_early and not walk.asked_wrong for walk in ways)


def test_a_way_tells_its_steps(tmp_path: Path) -> None:
    """The way by password and approval is told in the order of the stack."""
    (walk,) = [walk for walk in walk_all(stack(tmp_path, COMMON_AUTH + PG)) if walk.ours is Code.SUCCESS]
    assert walk.told().startswith("pam_unix SUCCESS, pam_permit SUCCESS, pam_cap ")
    assert walk.told().endswith(", pam_pushgate SUCCESS")
    assert (walk.right, walk.wrong, walk.asked_early) == (True, False, False)


def test_the_line_that_went_past_ours_is_known(tmp_path: Path) -> None:
    """A module that ends the stack, and one that jumps, are both named as what went past ours."""
    for control in ("sufficient", "[success=1 default=ignore]"):
        text = f"auth {control} pam_unix.so\n{PG}\nauth required pam_permit.so"
        assert {walk.skipper.name for walk in walk_all(stack(tmp_path, text)) if walk.skipper} == {"pam_unix"}


def test_an_approval_stays_one(tmp_path: Path) -> None:
    """A person who approved is not counted as refused because a second line of ours was ignored."""
    text = f"{PG}\nauth optional pam_pushgate.so"
    assert {walk.ours for walk in walk_all(stack(tmp_path, text)) if walk.lets_in} == {Code.SUCCESS}


def test_many_modules_are_followed_quickly(tmp_path: Path) -> None:
    """Forty modules have more combinations than atoms in a person, and few ways that differ."""
    assert len(walk_all(stack(tmp_path, "auth optional pam_unix.so\n" * 39 + PG))) < 200


def test_a_stack_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack with more ways than can be followed is a fault, not a machine that hangs."""
    monkeypatch.setattr(walks, "MAX_WALKS", 5)
    with pytest.raises(UnreadableStack, match="too many ways"):
        walk_all(stack(tmp_path, COMMON_AUTH + PG))
