"""Run the steps on one system, in its environment: `run.py SYSTEM FOLDER LENGTH`; prints one line of JSON."""

import hashlib
import importlib
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def main() -> None:
    """Build, run, and say what came back and what it took."""
    system, folder, length = sys.argv[1], sys.argv[2], int(sys.argv[3])
    Path(folder).mkdir(parents=True, exist_ok=True)
    run = importlib.import_module(f"on_{system}").build(folder, length)
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        value = run()
    except Exception as error:  # noqa: BLE001 - whatever a system says of a damaged value is what is asked for
        print(json.dumps({"error": f"{type(error).__name__}: {error}"[:200]}))
        return
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if isinstance(value, bytes):
        value = hashlib.sha256(value).hexdigest()
    print(json.dumps({"value": value, "cpu": cpu, "wall": wall}))


if __name__ == "__main__":
    main()
