"""What a new node is made of: its class, its test and its example graph, as text that lints clean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from flowra.pack.edit.port_form import WrittenPort
from flowra.pack.edit.python_source import LINE_LENGTH

__all__ = ["NewNode", "snake_case"]


def snake_case(name: str) -> str:
    """Return a class's name as that of a module: `EdgeMap` as `edge_map`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


@dataclass(frozen=True)
class NewNode:
    """A node that is to be written.

    Attributes:
        name: The name of its class.
        summary: What it does, in one line without a full stop.
        inputs: The ports of its `InputArgs`.
        outputs: The ports of its `OutputArgs`.
    """

    name: str
    summary: str
    inputs: Sequence[WrittenPort]
    outputs: Sequence[WrittenPort]

    def imports(self) -> dict[str, list[str]]:
        """Return what its class needs: names by module."""
        needed: dict[str, set[str]] = {
            "flowra.dag.context": {"RunContext"},
            "flowra.dag.node": {"BaseArgs", "Node"},
        }
        for port in (*self.inputs, *self.outputs):
            needed.setdefault("typing", set()).add("Annotated")
            needed.setdefault("flowra.type.component_type", set()).add(port.type.component)
            for module, names in port.type.imports.items():
                needed.setdefault(module, set()).update(names)
        return {module: sorted(names) for module, names in needed.items()}

    def class_text(self) -> str:
        """Return the class: it passes inputs on, or gives constants, until its author writes what it does."""
        lines = [f"class {self.name}(Node):", f'    """{self.summary}."""', ""]
        lines += _arguments("InputArgs", "What goes in.", self.inputs, with_defaults=True)
        lines += _arguments("OutputArgs", "What comes out.", self.outputs, with_defaults=False)
        takes, gives = ("InputArgs" if self.inputs else "BaseArgs"), ("OutputArgs" if self.outputs else "BaseArgs")
        lines.append(f"    def run(self, context: RunContext, args: {takes}) -> {gives}:")
        lines += [f'        """{self.summary}."""', *self._body()]
        return "\n".join(lines) + "\n"

    @property
    def unwritten(self) -> bool:
        """Whether nothing can be given for an output until the author writes the node."""
        return any(self._given(port) == "" for port in self.outputs)

    @property
    def runs(self) -> bool:
        """Whether there is a value for each input that needs one."""
        return all(port.sample or port.default for port in self.inputs)

    @property
    def has_example(self) -> bool:
        """Whether an example graph can hold a value for each input, and there is something to see."""
        return not self.unwritten and all(port.literal or port.default for port in self.inputs)

    def test_text(self, module: str, package_root: str) -> str:
        """Return the module of its tests.

        Args:
            module: The module of the class.
            package_root: The name of the pack's package.
        """
        inputs = [port for port in self.inputs if not port.default]
        text = " ".join(port.sample for port in inputs)
        stdlib = ["from pathlib import Path"] if self.has_example or "Path(" in text else []
        others = ["import numpy as np"] if "np." in text else []
        others += ["import pytest"] if self.unwritten or not self.runs else []
        kinds = [*(["RunGraph"] if self.has_example else []), "RunNode"]
        others.append(f"from flowra.testing.running import {', '.join(kinds)}")
        lines = [f'"""Tests of {self.name}."""', "", "from __future__ import annotations", ""]
        lines += [*stdlib, ""] if stdlib else []
        lines += [*others, "", f"from {module} import {self.name}", ""]
        if self.has_example:
            lines += ['EXAMPLES = Path(__file__).parents[1] / "examples"', ""]
        lines += ["", *self._test(inputs)]
        if self.has_example:
            name = snake_case(self.name)
            lines += ["", "", "def test_the_example_runs(run_graph: RunGraph) -> None:"]
            lines += [f'    assert run_graph(EXAMPLES / "{name}.json").status == "succeeded"']
        return "\n".join(lines) + "\n"

    def example_text(self, pack: str) -> str:
        """Return a graph that runs the node."""
        node = snake_case(self.name)
        given = [f'"{port.name}": {port.literal}' for port in self.inputs if not port.default]
        outputs = [f'    "{port.name}": {{ "$from": "{node}.{port.name}" }}' for port in self.outputs]
        return "\n".join(
            [
                "{",
                '  "format": "flowra/1",',
                f'  "name": "{node}",',
                '  "nodes": {',
                f'    "{node}": {{',
                f'      "type": "{pack}/{self.name}",',
                f'      "inputs": {{ {", ".join(given)} }}' if given else '      "inputs": {}',
                "    }",
                "  },",
                '  "outputs": {',
                ",\n".join(outputs),
                "  }",
                "}",
                "",
            ]
        )

    def _test(self, inputs: Sequence[WrittenPort]) -> list[str]:
        name = snake_case(self.name)
        lines = []
        missing = [port.name for port in inputs if not port.sample]
        if missing:
            lines.append(f'@pytest.mark.skip(reason="there is no value for {", ".join(missing)} yet: make one here")')
        elif self.unwritten:
            lines.append('@pytest.mark.xfail(reason="it is not written yet", strict=True)')
        lines.append(f"def test_{name}_gives_what_it_says(run_node: RunNode) -> None:")
        arguments = "".join(f", {port.name}={port.sample or '...'}" for port in inputs)
        call = f"run_node({self.name}{arguments})"
        if len(f"    found = {call}") > LINE_LENGTH:
            rows = [self.name, *(f"{port.name}={port.sample or '...'}" for port in inputs)]
            call = "run_node(\n" + "".join(f"        {row},\n" for row in rows) + "    )"
        if not self.outputs:
            return [*lines, f"    {call}"]
        lines.append(f"    found = {call}")
        return [*lines, *(f"    assert {_claim(port)}" for port in self.outputs)]

    def _body(self) -> list[str]:
        unwritten = [port.name for port in self.outputs if not self._given(port)]
        if unwritten:
            return [f'        raise NotImplementedError("{", ".join(unwritten)}")']
        if not self.outputs:
            return ["        return self.OutputArgs()"]
        given = ", ".join(f"{port.name}={self._given(port)}" for port in self.outputs)
        flat = f"        return self.OutputArgs({given})"
        if len(flat) <= LINE_LENGTH:
            return [flat]
        rows = [f"            {port.name}={self._given(port)}," for port in self.outputs]
        return ["        return self.OutputArgs(", *rows, "        )"]

    def _given(self, port: WrittenPort) -> str:
        same = next((each for each in self.inputs if each.annotation == port.annotation), None)
        fits = same is not None and (same.settings == port.settings or not port.settings)
        return f"args.{same.name}" if same is not None and fits else port.constant


def _arguments(name: str, doc: str, ports: Sequence[WrittenPort], *, with_defaults: bool) -> list[str]:
    if not ports:
        return []
    lines = [f"    class {name}(BaseArgs):", f'        """{doc}"""', ""]
    for port in ports:
        words = port.name.replace("_", " ").capitalize()
        settings = ", ".join([*port.settings, f'description="{words}"'])
        component = f"{port.type.component}({settings})"
        default = f" = {port.default}" if with_defaults and port.default else ""
        flat = f"        {port.name}: Annotated[{port.annotation}, {component}]{default}"
        if len(flat) <= LINE_LENGTH:
            lines.append(flat)
        else:
            lines += [
                f"        {port.name}: Annotated[",
                f"            {port.annotation},",
                f"            {component},",
                f"        ]{default}",
            ]
    return [*lines, ""]


def _claim(port: WrittenPort) -> str:
    found = f"found.{port.name}"
    if port.type.python == "Literal":
        return f"{found} in {{{port.annotation.removeprefix('Literal[').removesuffix(']')}}}"
    if port.type.python in ("float", "int", "str", "bool", "Path"):
        return f"isinstance({found}, {port.type.python})"
    if port.type.distribution == "flowra-image" and port.type.python != "Detections":
        return f"{found}.size > 0"
    return f"{found} is not None"
