"""Configuration files for tests of commands and composition."""

from pathlib import Path

from tests.support.gate import AUTHORITY, write_private

PROVIDER = """\
provider:
  type: logintc
  url: {url}
  api_key_file: {folder}/api.key
  domain_id_file: {folder}/domain.id
"""

RADIUS = """\
radius:
  listen: ["127.0.0.1:0"]
  first_factor: none
  clients:
    - {{name: vpn, address: 127.0.0.0/8, secret_file: {folder}/radius.secret}}
"""


def named(name: str, section: str) -> str:
    """Give a provider's section a name, among ``providers``."""
    return f"providers:\n  {name}:" + section.removeprefix("provider:").replace("\n  ", "\n    ")


def write_config(folder: Path, *parts: str, url: str = "http://127.0.0.1:1", **files: str) -> Path:
    """Write a configuration of these parts, and the files that they name; returns its path."""
    for name, content in ({"api_key": "k" * 64, "domain_id": "d" * 40, "radius_secret": "r" * 32} | files).items():
        write_private(folder / name.replace("_", ".", 1), content.encode())
    path = folder / "pushgate.yaml"
    write_private(path, "".join(parts).format(folder=folder, url=url).encode())
    return path


__all__ = ["AUTHORITY", "PROVIDER", "RADIUS", "named", "write_config"]
