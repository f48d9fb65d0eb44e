"""The certificate by which the processes of a cluster know each other, and where it is kept."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from flowra.config.files import user_folder
from flowra.exceptions import ClusterError
from flowra.execute.cluster.connection import distributed_library

__all__ = ["Certificates", "kept_certificates", "make_certificates"]

#: How long a certificate counts. It is trusted by nothing but the clusters of those who hold its key.
_VALID = timedelta(days=3650)


@dataclass(frozen=True)
class Certificates:
    """Files in PEM format.

    Attributes:
        ca: What the certificates of others have to be signed by.
        certificate: The own certificate.
        key: Its private key. Who has it can run code on the cluster.
    """

    ca: Path
    certificate: Path
    key: Path

    def security(self) -> Any:
        """Return dask's form of it.

        Raises:
            ClusterError: A file can't be read.
        """
        for path in (self.ca, self.certificate, self.key):
            try:
                path.open("rb").close()
            except OSError as error:
                raise ClusterError(
                    "a certificate of the cluster can't be read",
                    where=str(path),
                    why=error.strerror or str(error),
                    fix="name the files with --certificate, --key and --ca, or copy them from the first machine",
                ) from error
        own = {
            f"tls_{role}_{part}": str(path)
            for role in ("scheduler", "worker", "client")
            for part, path in (("cert", self.certificate), ("key", self.key))
        }
        return distributed_library().Security(require_encryption=True, tls_ca_file=str(self.ca), **own)

    def to_json(self) -> dict[str, str]:
        """Return the files' paths as plain data."""
        return {"ca": str(self.ca), "certificate": str(self.certificate), "key": str(self.key)}

    @staticmethod
    def from_json(data: dict[str, str]) -> Certificates:
        """Return what `to_json` gave."""
        return Certificates(Path(data["ca"]), Path(data["certificate"]), Path(data["key"]))


def _place() -> Certificates:
    folder = user_folder() / "cluster"
    return Certificates(folder / "cluster.pem", folder / "cluster.pem", folder / "cluster.key")


def kept_certificates() -> Certificates | None:
    """Return the certificate that is kept for this user's clusters; None where there is none."""
    place = _place()
    return place if place.key.is_file() and place.certificate.is_file() else None


def make_certificates() -> Certificates:
    """Make a certificate that signs itself, and keep it where `kept_certificates` finds it, for this user alone."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "flowra-cluster")])
    now = datetime.now(timezone.utc)
    public = key.public_key()
    usage = dict.fromkeys(("key_encipherment", "data_encipherment", "content_commitment", "crl_sign"), False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        # Clocks of two machines are never quite the same.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
                **usage,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    place = _place()
    place.key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(place.key, secret)
    _write(place.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    return place


def _write(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
