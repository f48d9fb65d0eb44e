"""`python -m flowra.testing.hub FOLDER`: serve the models in a folder on loopback, to try things without a network."""

from __future__ import annotations

import argparse
import os
import threading
from pathlib import Path

from flowra.testing.hub.server import FakeHub


def main() -> None:
    """Serve until interrupted. `ORG/NAME@REVISION` is a tag, `ORG/NAME` the main branch."""
    parser = argparse.ArgumentParser(prog="python -m flowra.testing.hub", description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder with ORG/NAME@REVISION in it")
    parser.add_argument("--port", type=int, default=0, help="the port; any that is free without it")
    given = parser.parse_args()
    with FakeHub(port=given.port) as hub:
        hub.token = os.environ.get("FAKE_HUB_TOKEN", "")
        for folder in sorted(path for path in given.folder.glob("*/*") if path.is_dir()):
            name, _, revision = folder.relative_to(given.folder).as_posix().partition("@")
            hub.add(name, folder, revision=revision)
            print(f"{name} {revision or 'main'}", flush=True)
        print(f"serving at {hub.endpoint}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
