"""Row 23 of the faults: two runs of a node that is not deterministic race. Both go on with the same result.

The right to compute a key keeps them from racing at all; here it is taken away, as on a store that can't lock.
"""

from __future__ import annotations

import json
import subprocess
import sys

from fixtures.fault_pack import of

DRIVER = """
import json, sys

from flowra.dag.graph import Graph
from flowra.execute.session import Session
from flowra.storage.local.store import LocalStore
from flowra.storage.store import KeyLock

class Unlocked(KeyLock):
    def acquire(self):
        return True

    def release(self):
        pass

LocalStore.lock = lambda self, key, **options: Unlocked()
with Session() as session:
    print("ready", flush=True)
    sys.stdin.readline()
    run = session.run(Graph.load(sys.argv[1])).raise_for_status()
    print(json.dumps(run.outputs))
"""


def test_both_go_on_with_what_was_first(flowra):
    nodes = {"drawn": {"type": "Draw", "number": list(range(12))}, "shown": {"type": "Show", "data": of("drawn.data")}}
    graph = flowra.write(nodes, shown="shown.digest")
    drivers = [
        subprocess.Popen(
            [sys.executable, "-c", DRIVER, graph],
            cwd=flowra.work,
            env=flowra.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    # None begins before all are there: on a busy machine one starts seconds after another.
    assert [driver.stdout.readline() for driver in drivers] == ["ready\n"] * 3
    for driver in drivers:
        driver.stdin.write("\n")
        driver.stdin.flush()
    first, *others = [json.loads(driver.communicate(timeout=60)[0]) for driver in drivers]
    assert len(set(first["shown"])) == 12
    assert all(other == first for other in others)
    # They did race.
    assert sum(flowra.counts().values()) > 12
    # And what is kept is what they went on with.
    assert flowra.outputs(graph)["shown"] == first["shown"]
