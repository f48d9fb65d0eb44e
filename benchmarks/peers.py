"""Compare Flowra with other systems that keep results: what they cost, and when what they give back is wrong.

    python benchmarks/peers.py

Each system gets an environment of its own, with the newest version that pip finds (so this needs a package index and a
minute), and the same work (`_peers/steps.py`): a chain of steps that add one by way of a helper function, and a value
of 100 kB. Asked is

- what a step costs with an empty cache, and once more in a new process: CPU microseconds, median of the rounds;
- how long a fresh process takes for three steps, imports included;
- whether the steps run again after the helper that they call has changed, as they have to;
- what is given back after one byte of the stored value has been flipped.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

from _measure import arguments, scratch, show

HERE = Path(__file__).parent
#: The systems, and what pip installs for each; Flowra is run in the environment of this script.
SYSTEMS = {"flowra": "", "joblib": "joblib", "hamilton": "sf-hamilton", "redun": "redun"}
#: A chain that redun's recursion survives.
STEPS = 100


class System:
    """One of the systems, with a folder for what it keeps."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder / name
        self.code = self.folder / "code"
        self.code.mkdir(parents=True)
        self.python = sys.executable
        if SYSTEMS[name]:
            venv.create(self.folder / "venv", with_pip=True)
            self.python = str(self.folder / "venv" / "bin" / "python")
            pip = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", SYSTEMS[name]]
            subprocess.run(pip, check=True)
        self.version = self._version()
        self._copy()

    def _version(self) -> str:
        ask = f"import importlib.metadata as m; print(m.version({SYSTEMS[self.name] or self.name!r}))"
        return subprocess.run([self.python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()

    def _copy(self, amount: int = 1) -> None:
        """Write the code of the steps, with a helper that returns `amount`."""
        for path in (HERE / "_peers").glob("*.py"):
            text = path.read_text(encoding="utf-8")
            if path.name == "steps.py":
                text = text.replace("return 1\n", f"return {amount}\n")
            (self.code / path.name).write_text(text, encoding="utf-8")

    def run(self, cache: str, length: int) -> dict[str, Any]:
        """Run in a new process; what comes back also says how often a step ran, and the process's whole time."""
        ledger = self.folder / "ledger"
        ledger.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "LEDGER": str(ledger) if length <= 3 else "",
            "SCRATCH": str(self.folder),
            "HOME": str(self.folder),
        }
        began = time.perf_counter()
        done = subprocess.run(
            [self.python, self.code / "run.py", self.name, self.folder / cache, str(length)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        took = time.perf_counter() - began
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {"error": "no answer"}
        return {**said, "ran": len(ledger.read_text().splitlines()) if ledger.exists() else 0, "process": took}

    def costs(self, number: int) -> tuple[float, float, float]:
        """Return the CPU microseconds of a step, first and again, and the seconds of a process with three."""
        first, again = self.run(f"chain{number}", STEPS), self.run(f"chain{number}", STEPS)
        assert first.get("value") == again.get("value") == STEPS, (self.name, first, again)
        small = self.run(f"small{number}", 3)
        return first["cpu"] / STEPS * 1e6, again["cpu"] / STEPS * 1e6, small["process"]

    def after_a_change(self) -> str:
        """Run, change the helper, run again; say what happened."""
        before = self.run("changed", 3)
        self._copy(amount=2)
        after = self.run("changed", 3)
        self._copy()
        assert before.get("value") == 3, before
        return "runs again" if after.get("value") == 6 else f"old result: {after.get('value', after.get('error'))}"

    def after_a_flip(self) -> str:
        """Keep a value, flip one byte of it, ask again; say what came back."""
        whole = self.run("flipped", 0)
        assert "value" in whole, whole
        self._flip(self.folder / "flipped")
        found = self.run("flipped", 0)
        if "error" in found:
            return f"fails: {found['error'].split(':')[0]}"
        if found["value"] != whole["value"]:
            return "a wrong value, in silence"
        return "noticed, made again" if found["ran"] else "the right value"

    def _flip(self, folder: Path) -> None:
        """Change one byte in the middle of the longest run of the value's bytes that a file holds."""
        for path in sorted(folder.rglob("*"), key=lambda path: -path.stat().st_size):
            content = bytearray(path.read_bytes()) if path.is_file() else bytearray()
            at = content.find(b"\x01" * 1000)
            if at >= 0:
                content[at + 500] ^= 0x40
                os.chmod(path, 0o600)  # noqa: PTH101 - stores may be read-only
                path.write_bytes(content)
                return
        raise SystemExit(f"{self.name} keeps the value in no file below {folder}")


def main() -> None:
    """Measure and print."""
    asked = arguments(__doc__, rounds=3)
    with scratch() as folder:
        systems = [System(name, folder) for name in SYSTEMS]
        costs: dict[str, list[tuple[float, float, float]]] = {system.name: [] for system in systems}
        for number in range(asked.rounds):
            for system in systems:
                costs[system.name].append(system.costs(number))
        medians = {
            name: [statistics.median(each) for each in zip(*taken, strict=True)] for name, taken in costs.items()
        }
        facts = {system.name: (system.after_a_change(), system.after_a_flip()) for system in systems}
        if asked.json:
            print(json.dumps({"costs": medians, "facts": facts}))
            return
        rows = [
            [
                f"{system.name} {system.version}",
                *(f"{value:,.0f}" for value in medians[system.name][:2]),
                f"{medians[system.name][2]:.2f}",
                *facts[system.name],
            ]
            for system in systems
        ]
        headings = ["", "first, µs", "again, µs", "3 steps, s", "helper changed", "byte flipped"]
        show(f"a chain of {STEPS} steps, a step:", headings, rows)


if __name__ == "__main__":
    main()
