"""Secrets at rest: encrypted with the first of the secret keys, readable with any of them (rotation)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from worker.errors import UserError


class Vault:
    """Encrypts and decrypts lists of secrets. `keys`: any text; a 256-bit key is derived from each."""

    def __init__(self, keys: Sequence[str]) -> None:
        usable = [key.strip() for key in keys if key.strip()]
        if not usable:
            raise UserError(
                "There is no secret key.", remedy="Set DAYBOOK_SECRET_KEY, or let `daybook up` make DIR/secret-key."
            )
        self._fernet = MultiFernet([Fernet(_derived(key)) for key in usable])

    def seal(self, secrets: Sequence[str]) -> bytes:
        return self._fernet.encrypt(msgspec.json.encode(list(secrets)))

    def open(self, sealed: bytes) -> tuple[str, ...]:
        try:
            return msgspec.json.decode(self._fernet.decrypt(sealed), type=tuple[str, ...])
        except InvalidToken:
            raise UserError(
                "A stored secret cannot be read with the secret keys given.",
                remedy="Give the key it was encrypted with in DAYBOOK_SECRET_KEY, after the new one and a comma.",
            ) from None


def _derived(key: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.blake2b(key.encode(), digest_size=32, person=b"daybook-vault").digest())
