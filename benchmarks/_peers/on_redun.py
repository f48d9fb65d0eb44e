"""The steps as redun tasks, kept in its database."""

import functools
from typing import Any

import steps
from redun import Scheduler, task
from redun.config import Config

redun_namespace = "peers"


@task()
def step(x: int) -> int:
    """One step."""
    steps.count()
    return x + steps.amount()


@task()
def large() -> bytes:
    """The large value."""
    return steps.large(1)


def build(folder: str, length: int) -> Any:
    """Return what runs a chain of steps, or the large one for no length."""
    config = Config({"backend": {"db_uri": f"sqlite:///{folder}/redun.db"}})
    scheduler = Scheduler(config=config)
    scheduler.load(migrate=True)
    expression: Any = 0
    for _ in range(length):
        expression = step(expression)
    return functools.partial(scheduler.run, expression if length else large())
