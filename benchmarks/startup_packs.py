"""Measure what installed packs cost the start of a command.

Run it in an environment that has Flowra::

    python benchmarks/startup_packs.py

It generates packs as wheels would install them, each with a manifest, and starts `flowra --help` with none and with all
of them on the search path. The commands take turns, round after round, so that a noisy machine is noisy for all of
them; the medians' ratios can be trusted where the milliseconds can't. Packs that are installed anyway count in every
row.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "fixtures"))

from pack_factory import install_many, settle


def flowra_command() -> list[str]:
    """The command as people start it: the script beside this Python, or the module where there is none."""
    script = Path(sys.executable).with_name("flowra")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "flowra.cli.main"]


def seconds(command: list[str], environment: dict[str, str], folder: Path) -> float:
    """How long a command takes from start to end."""
    began = time.perf_counter()
    subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def measure(packs: int, rounds: int) -> dict[str, float]:
    """The median time of each start, in seconds, by its description."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        none, all_of_them, work = folder / "none", folder / "all", folder / "work"
        for each in (none, all_of_them, work):
            each.mkdir()
        install_many(all_of_them, packs)
        settle()

        def environment(site: Path, cache: str) -> dict[str, str]:
            return {**os.environ, "PYTHONPATH": str(site), "FLOWRA_CACHE_DIR": str(folder / cache)}

        help_command = [*flowra_command(), "--help"]
        starts: dict[str, Callable[[int], float]] = {
            "python -c pass": lambda _: seconds([sys.executable, "-c", "pass"], environment(none, "a"), work),
            'python -c "import click"': lambda _: seconds(
                [sys.executable, "-c", "import click"], environment(none, "a"), work
            ),
            "flowra --help, 0 packs": lambda _: seconds(help_command, environment(none, "a"), work),
            f"flowra --help, {packs} packs": lambda _: seconds(help_command, environment(all_of_them, "b"), work),
            f"flowra --help, {packs} packs, first start after an install": lambda round_: seconds(
                help_command, environment(all_of_them, f"new{round_}"), work
            ),
        }
        for start in starts.values():  # warm: bytecode, the file system's cache, the index
            start(-1)
        times: dict[str, list[float]] = {description: [] for description in starts}
        for round_ in range(rounds):
            for description, start in starts.items():
                times[description].append(start(round_))
    return {description: statistics.median(each) for description, each in times.items()}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packs", type=int, default=200, help="how many packs to generate (default 200)")
    parser.add_argument("--rounds", type=int, default=15, help="how often each command is started (default 15)")
    arguments = parser.parse_args()
    medians = measure(arguments.packs, arguments.rounds)
    base = medians["flowra --help, 0 packs"]
    width = max(map(len, medians))
    print(f"{'start':<{width}}  {'median':>9}  {'÷ 0 packs':>9}")
    for description, median in medians.items():
        print(f"{description:<{width}}  {median * 1000:6.0f} ms  {median / base:9.2f}")


if __name__ == "__main__":
    main()
