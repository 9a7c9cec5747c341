"""Connections as the API speaks them. **No secret is ever in an answer.**"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, SecretStr, StringConstraints, model_validator

from schemas.api.fields import AnyJson, Text, Wire
from schemas.api.page import Page

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=1024)]


class Secrets(Wire):
    secret: Secret | None = Field(None, description="The secret that the provider signs with.")
    secrets: list[Secret] | None = Field(
        None, min_length=1, max_length=5, description="In place of `secret`, where several are valid at once."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Secrets:
        if self.secret is not None and self.secrets is not None:
            raise ValueError("give `secret` or `secrets`, not both")
        return self

    @property
    def given(self) -> list[str] | None:
        """The secrets in clear; None where none were given."""
        found = self.secrets if self.secret is None else [self.secret]
        return None if found is None else [secret.get_secret_value() for secret in found]


class ConnectionCreate(Secrets):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "second-shop", "provider": "shopify", "secret": "the secret that the shop shows"}],
            "oneOf": [{"required": ["secret"]}, {"required": ["secrets"]}],
        }
    )

    name: Name = Field(description="Its address is `/webhooks/{name}`.")
    provider: Text = Field(examples=["stripe", "shopify", "woocommerce", "standard"])
    settings: AnyJson = Field({}, examples=[{}])

    @model_validator(mode="after")
    def _guarded(self) -> ConnectionCreate:
        if self.given is None:
            raise ValueError("a connection needs a secret")
        return self


class ConnectionPatch(Secrets):
    keep_old: bool = Field(False, description="Put the new secrets before the old ones, which stay valid (rotation).")
    end_old: bool = Field(
        False, description="End every secret but the newest, once the provider signs with that (rotation is over)."
    )
    settings: AnyJson | None = Field(None, description="In place of all settings.")

    @model_validator(mode="after")
    def _ends(self) -> ConnectionPatch:
        if self.end_old and self.given is not None:
            raise ValueError("`end_old` ends what is there: give no secret with it")
        return self


class ConnectionBody(Wire):
    id: str
    name: str
    provider: str
    path: str = Field(description="Where the provider posts to, below this instance's address.")
    settings: dict[str, Any]
    secrets: int = Field(description="How many secrets are valid now. What they are is never shown.")
    version: int
    created_at: datetime
    updated_at: datetime


class ConnectionPage(Page[ConnectionBody]):
    pass
