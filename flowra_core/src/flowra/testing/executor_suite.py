"""What every executor must do with a graph, as tests.

Whoever writes an executor subclasses the suite in a test module and gives the executor; pytest finds the tests:

```python
from flowra.testing.executor_suite import ExecutorSuite


class TestMyExecutor(ExecutorSuite):
    def make_executor(self):
        return MyExecutor()
```

Each test is one promise, and its docstring says it. `cache = False` in the class body runs the suite without a cache.
"""

from __future__ import annotations

from flowra.testing.semantics.batches import BatchSemantics
from flowra.testing.semantics.branches import BranchSemantics
from flowra.testing.semantics.failures import FailureSemantics
from flowra.testing.semantics.lists import ListSemantics
from flowra.testing.semantics.results import ResultSemantics
from flowra.testing.semantics.subgraphs import SubgraphSemantics

__all__ = ["ExecutorSuite"]


class ExecutorSuite(
    ListSemantics, BranchSemantics, SubgraphSemantics, FailureSemantics, ResultSemantics, BatchSemantics
):
    """The conformance suite for executors."""
