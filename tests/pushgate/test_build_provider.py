"""The provider section becomes the provider."""

from pathlib import Path

import pytest

from pushgate.build_provider import build_provider, provider_credentials
from pushgate.clock import FakeClock
from pushgate.errors import ConfigurationError
from pushgate.sections.provider import LoginTcSettings
from pushgate.settings import load_settings
from tests.support.config import PROVIDER, RADIUS, write_config


async def test_the_provider_is_built_from_its_files(private_folder: Path) -> None:
    """A daemon reads the key and the domain from the files that the section names."""
    settings = load_settings(write_config(private_folder, PROVIDER, RADIUS)).provider
    assert isinstance(settings, LoginTcSettings)
    assert provider_credentials(settings) == ("k" * 64, "d" * 40)
    provider = build_provider(settings, FakeClock())
    assert provider.name == "provider"
    await provider.close()


def test_a_key_that_others_can_read_is_refused(private_folder: Path) -> None:
    """A daemon whose API key everybody could have read does not use it."""
    settings = load_settings(write_config(private_folder, PROVIDER, RADIUS)).provider
    assert isinstance(settings, LoginTcSettings)
    (private_folder / "api.key").chmod(0o644)
    with pytest.raises(ConfigurationError, match="readable by others"):
        provider_credentials(settings)
