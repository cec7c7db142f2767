"""The provider section becomes the provider."""

from pathlib import Path

import pytest

from pushgate.build_provider import build_provider, class_of, provider_credentials, provider_faults
from pushgate.clock import FakeClock
from pushgate.errors import ConfigurationError
from pushgate.providers.logintc import LoginTc
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


def test_the_authoritys_files_may_be_made_later(private_folder: Path) -> None:
    """An administrator who checks a configuration before its first start reads nothing of keys that are made then."""
    settings = load_settings(write_config(private_folder, PROVIDER, RADIUS)).provider
    assert isinstance(settings, LoginTcSettings)
    assert class_of(settings) is LoginTc
    (private_folder / "api.key").unlink()
    assert provider_faults(settings, private_folder) == []
    assert [problem.message.rpartition("/")[2][:7] for problem in provider_faults(settings)] == ["api.key"]
