"""Controls are read as libpam reads them."""

import pytest

from pushgate.doctor.codes import Act, Code, actions_of


@pytest.mark.parametrize(
    ("control", "success", "ignore", "abort"),
    [
        ("required", Act.OK, Act.IGNORE, Act.BAD),
        ("REQUISITE", Act.OK, Act.IGNORE, Act.DIE),
        ("sufficient", Act.DONE, Act.IGNORE, Act.IGNORE),
        ("optional", Act.OK, Act.IGNORE, Act.IGNORE),
        ("[success=ok default=die]", Act.OK, Act.DIE, Act.DIE),
        ("[success=2 abort=reset]", 2, Act.BAD, Act.RESET),
        ("[default=ignore success=ok]", Act.OK, Act.IGNORE, Act.IGNORE),
        ("[ success = ok  default = bad ]", Act.OK, Act.BAD, Act.BAD),
        ("[success=1default=ignore]", 1, Act.IGNORE, Act.IGNORE),
    ],
)
def test_control(control: str, success: object, ignore: object, abort: object) -> None:
    """An administrator's control maps each code to what libpam does with it."""
    actions = actions_of(control)
    assert (actions[Code.SUCCESS], actions[Code.IGNORE], actions[Code.ABORT]) == (success, ignore, abort)
    assert set(actions) == set(Code)


@pytest.mark.parametrize(
    "control",
    ["requird", "", "[", "[success=ok", "[success=0]", "[success=fine]", "[sucess=ok]", "[SUCCESS=ok]", "[success]"],
)
def test_a_control_with_a_fault_lets_nobody_in(control: str) -> None:
    """A control that libpam cannot read makes every code bad, success too."""
    assert set(actions_of(control).values()) == {Act.BAD}


def test_later_pairs_win_but_not_over_default() -> None:
    """A code that is named twice has its last action; default fills only what no pair before it has named."""
    assert actions_of("[success=bad success=ok]")[Code.SUCCESS] is Act.OK
    actions = actions_of("[success=ok default=bad default=ignore]")
    assert (actions[Code.SUCCESS], actions[Code.ABORT]) == (Act.OK, Act.BAD)
