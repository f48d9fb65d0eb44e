"""Signatures: ed25519 over the bytes of RECORD.json, which names every file by its digest."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flowra.config.signing_keys import key_id, public_key, raw_public_key, read_key_file, read_private_key
from flowra.pack.nodebin.json_bytes import json_bytes, parse_json
from flowra.pack.nodebin.record import SIGNATURES

__all__ = ["SignatureStatus", "Verdict", "check_signatures", "signer"]

_FORMAT = "nodebin-signature/1"

#: valid-trusted: signed by a key of the trust list; valid-unknown: whole, signed by a key that nobody vouches for;
#: absent: not signed; tampered: a signature that does not fit.
SignatureStatus = Literal["valid-trusted", "valid-unknown", "absent", "tampered"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the signatures of an archive come to.

    Attributes:
        status: See `SignatureStatus`.
        keys: The public keys that signed it, as `ed25519:…`, those that count first.
    """

    status: SignatureStatus
    keys: tuple[str, ...] = ()


def signer(path: Path) -> Callable[[bytes], tuple[str, bytes]]:
    """Return what signs a record with the private key in a file: it gives the name and bytes of the signature.

    Raises:
        UsageError: The file is no such key, or others than its owner can read it.
    """
    key = read_private_key(read_key_file(path), str(path))
    public = public_key(key)

    def sign(record: bytes) -> tuple[str, bytes]:
        signature = base64.b64encode(key.sign(record)).decode()
        document = {"format": _FORMAT, "key": public, "signature": signature}
        return f"{SIGNATURES}{key_id(public)}.sig", json_bytes(document)

    return sign


def check_signatures(record: bytes, signatures: Mapping[str, bytes], trusted: Collection[str]) -> Verdict:
    """Say what the signatures of an archive come to.

    Args:
        record: The bytes of RECORD.json.
        signatures: The signature documents, by key id.
        trusted: Public keys that the user trusts, as `ed25519:…`.
    """
    if not signatures:
        return Verdict("absent")
    keys = []
    for name, content in signatures.items():
        public = _verified(name, content, record)
        if public is None:
            return Verdict("tampered")
        keys.append(public)
    known = [key for key in keys if key in trusted]
    return Verdict("valid-trusted", tuple(known)) if known else Verdict("valid-unknown", tuple(keys))


def _verified(name: str, content: bytes, record: bytes) -> str | None:
    """Return the public key of a signature that fits, or None."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        document = parse_json(content)
        if not isinstance(document, dict) or document.keys() != {"format", "key", "signature"}:
            return None
        public = str(document["key"])
        if document["format"] != _FORMAT or key_id(public) != name:
            return None
        signature = base64.b64decode(str(document["signature"]), validate=True)
        Ed25519PublicKey.from_public_bytes(raw_public_key(public)).verify(signature, record)
    except (ValueError, InvalidSignature):
        return None
    return public
