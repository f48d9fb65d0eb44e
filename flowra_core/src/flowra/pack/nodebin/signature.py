"""Signatures: ed25519 over the bytes of RECORD.json, which names every file by its digest."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from flowra.exceptions import UsageError
from flowra.pack.nodebin.json_bytes import json_bytes, parse_json
from flowra.pack.nodebin.record import SIGNATURES

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["KEY_PREFIX", "SignatureStatus", "Verdict", "check_signatures", "key_id", "new_key", "signer"]

#: What a public key begins with, where people read and write it.
KEY_PREFIX = "ed25519:"
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


def new_key(path: Path) -> str:
    """Make a key pair; the private key is written to a new file that its owner alone can read.

    Returns:
        The public key, as `ed25519:…`.

    Raises:
        UsageError: The file is there already, or can't be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError("there is a file of that name", where=str(path), fix="give the key another name") from None
    except OSError as error:
        raise UsageError("the key can't be written", where=str(path), why=error.strerror) from error
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(pem)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise UsageError("the key can't be written", where=str(path), why=error.strerror) from error
    return _public(key)


def signer(path: Path) -> Callable[[bytes], tuple[str, bytes]]:
    """Return what signs a record with the private key in a file: it gives the name and bytes of the signature.

    Raises:
        UsageError: The file is no such key, or others than its owner can read it.
    """
    key = _load(path)
    public = _public(key)

    def sign(record: bytes) -> tuple[str, bytes]:
        signature = base64.b64encode(key.sign(record)).decode()
        document = {"format": _FORMAT, "key": public, "signature": signature}
        return f"{SIGNATURES}{key_id(public)}.sig", json_bytes(document)

    return sign


def key_id(public: str) -> str:
    """Return the short name of a public key: the beginning of its SHA-256."""
    return hashlib.sha256(_raw(public)).hexdigest()[:16]


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
        Ed25519PublicKey.from_public_bytes(_raw(public)).verify(signature, record)
    except (ValueError, InvalidSignature):
        return None
    return public


def _raw(public: str) -> bytes:
    """Return the bytes of a public key; ValueError where the text is none."""
    if not public.startswith(KEY_PREFIX):
        raise ValueError(f"a public key begins with {KEY_PREFIX}")
    try:
        raw = base64.b64decode(public.removeprefix(KEY_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a public key is base64") from error
    if len(raw) != 32 or base64.b64encode(raw).decode() != public.removeprefix(KEY_PREFIX):
        raise ValueError("a public key has 32 bytes")
    return raw


def _public(key: Ed25519PrivateKey) -> str:
    return KEY_PREFIX + base64.b64encode(key.public_key().public_bytes_raw()).decode()


def _load(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        content = path.read_bytes()
    except OSError as error:
        raise UsageError("the key can't be read", where=str(path), why=error.strerror) from error
    if os.name == "posix" and mode & 0o077:
        raise UsageError(
            "others can read the key", where=str(path), why=f"its mode is {mode:o}", fix=f"chmod 600 {path}"
        )
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as error:
        raise UsageError("this is no key", where=str(path), why=str(error), fix=f"flowra pack key {path}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError("the key is of another kind", where=str(path), fix="make one with  flowra pack key FILE")
    return key
