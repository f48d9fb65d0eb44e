"""Keys to sign with: ed25519, private ones as PEM in files of their own, public ones as `ed25519:…` in settings.

Archives of packs and records of results are signed with keys of the same form; `flowra pack key` makes one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from flowra.exceptions import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["KEY_PREFIX", "key_id", "new_key", "public_key", "raw_public_key", "read_key_file", "read_private_key"]

#: What a public key begins with, where people read and write it.
KEY_PREFIX = "ed25519:"
_MAKE_ONE = "make one with  flowra pack key FILE"


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
    return public_key(key)


def read_key_file(path: Path) -> bytes:
    """Return what is in the file of a private key.

    Raises:
        UsageError: It can't be read, or others than its owner can read it.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        content = path.read_bytes()
    except OSError as error:
        raise UsageError("the key can't be read", where=str(path), why=error.strerror) from error
    if os.name == "posix" and mode & 0o077:
        raise UsageError(
            "others can read the key", where=str(path), why=f"its mode is {mode:o}", fix=f"chmod 600 {path}"
        )
    return content


def read_private_key(content: bytes, where: str) -> Ed25519PrivateKey:
    """Return the private key that a PEM text holds.

    Args:
        content: The text.
        where: What it was read from, for the error.

    Raises:
        UsageError: It holds none, or one of another kind.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as error:
        raise UsageError(
            "this is no key", where=where, why=str(error), fix="make one with  flowra pack key FILE"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError("the key is of another kind", where=where, fix=_MAKE_ONE)
    return key


def public_key(key: Ed25519PrivateKey) -> str:
    """Return the public half of a private key, as `ed25519:…`."""
    return KEY_PREFIX + base64.b64encode(key.public_key().public_bytes_raw()).decode()


def raw_public_key(public: str) -> bytes:
    """Return the 32 bytes of a public key.

    Raises:
        ValueError: The text is none.
    """
    if not public.startswith(KEY_PREFIX):
        raise ValueError(f"a public key begins with {KEY_PREFIX}")
    try:
        raw = base64.b64decode(public.removeprefix(KEY_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a public key is base64") from error
    if len(raw) != 32 or base64.b64encode(raw).decode() != public.removeprefix(KEY_PREFIX):
        raise ValueError("a public key has 32 bytes")
    return raw


def key_id(public: str) -> str:
    """Return the short name of a public key: the beginning of its SHA-256."""
    return hashlib.sha256(raw_public_key(public)).hexdigest()[:16]
