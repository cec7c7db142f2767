"""Codes that this machine checks by itself."""

from pathlib import Path

from .common import AbsolutePath, Section


class OfflineSettings(Section):
    """Where the codes are kept that open while nobody can be asked."""

    file: AbsolutePath = Path("/var/lib/pushgate/offline.db")
