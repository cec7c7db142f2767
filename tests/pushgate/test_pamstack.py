"""PAM's files are read as libpam reads them."""

from pathlib import Path

import pytest

from pushgate.pamstack import Include, StackRule, UnreadableStack, parse_file, read_stack


def stack(folder: Path, **files: str) -> list[str]:
    """The rules of the service ``gate``, as type, control and module."""
    for name, text in files.items():
        (folder / name).write_text(text)
    return [f"{rule.type} {rule.control} {rule.module}" for rule in read_stack("gate", folder)]


def test_a_rule_has_its_parts(tmp_path: Path) -> None:
    """A line is read with its file and number, its control in brackets and its arguments."""
    (tmp_path / "gate").write_text("# stack\n\n-AUTH [success=1 default=ignore] /x/pam_unix.so nullok  try\n")
    (rule,) = parse_file(tmp_path / "gate")
    assert rule == StackRule(
        tmp_path / "gate", 3, "auth", "[success=1 default=ignore]", "/x/pam_unix.so", "nullok  try"
    )
    assert isinstance(rule, StackRule)
    assert rule.name == "pam_unix"


def test_includes_stand_in_their_place(tmp_path: Path) -> None:
    """Included lines come where they are included, of the wanted type alone unless Debian's @include takes them all."""
    common = "auth required one.so\naccount required two.so\n"
    found = stack(tmp_path, gate="auth include common\nauth required three.so\n@include common\n", common=common)
    assert found == [
        "auth required one.so",
        "auth required three.so",
        "auth required one.so",
        "account required two.so",
    ]


def test_a_substack_is_marked(tmp_path: Path) -> None:
    """A rule behind a substack is known as such, since a failure there does not end the outer stack."""
    (tmp_path / "gate").write_text("auth substack inner\nauth required outer.so\n")
    (tmp_path / "inner").write_text("auth required deep.so\n")
    assert [(rule.name, rule.substack) for rule in read_stack("gate", tmp_path)] == [("deep", True), ("outer", False)]


def test_a_line_goes_on_behind_a_backslash(tmp_path: Path) -> None:
    """A continued line is one rule under its first number; a comment does not go on."""
    (tmp_path / "gate").write_text("auth \\\n required \\\n one.so\n# off \\\nauth required two.so\n")
    rules = [item for item in parse_file(tmp_path / "gate") if isinstance(item, StackRule)]
    assert [(rule.line, rule.name) for rule in rules] == [(1, "one"), (5, "two")]


def test_an_include_is_named(tmp_path: Path) -> None:
    """A line that names another file is given as such."""
    (tmp_path / "gate").write_text("@include common-auth\naccount substack other\n")
    assert parse_file(tmp_path / "gate") == [
        Include(tmp_path / "gate", 1, "", "common-auth"),
        Include(tmp_path / "gate", 2, "account", "other", substack=True),
    ]


@pytest.mark.parametrize("inner", ["@include gate\n", "@include gate\n@include gate\n"])
def test_a_circle_ends(tmp_path: Path, inner: str) -> None:
    """Files that include each other are refused soon, also where each does so twice."""
    with pytest.raises(UnreadableStack, match="too many includes"):
        stack(tmp_path, gate=inner)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """An include of nothing names the file."""
    with pytest.raises(UnreadableStack, match=f"{tmp_path}/gone: no such file"):
        stack(tmp_path, gate="@include gone\n")


def test_a_control_in_brackets_needs_no_blank_behind(tmp_path: Path) -> None:
    """A line whose bracket ends right before the module is read as libpam reads it; an open bracket is no rule."""
    (tmp_path / "gate").write_text("auth [success=ok default=die]one.so x\nauth [success=ok two.so\n")
    (rule,) = parse_file(tmp_path / "gate")
    assert isinstance(rule, StackRule)
    assert (rule.control, rule.module, rule.arguments) == ("[success=ok default=die]", "one.so", "x")


def test_debians_include_takes_one_name(tmp_path: Path) -> None:
    """A word behind the name of an included file does not matter, and neither does a hyphen before."""
    (tmp_path / "gate").write_text("@include common-auth too\n-@include common-auth\n")
    assert parse_file(tmp_path / "gate") == [
        Include(tmp_path / "gate", 1, "", "common-auth"),
        Include(tmp_path / "gate", 2, "", "common-auth"),
    ]
