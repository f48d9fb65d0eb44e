"""Files from the network: http and https only, with a time limit and a size limit."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from flowra_image.errors import ImageError

__all__ = ["fetch"]

_CHUNK = 1 << 16


def fetch(
    url: str,
    *,
    max_megabytes: float = 100.0,
    timeout: float = 30.0,
    progress: Callable[[int, int | None], None] | None = None,
) -> bytes:
    """Return the bytes that an address holds.

    Args:
        url: An `http://` or `https://` address; redirections are followed to such addresses only.
        max_megabytes: Stop and refuse beyond this size (10^6 bytes each).
        timeout: Seconds for the whole of it.
        progress: Called after each part with the bytes so far and in all (None if unknown); it may raise to stop.

    Raises:
        ImageError: The address is no such address, can't be reached, answers with an error, is too slow or too large.
    """
    shown = _without_password(url)
    deadline = time.monotonic() + timeout
    limit = int(max_megabytes * 1e6)
    headers = {"User-Agent": "flowra-image", "Accept": "image/*,*/*;q=0.5"}
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the opener knows no other scheme
        with _opener().open(request, timeout=timeout) as response:
            return _body(response, shown, limit, deadline, progress)
    except urllib.error.HTTPError as error:
        error.close()
        raise ImageError(
            f"can't get {shown}", why=f"the server answers {error.code} {error.reason}", fix="open it in a browser"
        ) from error
    except TimeoutError as error:
        raise _too_slow(shown, timeout) from error
    except (urllib.error.URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, TimeoutError):
            raise _too_slow(shown, timeout) from error
        raise ImageError(f"can't get {shown}", why=str(reason), fix="check the address and the network") from error


def _opener() -> urllib.request.OpenerDirector:
    # urlopen would also read file:// and ftp:// addresses, and follow redirections there.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _body(
    response: HTTPResponse | Any,
    shown: str,
    limit: int,
    deadline: float,
    progress: Callable[[int, int | None], None] | None,
) -> bytes:
    announced = response.headers.get("Content-Length", "")
    total = int(announced) if announced.isdigit() else None
    if total is not None and total > limit:
        raise _too_large(shown, limit, f"the server announces {total / 1e6:.1f} MB")
    parts: list[bytes] = []
    size = 0
    while part := response.read1(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > limit:
            raise _too_large(shown, limit, "it goes on beyond that")
        if time.monotonic() > deadline:
            raise TimeoutError
        if progress is not None:
            progress(size, total)
    if total is not None and size < total:
        raise ImageError(
            f"{shown} came incomplete", why=f"{size} of {total} bytes, then the connection ended", fix="run it again"
        )
    return b"".join(parts)


def _too_large(shown: str, limit: int, why: str) -> ImageError:
    return ImageError(
        f"{shown} is larger than the limit of {limit / 1e6:g} MB", why=why, fix="raise max_megabytes if it is trusted"
    )


def _too_slow(shown: str, timeout: float) -> ImageError:
    return ImageError(f"{shown} did not come within {timeout:g} seconds", fix="raise the timeout, or run it again")


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
