"""Where everything lies that is read or written; tests put all of it into folders of their own."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pam_module.processes import PROC


@dataclass(frozen=True, slots=True)
class Places:
    """The machine's folders and programs."""

    pam_folder: Path = Path("/etc/pam.d")
    ssh_folder: Path = Path("/etc/ssh")
    state: Path = Path("/var/lib/pushgate/pam")
    """Ours alone: backups, the lock, the trial. Not in ``/etc/pam.d``, where each file name is a service."""
    module: Path = Path("/usr/lib/pushgate/pam_pushgate.so")
    shadow: Path = Path("/etc/shadow")
    sshd: Path = Path("/usr/sbin/sshd")
    systemctl: Path = Path("/usr/bin/systemctl")
    systemd_run: Path = Path("/usr/bin/systemd-run")
    systemd: Path = Path("/run/systemd/system")
    """There while systemd is the init system: sd_booted(3)."""
    proc: str = PROC
    owner: int = 0
    """Whose files are trusted, and who may change them."""

    @property
    def sshd_config(self) -> Path:
        """The file that sshd reads first."""
        return self.ssh_folder / "sshd_config"

    @property
    def drop_in(self) -> Path:
        """Our part of sshd's configuration."""
        return self.ssh_folder / "sshd_config.d" / "pushgate.conf"

    @property
    def backups(self) -> Path:
        """What the files were before they were changed."""
        return self.state / "backup"

    @property
    def trial(self) -> Path:
        """What is undone unless somebody confirms it."""
        return self.state / "trial.json"

    @property
    def lock(self) -> Path:
        """Held by whoever changes something."""
        return self.state / "lock"

    def to_json(self) -> dict[str, Any]:
        """Write them down."""
        return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Places":
        """Read them again."""
        plain = {"proc", "owner"}
        values: dict[str, Any] = {key: value if key in plain else Path(value) for key, value in data.items()}
        return cls(**values)
