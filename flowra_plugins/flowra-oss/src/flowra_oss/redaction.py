"""Keys out of oss2's logs: at DEBUG it writes whole requests, and at INFO the answer to a signature that is off."""

from __future__ import annotations

import logging
import re
from threading import Lock

__all__ = ["keep_out_of_logs"]

#: Those that write what requests and answers hold. Filters are not inherited: each logger gets it.
_LOGGERS = ("oss2.api", "oss2.auth", "oss2.credentials", "oss2.exceptions", "oss2.http", "oss2.utils")
#: What stands for a time for a key: who reads a log within a quarter of an hour could send the request again.
_SIGNED = re.compile(
    r"((?:authorization|signature\w*|security-?token|accesskey\w*|StringToSign|CanonicalRequest)['\"]?\s*[:=]\s*)"
    r"('[^']*'|\"[^\"]*\"|[^\s,;&]+)",
    re.IGNORECASE,
)


class _Redaction(logging.Filter):
    def __init__(self) -> None:
        super().__init__()
        self.secrets: set[str] = set()
        self.lock = Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        with self.lock:
            # The longest first: one may be a part of another.
            secrets = sorted(self.secrets, key=len, reverse=True)
        for secret in secrets:
            text = text.replace(secret, "***")
        record.msg, record.args = _SIGNED.sub(r"\1***", text), ()
        return True


_REDACTION = _Redaction()


def keep_out_of_logs(*secrets: str) -> None:
    """Have oss2's logs show asterisks for some secrets, and for signatures."""
    with _REDACTION.lock:
        _REDACTION.secrets.update(secret for secret in secrets if secret)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if _REDACTION not in logger.filters:
            logger.addFilter(_REDACTION)
