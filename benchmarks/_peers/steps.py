"""The work that every system is given: small steps that a ledger counts, and one that makes a large value."""

import os


def amount() -> int:
    """Return what a step adds: a helper, to be changed between two runs."""
    return 1


def count() -> None:
    """Leave a line in the ledger, if there is one."""
    ledger = os.environ.get("LEDGER")
    if ledger:
        with open(ledger, "a", encoding="utf-8") as file:  # noqa: PTH123 - appending, atomically for a line
            file.write("ran\n")


def step(x: int) -> int:
    """Add to a number, by way of a helper."""
    count()
    return x + amount()


def large(x: int) -> bytes:
    """Return a value of 100 kB that is told from another by every byte."""
    count()
    return bytes([x % 251]) * 100_000
