"""Sessions, runs, and the events of a run."""

from flowra.execute.session.batch import Batch
from flowra.execute.session.run import Run
from flowra.execute.session.running import RunningRun
from flowra.execute.session.session import Session

__all__ = ["Batch", "Run", "RunningRun", "Session"]
