"""Who signs the records that a store is given, and whose records it believes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from flowra.exceptions import UsageError, printable
from flowra.storage.remote.envelope import Envelope, Signature, signed_bytes

__all__ = ["RecordKeys"]


@dataclass(frozen=True)
class RecordKeys:
    """Who signs, and who is trusted.

    Attributes:
        sign: Signs bytes; None to sign nothing.
        trusted: The public keys that are believed, 32 bytes each, one's own among them; None to believe everyone.
    """

    sign: Callable[[bytes], Signature] | None = None
    trusted: frozenset[bytes] | None = None

    @classmethod
    def of(cls, key: bytes | None = None, trusted: Collection[str] = ()) -> RecordKeys:
        """Return the keys that settings name.

        Args:
            key: A private key as PEM, as `flowra pack key` makes it; None to sign nothing.
            trusted: Public keys, as `ed25519:…`; empty to believe everyone.

        Raises:
            UsageError: One of them is no such key.
        """
        from flowra.config.signing_keys import read_private_key

        believed = set(map(_trusted_key, trusted))
        if key is None:
            return cls(None, frozenset(believed) or None)
        private = read_private_key(key, "result_key")
        public = private.public_key().public_bytes_raw()

        def sign(content: bytes) -> Signature:
            return Signature(public, private.sign(content))

        return cls(sign, frozenset({*believed, public}) if believed else None)

    @classmethod
    def from_settings(cls) -> RecordKeys:
        """Return the keys in the settings `result_key` and `result_signers`, and in the secret `result_key`.

        Raises:
            UsageError: One of them is no such key, or can't be read.
        """
        from flowra.config.secrets import read_secret
        from flowra.config.settings import load_settings
        from flowra.config.signing_keys import read_key_file

        settings = load_settings()
        if settings.result_key is not None:
            key: bytes | None = read_key_file(settings.result_key)
        else:
            secret = read_secret("result_key")
            key = None if secret is None else _as_pem(secret)
        return cls.of(key, settings.result_signers)

    def trust(self, key: bytes, envelope: Envelope) -> bool:
        """Tell whether a record is to be believed."""
        if self.trusted is None:
            return True
        if envelope.signature is None or envelope.signature.public not in self.trusted:
            return False
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            verifier = Ed25519PublicKey.from_public_bytes(envelope.signature.public)
            verifier.verify(envelope.signature.signature, signed_bytes(key, envelope.content))
        except (InvalidSignature, ValueError):
            return False
        return True


def _trusted_key(text: str) -> bytes:
    from flowra.config.signing_keys import raw_public_key

    try:
        return raw_public_key(text)
    except ValueError as error:
        raise UsageError(
            "a key that is to be trusted is none",
            where="the setting result_signers",
            why=f"{printable(text, 80)}: {error}",
            fix="write the whole key, as `flowra pack key` printed it: ed25519:…",
        ) from error


def _as_pem(secret: str) -> bytes:
    """Return the PEM text of a secret: that is one line, so the line between the first and the last is enough."""
    if "-----" in secret:
        return secret.encode()
    return f"-----BEGIN PRIVATE KEY-----\n{secret.strip()}\n-----END PRIVATE KEY-----\n".encode()
