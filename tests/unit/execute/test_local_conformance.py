"""The local executor keeps every promise of graphs: with and without a cache, on many threads and on one."""

from flowra.execute.local import LocalExecutor
from flowra.testing.executor_suite import ExecutorSuite


class TestWithCache(ExecutorSuite):
    def make_executor(self):
        return LocalExecutor(threads=8)


class TestWithoutCache(TestWithCache):
    cache = False


class TestOnOneThread(ExecutorSuite):
    parallel = False

    def make_executor(self):
        return LocalExecutor(threads=1)


class TestWithLittleMemory(ExecutorSuite):
    def make_executor(self):
        return LocalExecutor(threads=4, memory=0)
