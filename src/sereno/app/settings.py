"""What an installation sets: from the environment (`SERENO_…`), over a `sereno.toml`, over the defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from sereno.kernel.duration import parse_duration
from sereno.kernel.errors import UsageError
from sereno.kernel.message import Language

SECOND = timedelta(seconds=1)


class Settings(BaseSettings):
    """The settings of one control plane. Every name is also an environment variable with `SERENO_` before it."""

    model_config = SettingsConfigDict(env_prefix="SERENO_", toml_file="sereno.toml", frozen=True, extra="forbid")

    spec: Path = Path("reliability")
    data_dir: Path = Path(".sereno")
    host: str = "127.0.0.1"
    port: int = Field(default=8420, ge=0, le=65535)
    public_url: str = ""
    database: SecretStr | None = None
    """A `postgresql://` address; without it the state lives in `data_dir`/state.db."""
    prometheus: str | None = None
    """A Prometheus to read samples from; without it the embedded scraper and store do the work."""
    prometheus_token: SecretStr | None = None
    evaluation_interval: timedelta = Field(default=timedelta(seconds=15), ge=SECOND)
    budget_interval: timedelta = Field(default=timedelta(seconds=60), ge=SECOND)
    settle: timedelta = timedelta(seconds=60)
    """How long an automatic incident must stay quiet before it resolves by itself."""
    retention: timedelta = Field(default=timedelta(days=45), ge=timedelta(hours=1))
    language: Language = "en"
    session_hours: float = Field(default=12, gt=0)
    smtp_host: str | None = None
    smtp_port: int = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: str = "sereno@localhost"
    webhook_secret: SecretStr | None = None
    allow_private: bool = False
    """Let webhooks go to private and loopback addresses. Off, so that nobody steers them at inner services."""
    allowed_hosts: tuple[str, ...] = ()
    """Hosts and CIDR ranges that webhooks may reach even though they are private."""

    @field_validator("evaluation_interval", "budget_interval", "settle", "retention", mode="before")
    @classmethod
    def _duration(cls, value: object) -> object:
        return parse_duration(value) if isinstance(value, str) else value

    @field_validator("prometheus", "public_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://none")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an http:// or https:// address is wanted")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the caller says, over the environment, over `sereno.toml`."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def address(self) -> str:
        """The address that people and messages use, without a slash at its end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


def resolve_address(address: str) -> str:
    """A contact's address, with `env:NAME` replaced by that environment variable ('' when it is not set)."""
    return os.environ.get(address[4:], "") if address.startswith("env:") else address


def load_settings(given: Mapping[str, object] | None = None) -> Settings:
    """The settings, `given` first. Raises UsageError naming every wrong one."""
    try:
        return Settings(**dict(given or {}))  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        raise UsageError("the settings are wrong: " + "; ".join(wrong)) from error
    except SettingsError as error:  # a list in the environment that is none
        raise UsageError(f"the settings are wrong: {error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"sereno.toml cannot be read: {error}") from error
