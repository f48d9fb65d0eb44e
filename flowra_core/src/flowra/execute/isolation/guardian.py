"""Ends a child's process group when its supervisor is gone, whatever the child is doing.

The child can't be relied on for it: native code may hold the GIL. The kernel's own signal on the death of a parent
would end the child alone, and not the processes that the node started.
"""

from __future__ import annotations

import os
import select
import shutil
import signal

__all__ = ["start_guardian"]


def start_guardian(descriptor: int, scratch: str) -> None:
    """Start the guardian, in the process group of the caller; call it while there is but one thread.

    Args:
        descriptor: The socket to the supervisor.
        scratch: The folder to remove.
    """
    between = os.fork()
    if between:
        # Not a child of the node's process: os.wait() in a node must not find it.
        os.waitpid(between, 0)
        return
    if os.fork():
        os._exit(0)
    try:
        # The supervisor tells the whole group to end, and the guardian has to be there until it has.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for stream in (0, 1, 2):
            os.close(stream)
        hung_up = select.poll()
        hung_up.register(descriptor, 0)
        hung_up.poll()
        shutil.rmtree(scratch, ignore_errors=True)
        os.killpg(0, signal.SIGKILL)
    finally:
        os._exit(0)
