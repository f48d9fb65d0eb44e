"""Every mistake in a class body is reported as `Class.field: reason` when the class is made, all at once."""

import pytest

from flowra.dag.node import BaseArgs
from flowra.exceptions import NodeDefinitionError

NAMES = """
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar
import annotated_types, numpy as np, pydantic
from pydantic import Field
from flowra.dag.node import Node, BaseArgs
from flowra.type.component_type import *
from flowra.type.value_type import *
"""


def problems(source, future=False):
    namespace = {"__name__": "cell"}
    future_line = "from __future__ import annotations\n" if future else ""
    exec(compile(NAMES, "names", "exec", dont_inherit=True), namespace)
    with pytest.raises(NodeDefinitionError) as error:
        exec(compile(future_line + source, "cell", "exec", dont_inherit=True), namespace)
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("a: 5", "5 is no value type"),
        ("a: np.ndarray", "ndarray is no value type: derive one from flowra.type.value_type.ValueType"),
        ("a: tuple[int, str]", "tuple[int, str] is no value type; lists are list[T]"),
        ("a: None", "None is no value type; an optional one is written T | None"),
        ("a: Annotated[float, Number(), Slider(min=0, max=1)]", "has more than one component"),
        ("a: Annotated[str, Number(value_type=float)]", "is annotated as String, and its Number says Float"),
        ("a: Number(value_type=str)", "Number edits Float, Integer, not String"),
        ("a: Slider(min=0)", "a Slider needs max"),
        ("a: Text(pattern='(?<!a)b')", "pattern '(?<!a)b' can't be used: look-around"),
        ("a: Text(min_length=-1)", "min_length is a whole number from 0 on"),
        ("a: Select()", "a Select needs choices"),
        ("a: float = 'x'", "default: should be a valid number, got text 'x'"),
        ("a: float = None", "default: should be a valid number, got nothing (null)"),
        ("a: Number(min=0, default=-1)", "default: should be greater than or equal to 0, got number -1.0"),
        ("a: Select(choices=['a'], default='b')", "default: is none of 'a': got text 'b'"),
        ("a: Text(max_length=1) = 'ab'", "default: should have at most 1 character, got text 'ab'"),
        ("a: list[int] = [1, 'x']", "default: item 1: should be a valid integer"),
        ("a: AnyImage = 5", "default: expected AnyImage"),
        ("a: AnyImage = np.zeros((2, 2))", "default: a graph file has no place for ndarray of shape (2, 2)"),
        ("a: Any = object()", "default: a graph file has no place for object"),
        ("a: Number(default=1) = 2", "has two defaults, one in the component and one after it"),
        ("a: float = Field(ge=0)", "only default and description of a Field are looked at, not Ge"),
        ("a: Annotated[float, Field(ge=0)]", "only default and description of a Field are looked at, not Ge"),
        ("a: Annotated[float, annotated_types.Ge(0)]", "Ge is not looked at; state what a value must meet in the comp"),
        ("a: Annotated[float, pydantic.AfterValidator(abs)]", "AfterValidator is not looked at"),
        ("a: float = Field(1, alias='b')", "a port has one name; leave out the alias"),
        ("a = 5", "has the value 5 but no annotation; write a: <type> = 5"),
        ("a = None", "has the value None but no annotation"),
        ("a = [1]", "has the value [1] but no annotation"),
        ("a = Number(default=1)", "is assigned, not annotated; write a: Number(…)"),
        ("a = Image(mode='L')", "is assigned, not annotated; write a: Image(…)"),
        ("a = AnyImage", "is assigned, not annotated; write a: AnyImage"),
        ("a = float", "is assigned, not annotated; write a: float"),
        ("a = Field(1)", "has no annotation; write a: <type> = Field(…)"),
        ("a: list = field(default_factory=list)", "default: expected a list, got Field"),
        ("_a: int = 1", "a port's name can't begin with an underscore"),
        ("copy: int", "the name 'copy' is taken by BaseArgs; choose another"),
        ("sha256: str = ''", "the name 'sha256' is taken by BaseArgs"),
        ("model_config: str = 'a'", "the name 'model_config' is taken by BaseArgs"),
    ],
)
@pytest.mark.parametrize("future", [False, True], ids=["as-they-are", "postponed"])
def test_a_mistake_is_reported_with_its_field(field, said, future):
    name = field.split(":")[0].split(" ")[0]
    [found] = problems(f"class Args(BaseArgs):\n    {field}\n", future)
    assert found.startswith(f"Args.{name}: {said}")


def test_all_mistakes_of_a_node_are_reported_at_once():
    found = problems(
        """
class Wrong(Node):
    version = 0
    class InitArgs:
        a: int
    class InputArgs(BaseArgs):
        a: 5
        b: float
        c: Number(min=2, max=1)
        d = 3
    class OutputArgs(BaseArgs):
        e: Slider()
    def init(self): ...
    def run(self, context): ...
"""
    )
    assert found == [
        "Wrong.InitArgs: is no BaseArgs class; write class InitArgs(BaseArgs): …",
        "Wrong.InputArgs.a: 5 is no value type",
        "Wrong.InputArgs.c: min 2 is above max 1",
        "Wrong.InputArgs.d: has the value 3 but no annotation; write d: <type> = 3",
        "Wrong.OutputArgs.e: a Slider needs min",
        "Wrong.OutputArgs.e: a Slider needs max",
        "Wrong.init: takes (self, context, args), not (self)",
        "Wrong.run: takes (self, context, args), not (self, context)",
        "Wrong.version: is a whole number from 1, not 0",
    ]


def test_what_pydantic_refuses_does_not_hide_the_other_mistakes():
    check = "    @pydantic.field_validator('a')\n    def check(cls, v): return v\n"
    found = problems(f"class Args(BaseArgs):\n    a: 5\n    b: 6\n{check}")
    assert found == ["Args.a: 5 is no value type", "Args.b: 6 is no value type"]
    [alone] = problems(f"class Args(BaseArgs):\n{check}")
    assert alone.startswith("Args: Decorators defined with incorrect fields")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "run: is missing; write def run(self, context, args): …"),
        ("def run(self, context, args): yield 1", "run: is a generator; write def, and return"),
        ("def run(self, args): ...", "run: takes (self, context, args), not (self, args)"),
        ("InputArgs = None\ndef run(self, context, args): ...", "InputArgs: is no BaseArgs class"),
        (
            "class InputArg(BaseArgs): ...\ndef run(self, c, a): ...",
            "InputArg: is not looked at; did you mean InputArgs?",
        ),
        ("version = '2'\ndef run(self, c, a): ...", "version: is a whole number from 1, not '2'"),
        ("version = True\ndef run(self, c, a): ...", "version: is a whole number from 1, not True"),
    ],
)
def test_a_mistake_of_a_node_is_reported_with_its_place(body, said):
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    [found] = problems(f"class Wrong(Node):\n    ...\n{indented}\n")
    assert found.startswith(f"Wrong.{said}")


def test_the_message_says_how_many_and_each_of_them():
    with pytest.raises(NodeDefinitionError) as error:
        exec(f"{NAMES}\nclass Args(BaseArgs):\n    a: 5\n    b: 6", {"__name__": "cell"})
    assert str(error.value) == "class Args has 2 mistakes\n  Args.a: 5 is no value type\n  Args.b: 6 is no value type"
    assert error.value.exit_code == 3


def test_a_class_in_a_function_is_named_without_the_function():
    with pytest.raises(NodeDefinitionError) as error:

        class Args(BaseArgs):
            a: 5

    assert error.value.problems[0].place == "Args.a"


def test_a_broken_class_inside_another_that_is_no_node_can_not_be_used():
    class Group:
        class Args(BaseArgs):
            a: 5

    with pytest.raises(NodeDefinitionError, match="5 is no value type"):
        Group.Args()


def test_an_abstract_node_leaves_run_to_its_children():
    namespace = {"__name__": "cell"}
    exec(
        f"{NAMES}\nclass Base(Node, ABC):\n    @abstractmethod\n    def run(self, context, args): ...\n"
        "class Child(Base):\n    def run(self, context, args): return 1\n",
        namespace,
    )
    with pytest.raises(TypeError, match="abstract"):
        namespace["Base"]()
    assert namespace["Child"]().run(None, None) == 1
