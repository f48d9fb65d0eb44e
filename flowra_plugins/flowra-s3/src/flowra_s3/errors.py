"""What a service or the way to it answered, as one of Flowra's errors.

obstore raises few kinds of errors; what a service said stands in their text. Of that text its status, code and message
are taken, and the kind of a failed connection; never the whole: an address in it may be signed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flowra.exceptions import StoreDeniedError, StoreError, StoreUnavailableError, printable
from flowra_s3.address import BucketAddress

__all__ = ["Said", "explained", "is_no_bucket", "read_answer"]

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,80})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,400})</Message>")
_KIND = re.compile(r"HttpError \{\s*kind: (\w+)")
#: Where credentials are fetched from: a request that failed there never was one for an object.
_CREDENTIAL_SOURCES = re.compile(
    r"https?://(?:169\.254\.|fd00:ec2|metadata\.|sts\.|oauth2\.|login\.microsoftonline)|credential provider"
)
_CERTIFICATE = re.compile(r"invalid peer certificate|UnknownIssuer|certificate verify failed|InvalidCertificate")
_NO_TLS = re.compile(r"InvalidContentType|InvalidMessage|wrong version number|CorruptMessage")

#: Codes that pass with time, whatever the status they come with.
_PASSING = {
    "BadDigest", "ConditionalRequestConflict", "IncompleteBody", "InternalError", "OperationAborted", "RequestTimeout",
    "ServerBusy", "ServiceUnavailable", "SlowDown", "Throttling", "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
}  # fmt: skip
_PASSING_STATUSES = {408, 409, 425, 429}
#: Statuses of the 500s that do not pass: not implemented, no space left.
_LASTING_STATUSES = {501, 507}
_WRONG_REGION = {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
_WRONG_KEYS = {
    "AuthenticationFailed", "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId",
    "InvalidToken", "SignatureDoesNotMatch", "TokenRefreshRequired",
}  # fmt: skip
_NO_BUCKET = {"NoSuchBucket", "ContainerNotFound", "BucketNotFound"}
_NO_OBJECT = {"NoSuchKey", "BlobNotFound"}
_CLOCK = {"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"}

_RIGHTS = {
    "s3": "let the keys do s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject in it",
    "gs": "give the account the role  Storage Object User  on the bucket",
    "az": "give the account the role  Storage Blob Data Contributor  on the container",
}
_LOG_IN = {
    "s3": "give the keys of this service in the environment, in ~/.aws or as secrets (docs: Results in S3)",
    "gs": "gcloud auth application-default login,  or set GOOGLE_APPLICATION_CREDENTIALS",
    "az": "set AZURE_STORAGE_ACCOUNT_KEY, or the variables of the way you log in by",
}


@dataclass(frozen=True, slots=True)
class Said:
    """What is known about a request that failed.

    Attributes:
        status: The status of the answer; None if there was none.
        code: The service's own name for the mistake, `NoSuchBucket`; "" where it gave none.
        why: It all in words.
        connection: What went wrong on the way: `Connect`, `Timeout`, `Interrupted`; "" if an answer came.
    """

    status: int | None
    code: str
    why: str
    connection: str


def read_answer(error: BaseException) -> Said:
    """Read what an error of obstore says."""
    text = str(error)
    status = int(found[1]) if (found := _STATUS.search(text)) else None
    code = found[1] if (found := _CODE.search(text)) else ""
    message = found[1] if (found := _MESSAGE.search(text)) else ""
    kind = found[1] if status is None and (found := _KIND.search(text)) else ""
    if "redirect without LOCATION" in text:
        status, code = 301, "PermanentRedirect"
    words = {
        "Connect": "no connection can be made",
        "Timeout": "no answer came in time",
        "Interrupted": "the connection was cut off",
    }.get(kind, f"the request failed ({kind})" if kind else "")
    answered = " ".join(filter(None, (str(status or ""), code)))
    why = ": ".join(filter(None, (answered, printable(message)))) or words or type(error).__name__
    if kind == "Connect" and "dns error" in text:
        why = "the name of its machine is not known"
    return Said(status, code, why, kind)


def is_no_bucket(error: BaseException) -> bool:
    """Whether it is the bucket that is not there, where obstore says so of an object."""
    return read_answer(error).code in _NO_BUCKET


def explained(error: BaseException, what: str, address: BucketAddress, name: str = "") -> StoreError:
    """Return the error to raise in the place of one of obstore's.

    Args:
        error: What obstore raised.
        what: What could not be done.
        address: The store.
        name: The object.
    """
    said, text = read_answer(error), str(error)
    where = f"{address.objects}/{name}" if name else address.objects
    if address.endpoint:
        where += f" at {address.endpoint}"

    def denied(why: str, fix: str) -> StoreError:
        return StoreDeniedError(what, where=where, why=why, fix=fix)

    if _CREDENTIAL_SOURCES.search(text):
        return denied("there are no credentials, or they can't be fetched", _LOG_IN[address.scheme])
    if said.connection and _CERTIFICATE.search(text):
        return denied(
            "the certificate of the service is not trusted here",
            "name the file with the authority that signed it:  export AWS_CA_BUNDLE=FILE",
        )
    if said.connection and _NO_TLS.search(text):
        return denied("the service does not speak TLS", "begin its address with http://, if you trust the network")
    if said.code in _NO_BUCKET:
        return denied(said.why, _bucket_command(address))
    if said.code in _CLOCK:
        return denied(said.why, "set this machine's clock: signatures hold for minutes")
    if said.code in _WRONG_REGION or said.status in {301, 307, 308}:
        asked = f"; the region asked is {address.region}" if address.region else ""
        return denied(f"{said.why}{asked}", f"name the region of the bucket:  {address.objects}?region=NAME")
    if said.code in _WRONG_KEYS or said.status == 401:
        return denied(said.why, _LOG_IN[address.scheme])
    if said.status == 403:
        return denied(said.why, _RIGHTS[address.scheme])
    if said.code in _NO_OBJECT:
        return StoreUnavailableError(what, where=where, why="it was removed while it was read")
    if said.status == 404:
        return denied(said.why, _bucket_command(address))
    if said.connection:
        return StoreUnavailableError(what, where=where, why=said.why, fix="see whether the service can be reached")
    if said.code in _PASSING or said.status in _PASSING_STATUSES or _passes(said.status):
        return StoreUnavailableError(what, where=where, why=said.why)
    fix = None
    if said.status == 501 and address.scheme == "s3":
        fix = f"if the service knows no If-None-Match:  {address.objects}?conditional_put=false"
    return StoreError(what, where=where, why=said.why, fix=fix)


def _passes(status: int | None) -> bool:
    return status is not None and status >= 500 and status not in _LASTING_STATUSES


def _bucket_command(address: BucketAddress) -> str:
    if address.scheme == "gs":
        return f"gcloud storage buckets create gs://{address.bucket}"
    if address.scheme == "az":
        return f"az storage container create --name {address.bucket} --account-name {address.account or 'ACCOUNT'}"
    options = {"--endpoint-url": address.endpoint, "--region": address.region, "--profile": address.profile}
    given = "".join(f" {option} {value}" for option, value in options.items() if value)
    return f"aws s3 mb s3://{address.bucket}{given}"
