from __future__ import annotations

import inspect
import re
import textwrap
import types

import pytest

from flowra.plugin import PluginManager, hookspecs
from flowra.plugin.contributions import KINDS

HOOKS = {name: spec for name, spec in vars(hookspecs).items() if name.startswith("flowra_")}
EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_there_is_one_hook_for_each_kind_of_contribution():
    assert set(HOOKS) == {f"flowra_{kind}" for kind in KINDS} == set(hookspecs.__all__)


def test_kinds_bear_the_names_of_their_classes():
    assert {kind: entry.kind for kind, entry in KINDS.items()} == {kind: kind for kind in KINDS}


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_in_the_docstring_runs_and_contributes(hook):
    (example,) = EXAMPLE.findall(inspect.getdoc(HOOKS[hook]))
    module = types.ModuleType("example")
    exec(textwrap.dedent(example), vars(module))
    manager = PluginManager()
    manager.register(module, "acme")
    kind = hook.removeprefix("flowra_")
    entries = manager.entries(kind)
    assert entries
    assert {type(entry) for _, entry in entries} == {KINDS[kind]}


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_takes_nothing_and_contributes_nothing_by_itself(hook):
    assert inspect.signature(HOOKS[hook]).parameters == {}
    assert list(HOOKS[hook]()) == []
