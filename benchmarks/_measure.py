"""What the benchmarks share: cases that take turns, medians, tables, and folders of their own for what they write."""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Taken", "arguments", "command", "interleaved", "scratch", "show", "timed"]


class Taken(NamedTuple):
    """What one execution took, in seconds.

    Attributes:
        cpu: Processor time of the whole process, all threads.
        wall: Time on the clock.
        planning: How much of `cpu` went into checking and planning.
    """

    cpu: float
    wall: float
    planning: float = 0.0


def timed(work: Callable[[], object]) -> Taken:
    """Call something and return what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Taken(time.process_time() - cpu, time.perf_counter() - wall)


def command(arguments: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Taken:
    """Run a command and return what it took; its output is thrown away."""
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(arguments, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    elapsed, after = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Taken(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, elapsed)


def interleaved(cases: Mapping[str, Callable[[], Taken]], rounds: int) -> dict[str, Taken]:
    """Measure cases in turns, so that a noisy machine is noisy for all of them, and return the median of each.

    A round more than is counted comes first: it imports, compiles and fills the file system's cache.
    """
    taken: dict[str, list[Taken]] = {name: [] for name in cases}
    for number in range(rounds + 1):
        for name, case in cases.items():
            gc.collect()
            measured = case()
            if number:
                taken[name].append(measured)
    return {
        name: Taken(*(statistics.median(values) for values in zip(*each, strict=True))) for name, each in taken.items()
    }


def show(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings))]
    print(title)
    for row in (headings, *rows):
        first, *others = (
            text.ljust(width) if not column else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join(["  " + first, *others]).rstrip())
    print()


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder that is removed in the end; what Flowra writes, settings of a project and packs stay out of it."""
    before, folder = dict(os.environ), Path.cwd()
    with tempfile.TemporaryDirectory(prefix="flowra-benchmark-") as name:
        os.environ.update(FLOWRA_CACHE_DIR=f"{name}/cache", FLOWRA_OUTPUT_DIR=f"{name}/output")
        os.environ.pop("FLOWRA_STORE", None)
        os.chdir(name)
        try:
            yield Path(name)
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(before)


def arguments(doc: str, rounds: int, **defaults: int) -> argparse.Namespace:
    """Read the command line: `--rounds`, `--json`, and whole numbers by name."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"how often each is measured (default {rounds})")
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default:,}")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, in seconds")
    return parser.parse_args()


def child(script: str, *arguments: str) -> Any:
    """Run one of the benchmarks' own scripts in a fresh process and return what it prints as JSON."""
    process = subprocess.run([sys.executable, script, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(process.stdout)
