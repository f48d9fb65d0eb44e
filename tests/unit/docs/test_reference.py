"""Whatever the code offers is documented: hooks, commands, options, types, components, events, settings, errors."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
from fixtures.doc_blocks import DOCS, pages

from flowra import exceptions
from flowra.cli.main import COMMANDS, cli
from flowra.config.settings import SETTINGS, Settings
from flowra.dag.context import RunContext
from flowra.dag.graph import Graph
from flowra.dag.node import Node
from flowra.execute.session import Run, Session
from flowra.execute.session.events import EVENTS
from flowra.plugin import hookspecs
from flowra.plugin.contributions import KINDS
from flowra.type.component_type import builtin_components
from flowra.type.named import builtin_value_types


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The generated parts of the documentation, made from the code as it is now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        folder = tmp_path_factory.mktemp("generated")
        importlib.import_module("_generate").generate(folder)
        yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "_generate"]:
        del sys.modules[name]


def commands(path: str = "flowra", command: click.Command = cli) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if command is cli:
        for name, (module, _) in COMMANDS.items():
            yield from commands(f"flowra {name}", importlib.import_module(module).command)
    elif isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(f"{path} {name}", inner)


def sections(text: str) -> dict[str, str]:
    """Return the text below each heading that is a name in code."""
    parts = re.split(r"^#+ `([^`]+)`\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_pages_include_every_generated_part(generated):
    shown = "\n".join(page.read_text(encoding="utf-8") for page in pages())
    assert [path.name for path in generated.iterdir() if f"generated/{path.name}" not in shown] == []


def test_every_command_and_option_is_documented(generated):
    documented = sections((generated / "commands.md").read_text(encoding="utf-8"))
    assert set(documented) == {path for path, _ in commands()}
    for path, command in commands():
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.help, f"{path} {parameter.name} has no help"
                assert all(option in documented[path] for option in parameter.opts), (path, parameter.opts)


def test_every_hook_is_documented_with_an_example_and_what_it_returns(generated):
    documented = sections((generated / "hooks.md").read_text(encoding="utf-8"))
    assert set(documented) == set(hookspecs.__all__)
    assert all("```python" in text for text in documented.values())
    text = "".join(documented.values())
    for entry in KINDS.values():
        assert entry.__name__ in text
    assert [name for name, section in documented.items() if re.search(r"\|\s*\|$", section, re.MULTILINE)] == []


def test_every_value_type_is_documented_in_words(generated):
    documented = sections((generated / "value-types.md").read_text(encoding="utf-8"))
    assert set(documented) == set(builtin_value_types())
    for kind, cls in builtin_value_types().items():
        assert cls.words in documented[kind]
        for each in fields(cls):
            if each.name not in cls.unwritten:
                assert f"`{each.name}`" in documented[kind], f"{kind} has the constraint {each.name}"


def test_every_component_and_setting_of_one_is_documented(generated):
    documented = sections((generated / "components.md").read_text(encoding="utf-8"))
    shared = (generated / "component-settings.md").read_text(encoding="utf-8")
    assert set(documented) == set(builtin_components())
    for name, cls in builtin_components().items():
        for each in fields(cls):
            row = re.search(rf"^\| `{each.name}` \|.*\| (.*) \|$", documented[name] + shared, re.MULTILINE)
            assert row, f"{name}.{each.name} is in no table"
            assert row[1].strip(), f"{name}.{each.name} is not described in the class's docstring"


def test_every_event_is_documented_with_its_fields(generated):
    text = (generated / "events.md").read_text(encoding="utf-8")
    for name, cls in EVENTS.items():
        row = re.search(rf"^\| `{name}` \|.*$", text, re.MULTILINE)
        assert row, f"the event {name} is not documented"
        assert cls.__doc__
        assert all(f"`{each.name}`" in row[0] for each in fields(cls) if each.name not in ("run", "time"))


def test_every_public_error_is_documented_with_its_exit_code(generated):
    text = (generated / "errors.md").read_text(encoding="utf-8")
    classes = [getattr(exceptions, name) for name in exceptions.__all__]
    for cls in classes:
        if isinstance(cls, type) and issubclass(cls, exceptions.FlowraError):
            assert f"| `{cls.__name__}` | `{cls.exit_code}` |" in text
    codes = (generated / "exit-codes.md").read_text(encoding="utf-8")
    assert all(f"| `{code}` |" in codes for code in {0, *(getattr(cls, "exit_code", 0) for cls in classes)})


def test_every_setting_and_its_variable_are_documented(generated):
    text = (generated / "settings.md").read_text(encoding="utf-8")
    for each in fields(Settings):
        assert re.search(rf"^\| `{each.name}` \| `{SETTINGS[each.name].variable}` \|.*\| .+ \|$", text, re.MULTILINE)


def test_what_a_node_class_may_state_is_documented(generated):
    text = (generated / "node-body.md").read_text(encoding="utf-8")
    stated = [name for name in Node.__annotations__ if name.islower() and not name.startswith("_")]
    assert "retries" in stated
    assert [name for name in stated if f"| `{name}` |" not in text] == []


@pytest.mark.parametrize(
    ("part", "cls"),
    [("api-graph.md", Graph), ("api-session.md", Session), ("api-session.md", Run), ("api-node.md", Node)],
)
def test_the_public_methods_of_the_main_classes_are_documented(generated, part, cls):
    text = (generated / part).read_text(encoding="utf-8").partition(f"{{py:class}} {cls.__name__}")[2]
    methods = [
        name
        for name, value in vars(cls).items()
        if not name.startswith("_") and inspect.isroutine(getattr(value, "__func__", value))
    ]
    assert methods
    assert [name for name in methods if not re.search(rf"\}} {name}\(", text)] == []


def test_what_a_context_offers_is_told_to_node_authors():
    page = (DOCS / "write-a-node.md").read_text(encoding="utf-8")
    # What the engine alone calls is no offer to a node.
    engine = ("close", "abandon", "handed_on", "fetch", "models_used", "note_models")
    offered = [name for name in vars(RunContext) if not name.startswith("_") and name not in engine]
    assert [name for name in offered if f"context.{name}" not in page] == []


def test_nothing_generated_names_a_place_on_this_machine(generated):
    for path in generated.iterdir():
        text = path.read_text(encoding="utf-8")
        assert str(DOCS.parent) not in text
        assert str(Path.home()) not in text or len(str(Path.home())) < 3
