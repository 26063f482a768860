"""What an installation sets: from the environment (`SERENO_…`), over a `sereno.toml`, over the defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal
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

if TYPE_CHECKING:
    from sereno.promql.plan import Settings as PromqlSettings

SECOND = timedelta(seconds=1)


class Settings(BaseSettings):
    """The settings of one control plane. Every name is also an environment variable with `SERENO_` before it."""

    model_config = SettingsConfigDict(env_prefix="SERENO_", toml_file="sereno.toml", frozen=True, extra="forbid")

    spec: Path = Path("reliability")
    """The folder of the spec."""
    environment: str = ""
    """Which of the environments that the spec declares this is; without one its own words hold."""
    data_dir: Path = Path(".sereno")
    """Where state, samples, the secret key and the operator's token lie."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = Field(default=8420, ge=0, le=65535)
    """The port to listen on."""
    public_url: str = ""
    """How people reach this installation (`https://sereno.shop.example`): it stands in every message and link."""
    database: SecretStr | None = None
    """A `postgresql://` address; without it the state lives in `data_dir`/state.db."""
    prometheus: str | None = None
    """A Prometheus to read samples from; without it the embedded scraper and store do the work."""
    prometheus_token: SecretStr | None = None
    """A bearer token for that Prometheus."""
    evaluation_interval: timedelta = Field(default=timedelta(seconds=15), ge=SECOND)
    """How often rules are evaluated."""
    promql_dialect: Literal[2, 3] = 3
    """The major version of Prometheus whose PromQL is computed: 3, or 2 as 2.42 does."""
    promql_features: tuple[str, ...] = ()
    """What of version 3 is switched on besides, by Prometheus's own names (`promql-experimental-functions`)."""
    rule_files: tuple[str, ...] = ()
    """Prometheus rule files to run: patterns (`rules/*.yml`, `**/*.rules.yaml`) that count from the spec's folder."""
    rules_service: str = ""
    """The service whose people are asked for an alert from a rule file that names none; by default the spec's first."""
    rules_severity: str = "warning"
    """The severity of an alert from a rule file that has none."""
    budget_interval: timedelta = Field(default=timedelta(seconds=60), ge=SECOND)
    """How often budgets are counted."""
    settle: timedelta = Field(default=timedelta(seconds=60), ge=timedelta(0))
    """How long an automatic incident must stay quiet before it resolves by itself."""
    retention: timedelta = Field(default=timedelta(days=45), ge=timedelta(hours=1))
    """How long the embedded store keeps every sample. What is older is thinned, see `retention_5m`."""
    retention_5m: timedelta = Field(default=timedelta(days=365), ge=timedelta(0))
    """How long it keeps, of every five minutes, the first, last, lowest and highest sample and the resets of counters:
    increases over such steps stay exact."""
    retention_1h: timedelta = Field(default=timedelta(days=1825), ge=timedelta(0))
    """How long it keeps the same of every hour."""
    retention_bytes: int = Field(default=0, ge=0)
    """How large its file may grow before the oldest samples are forgotten sooner; 0: no bound."""
    out_of_order_window: timedelta = Field(default=timedelta(hours=2), ge=timedelta(0))
    """How much older than the latest of its series a sample that is sent may be."""
    honor_timestamps: bool = True
    """Keep a target's samples that carry a timestamp at it, as Prometheus does; off: at the instant of the scrape."""
    state_retention: timedelta = Field(default=timedelta(days=400), ge=timedelta(days=1))
    """How long heard events, finished messages, resolved alerts and the audit log are kept. Pages, incidents,
    timelines and the public's intervals are kept for ever."""
    query_concurrency: int = Field(default=2, ge=1, le=64)
    """How many questions of people and dashboards (the query API, Explore) are computed at once; others wait in line.
    Rules are not among them."""
    query_timeout: timedelta = Field(default=timedelta(seconds=30), ge=SECOND)
    """How long such a question may take."""
    query_samples: int = Field(default=20_000_000, ge=1)
    """How many samples such a question may read, and values compute, at any one time (16 bytes each)."""
    query_series: int = Field(default=20_000, ge=1)
    """How many series one of its selectors may find."""
    query_steps: int = Field(default=250_000, ge=1)
    """How many instants it may be computed at, those inside a subquery included."""
    receive_bytes: int = Field(default=16 << 20, ge=1 << 16, le=1 << 28)
    """How large one request with samples (remote write, OTLP) may be once unpacked; half of it as it is sent."""
    receive_samples: int = Field(default=200_000, ge=1)
    """How many samples it may hold."""
    receive_labels: int = Field(default=64, ge=1, le=1024)
    """How many labels one of its series may have."""
    receive_label_bytes: int = Field(default=16_384, ge=1)
    """How long the value of a label may be."""
    receive_ahead: timedelta = Field(default=timedelta(minutes=10), ge=timedelta(0))
    """How far a sender's clock may be ahead of ours: samples further ahead are refused."""
    otlp_promote: tuple[str, ...] = ()
    """Resource attributes of OpenTelemetry that become labels of every series (all others are on `target_info`)."""
    otlp_scopes: bool = True
    """Whether the instrumentation scope of OpenTelemetry becomes labels (`otel_scope_name` …)."""
    language: Language = "en"
    """The language of what has no reader of its own: alert texts, drafts. People and status pages have theirs."""
    session_hours: float = Field(default=12, gt=0)
    """Hours without a request after which a console session ends."""
    smtp_host: str | None = None
    """The server that takes mail. Without it mail fails at once and the person's next contact is tried."""
    smtp_port: int = 587
    """Its port."""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """`starttls` (must succeed), `tls` (from the first byte) or `none`."""
    smtp_user: str | None = None
    """The name to sign in to it with, if it wants one."""
    smtp_password: SecretStr | None = None
    """The password for that."""
    smtp_from: str = "sereno@localhost"
    """The sender of mails."""
    secret: SecretStr | None = Field(default=None, min_length=16)
    """The key that signs links and protects sessions; without it one is made in the data folder. Replicas share it."""
    webhook_secret: SecretStr | None = None
    """The key that signs webhooks; without it they are not signed."""
    sms_gateway: SecretStr | None = None
    """The address that short texts are posted to. Without it SMS fails at once and the next contact is tried."""
    phone_gateway: SecretStr | None = None
    """The address that calls are posted to: it speaks the text to the number."""
    push_gateway: SecretStr | None = None
    """The address that notifications for devices are posted to."""
    gateway_token: SecretStr | None = None
    """What these gateways are told as `Authorization: Bearer …`."""
    allow_private: bool = False
    """Let webhooks go to private and loopback addresses. Off, so that nobody steers them at inner services."""
    allowed_hosts: tuple[str, ...] = ()
    """Hosts and CIDR ranges that webhooks may reach even though they are private."""

    @field_validator(
        "evaluation_interval", "budget_interval", "settle", "retention", "retention_5m", "retention_1h",
                     "out_of_order_window", "state_retention", "query_timeout",
                     "receive_ahead",
        mode="before",
    )  # fmt: skip
    @classmethod
    def _duration(cls, value: object) -> object:
        return parse_duration(value) if isinstance(value, str) else value

    @field_validator("promql_dialect", mode="before")
    @classmethod
    def _dialect(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @field_validator("promql_features")
    @classmethod
    def _features(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from sereno.promql.dialect import Features

        try:
            Features.of(value)
        except UsageError as error:
            raise ValueError(f"{error.message}; {error.hint}") from None
        return value

    @property
    def promql(self) -> PromqlSettings:
        """How every expression of this installation is computed; a subquery without a step goes by the rules' own."""
        from sereno.promql.dialect import Features
        from sereno.promql.plan import Settings as PromqlSettings

        return PromqlSettings(
            subquery_step_ms=self.evaluation_interval // timedelta(milliseconds=1),
            dialect=self.promql_dialect,
            features=Features.of(self.promql_features),
        )

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
