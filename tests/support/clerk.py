"""Configuration files with the provider ``clerk``."""

from pathlib import Path

from tests.simulators.clerk import SECRET_KEY
from tests.support.gate import write_private

ENROLLED = "mode: reverify-enrolled, session_folder: {folder}/sessions, session_key_file: {folder}/sessions.key"


def write_clerk_config(folder: Path, url: str, more: str = "") -> Path:
    """Write a configuration for a simulator; returns its path."""
    write_private(folder / "clerk.key", SECRET_KEY.encode())
    write_private(folder / "sessions.key", b"s" * 32)
    (folder / "sessions").mkdir(mode=0o700, exist_ok=True)
    keys = [f"type: clerk, secret_key_file: {folder}/clerk.key, api_url: {url}/v1"]
    if more:
        keys.append(more.format(folder=folder, url=url))
    path = folder / "pushgate.yaml"
    write_private(path, f"provider: {{{', '.join(keys)}}}\npam: {{services: {{sshd: {{}}}}}}\n".encode())
    return path
