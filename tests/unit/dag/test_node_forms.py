"""Node classes as people write them: in a module, in a function, in a notebook, with annotations postponed or not."""

import sys
import textwrap
import types

import pytest

from flowra.dag.node import Node
from flowra.exceptions import NodeDefinitionError
from flowra.type.component_type import Number, Placeholder
from flowra.type.value_type import AnyImage, Float, Image, ListOf, OptionalOf, String

IMPORTS = """
from typing import Annotated, Any, ClassVar, Literal, Optional
from flowra.dag.node import Node, BaseArgs
from flowra.dag.context import RunContext
from flowra.type.component_type import Placeholder, Number, Text
from flowra.type.value_type import AnyImage, Image, ListOf
"""

# As the architecture has it, word for word.
THRESHOLD = '''
class Threshold(Node):
    """Make an image black and white."""
    class InitArgs(BaseArgs):            # set once per instance: a model, a device
        model_path: str = ""
    class InputArgs(BaseArgs):           # one call
        image: Placeholder(value_type=AnyImage, description="输入图像")
        threshold: Number(value_type=float, description="阈值", default=0.5)
    class OutputArgs(BaseArgs):
        result: Placeholder(value_type=AnyImage, description="处理结果")

    def init(self, context: RunContext, args: InitArgs) -> None: ...   # load the model, once
    def run(self, context: RunContext, args: InputArgs) -> OutputArgs: ...
'''

ANNOTATED = '''
class Threshold(Node):
    """Make an image black and white."""
    class InitArgs(BaseArgs):
        model_path: str = ""
    class InputArgs(BaseArgs):
        image: Annotated[AnyImage, Placeholder(description="输入图像")]
        threshold: Annotated[float, Number(description="阈值")] = 0.5
    class OutputArgs(BaseArgs):
        result: Annotated[AnyImage, Placeholder(description="处理结果")]

    def init(self, context: RunContext, args: InitArgs) -> None: ...
    def run(self, context: RunContext, args: InputArgs) -> OutputArgs: ...
'''

POSTPONED = [
    pytest.param("", id="annotations-as-they-are"),
    pytest.param("from __future__ import annotations\n", id="annotations-postponed"),
]


def as_module(source, name="flowra_test_module"):
    module = types.ModuleType(name)
    sys.modules[name] = module
    try:
        exec(compile(source, f"{name}.py", "exec", dont_inherit=True), module.__dict__)
    finally:
        del sys.modules[name]
    return module.__dict__


def as_cell(source):
    """Run it as a notebook runs a cell."""
    namespace = {"__name__": "__main__"}
    exec(compile(source, "<cell>", "exec", dont_inherit=True), namespace)
    return namespace


def as_function(source, local=""):
    """Run it as the body of a function, its imports and all."""
    future = "from __future__ import annotations\n" if "__future__" in source else ""
    body = textwrap.indent(source.replace(future, "") if future else source, "    ")
    text = f"{future}def make():\n{textwrap.indent(local, '    ')}{body}\n    return locals()\n"
    return as_cell(text)["make"]()


@pytest.mark.parametrize("run", [as_module, as_cell, as_function])
@pytest.mark.parametrize("body", [THRESHOLD, ANNOTATED], ids=["component", "annotated"])
@pytest.mark.parametrize("future", POSTPONED)
def test_the_class_of_the_architecture_works_as_written(run, body, future):
    node = run(future + IMPORTS + body)["Threshold"]
    described = node.describe()
    assert described.summary == "Make an image black and white"
    assert [port.name for port in described.init] == ["model_path"]
    image, threshold = described.inputs
    assert (image.value_type, image.required, image.description) == (AnyImage(), True, "输入图像")
    assert (threshold.value_type, threshold.default, threshold.description) == (Float(), 0.5, "阈值")
    assert isinstance(image.component, Placeholder)
    assert isinstance(threshold.component, Number)
    assert [(port.name, port.value_type) for port in described.outputs] == [("result", AnyImage())]
    assert node.InitArgs().model_path == ""
    assert node().run(None, None) is None


@pytest.mark.parametrize("future", POSTPONED)
def test_names_of_the_function_around_are_seen(future):
    body = """
class Local(Node):
    class InputArgs(BaseArgs):
        width: Number(value_type=int, max=limit)
        kind: Literal[first, "b"]
        many: "list[Picture]"
    def run(self, context, args): ...
"""
    local = "limit = 7\nfirst = 'a'\nfrom flowra.type.value_type import Image\nPicture = Image(mode='L')\n"
    node = as_function(future + IMPORTS + body, local)["Local"]
    width, kind, many = node.describe().inputs
    assert width.component.max == 7
    assert kind.value_type.values == ("a", "b")
    assert many.value_type == ListOf(Image(mode="L"))


@pytest.mark.parametrize("future", POSTPONED)
def test_names_of_the_classes_around_are_seen(future):
    body = """
class Sized(Node):
    LIMIT = 9
    class InputArgs(BaseArgs):
        SMALL: ClassVar[int] = 3
        width: Number(value_type=int, min=SMALL, max=LIMIT)
    def run(self, context, args): ...
"""
    source = future + IMPORTS + body
    if not future:
        # Without postponed annotations Python itself sees no name of the class around.
        source = source.replace("max=LIMIT", "max=9")
    [width] = as_cell(source)["Sized"].describe().inputs
    assert (width.component.min, width.component.max) == (3, 9)


def test_a_name_that_is_not_there_yet_is_a_mistake_of_its_field():
    body = """
class Early(Node):
    class InputArgs(BaseArgs):
        image: Placeholder(value_type=Later)
        text: Text(pattern=1 / 0)
    def run(self, context, args): ...
Later = AnyImage
"""
    with pytest.raises(NodeDefinitionError) as error:
        as_cell("from __future__ import annotations\n" + IMPORTS + body)
    first, second = error.value.problems
    assert first.place == "Early.InputArgs.image"
    assert "name 'Later' is not defined; a name in an annotation must be defined before the class" in first.reason
    assert (second.place, second.reason) == (
        "Early.InputArgs.text",
        "Text(pattern=1 / 0): ZeroDivisionError: division by zero",
    )


def test_a_cell_that_is_run_again_makes_a_new_class():
    namespace = as_cell(IMPORTS + THRESHOLD)
    first = namespace["Threshold"]
    exec(THRESHOLD.replace("0.5", "0.25"), namespace)
    second = namespace["Threshold"]
    assert second is not first
    assert second.InputArgs.__ports__["threshold"].default == 0.25
    assert second.type_id() == first.type_id() == "local/Threshold"


@pytest.mark.parametrize("future", POSTPONED)
def test_argument_classes_inherit(future):
    body = """
class Sized(BaseArgs):
    image: AnyImage
    width: Number(value_type=int, default=8)
class Base(Node):
    InputArgs = Sized
    def run(self, context, args): ...
class Child(Base):
    class InputArgs(Base.InputArgs):
        width: Number(value_type=int, default=16)
        note: Optional[str] = None
class Grandchild(Child):
    pass
"""
    made = as_cell(future + IMPORTS + body)
    assert [port.name for port in made["Child"].describe().inputs] == ["image", "width", "note"]
    assert made["Base"].InputArgs.__ports__["width"].default == 8
    assert made["Child"].InputArgs.__ports__["width"].default == 16
    assert made["Child"].InputArgs.__ports__["note"].value_type == OptionalOf(String())
    assert made["Grandchild"].describe().inputs == made["Child"].describe().inputs


def test_a_node_may_leave_out_what_it_does_not_need():
    class Quiet(Node):
        def run(self, context, args):
            return self.OutputArgs()

    described = Quiet.describe()
    assert (described.init, described.inputs, described.outputs) == ((), (), ())
    assert Quiet().run(None, Quiet.InputArgs()) == Quiet.OutputArgs()
    assert Quiet().init(None, Quiet.InitArgs()) is None
    assert Quiet().close() is None
