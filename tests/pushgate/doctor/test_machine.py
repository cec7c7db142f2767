"""The machine is read without being changed."""

from pathlib import Path

from pushgate.doctor.machine import Machine, run_program, write_fault


def test_programs_are_run_without_a_shell() -> None:
    """A program gets its arguments as they are, and nothing of our environment."""
    output = run_program(["printf", "%s", "$HOME; echo x"])
    assert output is not None
    assert (output.status, output.text) == (0, "$HOME; echo x")
    environment = run_program(["env"])
    assert environment is not None
    assert sorted(line.partition("=")[0] for line in environment.text.splitlines()) == ["LC_ALL", "PATH"]


def test_a_program_that_is_missing() -> None:
    """A program that is not installed says nothing."""
    assert run_program(["no-such-program-at-all"]) is None


def test_files_are_below_the_root(tmp_path: Path) -> None:
    """A machine in a folder has its files there."""
    machine = Machine(root=tmp_path)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/shadow").write_text("root:x:\n")
    assert machine.read("/etc/shadow") == "root:x:\n"
    assert machine.read("/etc/passwd") is None
    assert machine.stack_folders[0] == tmp_path / "etc/pam.d"


def test_who_may_write(private_folder: Path) -> None:
    """A file or folder that others can write, or that is missing, is named."""
    file = private_folder / "file"
    file.touch(mode=0o600)
    assert write_fault(file) is None
    assert write_fault(private_folder) is None
    file.chmod(0o666)
    fault = write_fault(file)
    assert fault is not None
    assert "writable by others" in fault.message
    missing = write_fault(private_folder / "missing")
    assert missing is not None
    assert "no such file" in missing.message
    shared = private_folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    (shared / "file").touch(mode=0o600)
    assert write_fault(shared) is not None
    assert write_fault(shared / "file") is not None


def test_a_link_is_followed_to_where_it_leads(private_folder: Path) -> None:
    """A link in a safe folder to a file in an unsafe one is as unsafe as that."""
    unsafe = private_folder / "unsafe"
    unsafe.mkdir()
    (unsafe / "module.so").touch(mode=0o644)
    link = private_folder / "module.so"
    link.symlink_to(unsafe / "module.so")
    assert write_fault(link) is None
    unsafe.chmod(0o777)
    assert write_fault(link) is not None
