"""Settings: every one of them an environment variable, typed, checked once at the start of a process.

The descriptions below are what the generated settings reference says. Nothing else in Daybook reads the environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from worker.errors import UserError

PREFIX = "DAYBOOK_"
PROVIDERS_WITH_SECRETS = ("stripe", "shopify", "woocommerce", "standard")


def _plain(name: str, **more: Any) -> Any:
    """A setting whose variable has no `DAYBOOK_` in front, since other programs know it by that name."""
    return Field(validation_alias=AliasChoices(name), **more)


Seconds = Annotated[float, Field(gt=0, le=86_400)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Bytes = Annotated[int, Field(ge=1024, le=16 * 1024**3)]


class Settings(BaseSettings):
    """All settings of a process. Use `load` to read them: it turns a bad value into one sentence."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, populate_by_name=True, frozen=True, extra="forbid"
    )

    # Where things are
    port: int = _plain(
        "PORT", default=8080, ge=0, le=65_535, description="Port of the receiver; 0 takes a free one and prints it."
    )
    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address that the receiver listens on; 0.0.0.0 for all."
    )
    listen_fd: int | None = Field(
        default=None,
        ge=3,
        description="Number of an inherited, listening socket to use in place of host and port; `daybook up` sets it, "
        "so that a restarted receiver keeps its port and no connection is refused meanwhile.",
    )
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65_534,  # the next one must exist, too
        description="Port on which a receiver or worker serves /metrics, /healthz and /readyz: never the public one. 0 "
        "takes a free one; without it nothing is served. `daybook up` takes it for the receiver and the next one for "
        "the worker, or two free ones.",
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address that the metrics port listens on. What it says is not for strangers.",
    )
    metrics_fd: int | None = Field(
        default=None,
        ge=3,
        description="Number of an inherited, listening socket in place of the metrics host and port; `daybook up` sets "
        "it.",
    )
    data: Path = Field(
        default=Path(".daybook"), description="Directory for the secret key, the admin token and the embedded servers."
    )
    database_url: str | None = _plain(
        "DATABASE_URL",
        default=None,
        repr=False,
        description="PostgreSQL to use. Without it `daybook up` runs one of its own.",
    )
    redis_url: str | None = _plain(
        "REDIS_URL",
        default=None,
        repr=False,
        description="Redis or Valkey to use. Without it `daybook up` runs a Valkey of its own.",
    )

    # Secrets
    secret_key: SecretStr | None = Field(
        default=None,
        description="Keys that encrypt secrets at rest, separated by commas: the first encrypts, all decrypt. Without "
        "it the file `secret-key` in the data directory is used.",
    )
    stripe_api_key: SecretStr | None = _plain(
        "STRIPE_API_KEY",
        default=None,
        description="Stripe's secret key. Without it a stand-in plays Stripe, marked as test.",
    )
    stripe_api_base: str = _plain(
        "STRIPE_API_BASE",
        default="https://api.stripe.com",
        description="Base address of Stripe's API, another one for tests.",
    )
    stripe_stand_in: bool = Field(
        default=False,
        description="Whether a stand-in plays Stripe at STRIPE_API_BASE: every screen says so. `daybook up` sets it.",
    )
    stripe_webhook_secret: SecretStr | None = _plain(
        "STRIPE_WEBHOOK_SECRET",
        default=None,
        description="Secrets of the connection `stripe`, separated by commas where several are valid.",
    )
    shopify_webhook_secret: SecretStr | None = _plain(
        "SHOPIFY_WEBHOOK_SECRET",
        default=None,
        description="Secrets of the connection `shopify`, separated by commas where several are valid.",
    )
    woocommerce_webhook_secret: SecretStr | None = _plain(
        "WOOCOMMERCE_WEBHOOK_SECRET",
        default=None,
        description="Secrets of the connection `woocommerce`, separated by commas where several are valid.",
    )
    standard_webhook_secret: SecretStr | None = _plain(
        "STANDARD_WEBHOOK_SECRET",
        default=None,
        description="Secrets of the connection `standard`, separated by commas where several are valid.",
    )

    # Limits of the receiver
    body_limit_bytes: Bytes = Field(
        default=1024**2, description="Largest body of a delivery; beyond it the answer is 413."
    )
    body_timeout_s: Seconds = Field(
        default=10, description="Time a body may take to arrive; beyond it the answer is 408."
    )
    keepalive_s: Seconds = Field(
        default=75,
        description="Time that headers may take to arrive, and that an idle connection is kept: longer than a reverse "
        "proxy keeps its own; 15 where the port faces the internet.",
    )
    backlog_events: Count = Field(
        default=10_000,
        description="Deliveries that may wait for their commit in one receiver; beyond it the answer is 503.",
    )
    backlog_bytes: Bytes = Field(
        default=64 * 1024**2, description="Bytes of bodies that may wait for their commit; beyond it the answer is 503."
    )
    api_rate: Annotated[float, Field(ge=0, le=1_000_000)] = Field(
        default=500,
        description="Requests a second to the API that one token may make to one receiver, and four times as many at "
        "once; beyond it the answer is 429. 0 for no limit, on failed authentication neither.",
    )
    batch_events: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=256, description="Deliveries committed together at most, and events applied together at most."
    )

    otlp_endpoint: str | None = _plain(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        default=None,
        description="Where traces go, by OTLP over HTTP; needs the extra `otel`. Its other variables hold too.",
    )

    # Charging
    charges_at_once: Annotated[int, Field(ge=1, le=16)] = Field(
        default=8, description="Charges of recurring orders that one worker has under way at once."
    )
    charges_per_s: Annotated[float, Field(gt=0, le=1000)] = Field(
        default=10,
        description="Charges that one worker begins a second at most: Stripe limits all calls of an account.",
    )

    # Applying and stopping
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        default=8, description="Attempts to apply an event before it is dead."
    )
    reconcile_every_s: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=3600,
        description="How often what Stripe lists is compared with the inbox, and what is missing put through it; also "
        "whenever a receiver starts. 0: only when asked for. Needs STRIPE_API_KEY.",
    )
    feed_days: Annotated[int, Field(ge=4, le=3650)] = Field(
        default=30,
        description="Days that events of the outgoing feed are kept, whatever became of them: what a paused subscriber "
        "has not been sent by then is lost to it.",
    )
    drain_s: Seconds = Field(default=10, description="Time that running requests and jobs get to end after SIGTERM.")

    @field_validator("secret_key", "stripe_api_key", *(f"{name}_webhook_secret" for name in PROVIDERS_WITH_SECRETS))
    @classmethod
    def _not_empty(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not parts(value):
            raise ValueError("is empty")
        return value

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: str | None) -> str | None:
        return _begins(value, "postgresql://", "postgres://")

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        return _begins(value, "redis://", "rediss://", "unix://")

    @field_validator("stripe_api_base")
    @classmethod
    def _web(cls, value: str, info: ValidationInfo) -> str:
        found = str(_begins(value, "https://", "http://")).rstrip("/")
        key = info.data.get("stripe_api_key")
        if key and "_live_" in key.get_secret_value() and urlsplit(found).scheme == "http":
            raise ValueError("should begin with https://, since the key is a live one")
        return found

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys of the vault, the encrypting one first; none when no key was given."""
        return parts(self.secret_key)

    def webhook_secrets(self, name: str) -> tuple[str, ...]:
        """The secrets that the environment gives to the connection of this name; none when it gives none."""
        return parts(getattr(self, f"{name}_webhook_secret", None))


def parts(secret: SecretStr | None) -> tuple[str, ...]:
    """The members of a comma-separated secret, without blanks."""
    if secret is None:
        return ()
    return tuple(part for part in (piece.strip() for piece in secret.get_secret_value().split(",")) if part)


def load(**given: Any) -> Settings:
    """Read the settings from the environment; `given` (by field name) wins. A bad value is a `UserError`."""
    for name, field in Settings.model_fields.items():
        # An empty variable otherwise means "not set"; for a secret it is far more likely a mistake.
        if "SecretStr" in str(field.annotation) and os.environ.get(variable(name, field), "x").strip(", ") == "":
            raise UserError(f"{variable(name, field)} is empty.", remedy="Set it to the secret, or unset it.")
    try:
        return Settings(**given)
    except ValidationError as error:
        raise UserError(_sentence(error), remedy="") from None


def variable(name: str, field: FieldInfo) -> str:
    """The environment variable that a field is read from."""
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"{PREFIX}{name}".upper()


def _begins(value: str | None, *schemes: str) -> str | None:
    if value is not None and not value.startswith(schemes):
        raise ValueError(f"should begin with {' or '.join(schemes)}")
    return value


def _sentence(error: ValidationError) -> str:
    """The first thing that is wrong, named as the person knows it. The value is shown only where it is no secret."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "?"
    known = {key.upper(): (key, field) for key, field in Settings.model_fields.items()}
    known |= {variable(key, field): (key, field) for key, field in Settings.model_fields.items()}
    key, field = known.get(name.upper(), (name, None))
    label = variable(key, field) if field else name.upper()
    reason = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    hidden = field is None or "SecretStr" in str(field.annotation) or key.endswith("_url")
    shown = "" if hidden else f"={first['input']}"
    return f"{label}{shown} is not usable: {reason}."
