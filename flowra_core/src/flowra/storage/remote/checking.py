"""Tries out what a service lets us do, one thing after the other, and how quickly."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

from flowra.exceptions import StoreDeniedError, StoreError
from flowra.storage.remote.deadline import Attempt
from flowra.storage.remote.objects import ObjectStore
from flowra.storage.reports import size_in_words

__all__ = ["Finding", "check_objects"]

State = Literal["works", "limited", "denied", "fails", "not tried"]

_FOLDER = "flowra-check/"
_SMALL = bytes(range(256)) * 4
_LARGE = 8 * 1024**2
#: Times that a small request is made, to see how long one takes.
_REQUESTS = 5
#: Seconds that one thing may take.
_LIMIT = 60.0
_MENDS = {
    "list": "give the key the right to list what is below this address: without it nothing can be collected or listed, "
    "and some services refuse what they could say is not there",
    "get": "give the key the right to read objects below this address: without it there is nothing to share",
    "put": "give the key the right to write objects below this address; without it the store is read-only for you",
    "conditional put": "two machines that finish one key at a time write, read again and take what they find: nothing "
    "to mend, unless the service could do it and the address says otherwise",
    "ranges": "large values are read whole: see whether something between here and the service drops the header Range",
    "delete": "give the key the right to delete objects below this address: without it nothing can be collected, and "
    "others wait for a key until its holder's session has ended",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of trying out one thing.

    Attributes:
        what: What was tried.
        state: `works`; `limited`: it works in another way; `denied`; `fails`; `not tried`, since it needs what failed.
        seconds: How long it took; None where that says nothing.
        detail: What is to be said besides: a speed, or why not.
        mend: What to do about it.
    """

    what: str
    state: State
    seconds: float | None = None
    detail: str = ""
    mend: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


class _WrongError(StoreError):
    """A service that answers, and not what it should."""


def check_objects(objects: ObjectStore) -> Iterator[Finding]:
    """Yield what works, one thing after the other; what is written for it is removed again.

    Args:
        objects: The service, without retries: what fails now and then is to be seen.
    """
    name = f"{_FOLDER}{secrets.token_hex(8)}"
    yield _tried("list", lambda: _no_words(next(objects.list(_FOLDER), None)))
    yield _tried("get", lambda: _no_words(objects.get(name)))
    put = _tried("put", lambda: _is(objects.put(name, [_SMALL]), True, "an object was not written"))
    yield put
    if put.state != "works":
        for what in ("conditional put", "ranges", "latency", "throughput", "delete"):
            yield Finding(what, "not tried", detail="it needs put")
        return
    try:
        yield _conditional(objects, name)
        yield _tried("ranges", lambda: _is(objects.get(name, start=3, length=5), _SMALL[3:8], "another part came"))
        yield _tried("latency", lambda: _latency(objects, name))
        yield _tried("throughput", lambda: _throughput(objects, f"{name}-large"))
    finally:
        deleted = _tried("delete", lambda: _deleted(objects, [name, f"{name}-large"]))
    yield deleted


def _tried(what: str, work: Callable[[], str]) -> Finding:
    attempt = Attempt(work)
    if not attempt.ended_within(_LIMIT):
        return Finding(what, "fails", _LIMIT, f"no answer within {_LIMIT:.0f} s", _MENDS.get(what, ""))
    took = time.monotonic() - attempt.began
    try:
        return Finding(what, "works", took, attempt.result())
    except StoreDeniedError as error:
        return Finding(what, "denied", took, _said(error), _MENDS.get(what, "") or error.fix or "")
    except StoreError as error:
        return Finding(what, "fails", took, _said(error), error.fix or _MENDS.get(what, ""))


def _conditional(objects: ObjectStore, name: str) -> Finding:
    if not objects.conditional_put:
        return Finding(
            "conditional put", "limited", None, "the service, or the address, does without", _MENDS["conditional put"]
        )
    return _tried(
        "conditional put",
        lambda: _is(objects.put(name, [b"other"], if_absent=True), False, "what was there was written over"),
    )


def _latency(objects: ObjectStore, name: str) -> str:
    reading, writing = _each(lambda: objects.get(name)), _each(lambda: objects.put(name, [_SMALL]))
    return f"a small get takes {reading}, a small put {writing}"


def _each(request: Callable[[], object]) -> str:
    times = []
    for _ in range(_REQUESTS):
        began = time.monotonic()
        request()
        times.append(time.monotonic() - began)
    return f"{median(times) * 1000:.1f} ms"


def _throughput(objects: ObjectStore, name: str) -> str:
    content = secrets.token_bytes(_LARGE)
    began = time.monotonic()
    objects.put(name, [content])
    sent = time.monotonic()
    found = objects.get(name)
    got = time.monotonic()
    _is(found == content, True, "other bytes came back")
    up, down = (size_in_words(int(_LARGE / max(seconds, 1e-6))) for seconds in (sent - began, got - sent))
    return f"{size_in_words(_LARGE)} there at {up}/s, and back at {down}/s"


def _deleted(objects: ObjectStore, names: list[str]) -> str:
    objects.delete(names)
    return _is(objects.get(names[0]), None, "an object is still there")


def _is(found: object, expected: object, otherwise: str) -> str:
    if found != expected:
        raise _WrongError(otherwise)
    return ""


def _no_words(_: object) -> str:
    return ""


def _said(error: StoreError) -> str:
    return f"{error.what}: {error.why}" if error.why else error.what
