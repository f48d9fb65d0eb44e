"""What OSS and the network say, as errors that say what to do; nothing that a request was signed with gets into one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flowra.exceptions import StoreDeniedError, StoreError, StoreUnavailableError

__all__ = ["asked", "incomplete", "wrong_checksum"]

T = TypeVar("T")

#: What a person has to mend, by OSS's code for it.
_FIXES = {
    "InvalidAccessKeyId": "check the access key: mistyped, disabled, or temporary and given without its token?",
    "SignatureDoesNotMatch": "check the secret of the access key, and the region in the address",
    "SecurityTokenExpired": "the temporary credentials ran out: get new ones",
    "InvalidSecurityToken": "the temporary credentials are not valid: get new ones, all three parts together",
    "AccessDenied": "let the user or role do oss:GetObject, oss:PutObject, oss:DeleteObject and oss:ListObjects there",
    "RequestTimeTooSkewed": "set this machine's clock: it is off by more than 15 minutes",
    "NoSuchBucket": "make the bucket, or correct its name in the address",
    "InvalidObjectState": "the object was archived: keep results in the standard class, without a rule that archives",
    "UserDisable": "the account is disabled or in arrears: look into the console",
}
#: Refusals that pass: the service is busy, or wants to be asked less often.
_PASSING_CODES = frozenset(
    {"InvalidDigest", "OperationAborted", "QpsLimitExceeded", "RequestTimeout", "SlowDown", "Throttling"}
)
_PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_DENIED_STATUSES = frozenset({401, 403})


def asked(call: Callable[[], T], what: str, where: str) -> T:
    """Return what a call of oss2 gives; what it raises is raised as one of Flowra's errors.

    Args:
        call: The call.
        what: What fails if it fails, as a sentence: `a value can't be read`.
        where: The store's address.

    Raises:
        StoreUnavailableError: Another attempt may help.
        StoreDeniedError: The service refuses.
        StoreError: Anything else that OSS says.
    """
    from xml.etree.ElementTree import ParseError

    from oss2.exceptions import OssError
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    try:
        return call()
    except OssError as error:
        told = _told(error, what, where)
    except (RequestException, HTTPError, OSError) as error:
        told = _unavailable(error, what, where)
    except (ParseError, RuntimeError, ValueError):
        # Something on the way answered in the place of OSS, or the document is torn.
        told = StoreUnavailableError(what, where=where, why="what came is no answer of OSS")
    # Not inside the handlers: oss2's error holds what was signed, tokens included, and must not hang on ours.
    raise told


def _told(error: Exception, what: str, where: str) -> StoreError:
    status, code = getattr(error, "status", 0), getattr(error, "code", "")
    message, details = getattr(error, "message", "") or "", getattr(error, "details", None) or {}
    network = getattr(error, "exception", None)
    if network is not None:
        return _unavailable(network, what, where)
    why = f"OSS says: {code or status}{': ' if message else ''}{message}"
    request_id = getattr(error, "request_id", "")
    if request_id:
        why += f"\nrequest {request_id}"
    if code in _PASSING_CODES or status in _PASSING_STATUSES:
        return StoreUnavailableError(what, where=where, why=why)
    endpoint = details.get("Endpoint")
    if endpoint and code == "AccessDenied":
        fix = f"the bucket lies elsewhere: write endpoint={endpoint} (and its region) into the address"
        return StoreDeniedError(what, where=where, why=why, fix=fix)
    if "signing region" in message.lower():
        named = details.get("Region")
        fix = f"write {'region=' + named if named else 'the region of the endpoint'} into the address"
        return StoreDeniedError(what, where=where, why=why, fix=fix)
    if code in _FIXES or status in _DENIED_STATUSES:
        return StoreDeniedError(what, where=where, why=why, fix=_FIXES.get(code))
    return StoreError(what, where=where, why=why)


def _unavailable(error: BaseException, what: str, where: str) -> StoreError:
    from requests import ConnectTimeout, ReadTimeout
    from requests.exceptions import ChunkedEncodingError, ProxyError, SSLError

    reasons: tuple[tuple[type[Exception], str], ...] = (
        (SSLError, "no safe connection could be made: the certificate or the protocol does not fit"),
        (ProxyError, "the proxy that the environment names can't be used"),
        (ConnectTimeout, "it can't be reached: no connection within the time limit"),
        (ReadTimeout, "no answer within the time limit"),
        (ChunkedEncodingError, "the transfer broke off"),
    )
    why = next((reason for kind, reason in reasons if isinstance(error, kind)), None)
    return StoreUnavailableError(
        what, where=where, why=why or f"it can't be reached, or the connection broke: {_root(error)}"
    )


def _root(error: BaseException) -> str:
    """The system's own words for what went wrong on the network, from under the libraries' layers."""
    layer: BaseException | None = error
    while layer is not None:
        if isinstance(layer, OSError) and layer.strerror:
            return layer.strerror
        inner = getattr(layer, "reason", None) or next((a for a in layer.args if isinstance(a, BaseException)), None)
        layer = inner if isinstance(inner, BaseException) else layer.__cause__ or layer.__context__
    return type(error).__name__


def incomplete(what: str, where: str, got: int, expected: int) -> StoreError:
    """Return the error of a transfer that ended early, or brought too much."""
    return StoreUnavailableError(what, where=where, why=f"{got} bytes came, of {expected}")


def wrong_checksum(what: str, where: str) -> StoreError:
    """Return the error of a transfer that changed on the way."""
    return StoreUnavailableError(what, where=where, why="its bytes changed on the way: the checksum (CRC-64) is off")
