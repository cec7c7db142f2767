"""A good configuration, and the faults of a bad one."""

from pathlib import Path

import pytest

from pushgate.errors import ConfigurationError
from pushgate.settings import Settings, load_settings

GOOD = """\
provider:
  type: logintc
  url: https://cloud.logintc.com
  api_key_file: /etc/pushgate/api.key
  domain_id: 9120580e94f134cb7c9f27cd1e43dbc82980e152
radius:
  listen: ["127.0.0.1:1812", "[::1]:1812"]
  first_factor: none
  clients:
    - {name: vpn, address: 192.0.2.0/24, secret_file: /etc/pushgate/vpn.secret}
pam:
  services:
    sshd:
    sudo: {if_unreachable: accept}
"""


def load(folder: Path, text: str, mode: int = 0o600) -> Settings:
    """Load a configuration file with this text."""
    path = folder / "pushgate.yaml"
    path.write_text(text)
    path.chmod(mode)
    return load_settings(path)


def faults(folder: Path, text: str) -> list[str]:
    """The faults of a configuration, without the folder."""
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text)
    return [problem.message.replace(f"{folder}/", "") for problem in caught.value.problems]
