from __future__ import annotations

import pytest

from flowra.dag.node import BaseArgs
from flowra.exceptions import UsageError
from flowra.pack.edit.node_text import NewNode, snake_case
from flowra.pack.edit.port_form import PORT_TYPES, read_port


@pytest.mark.parametrize(
    ("said", "annotation", "settings", "default"),
    [
        ("image:AnyImage", "AnyImage", (), ""),
        ("strength:Number[0..10]=1", "float", ("min=0", "max=10"), "1.0"),
        ("low:Number[-0.5..]", "float", ("min=-0.5",), ""),
        ("count:int[1..9]=3", "int", ("min=1", "max=9"), "3"),
        ("amount:Slider[0..1]=0.5", "float", ("min=0", "max=1"), "0.5"),
        ("method:Select[fast|very exact]=fast", 'Literal["fast", "very exact"]', (), '"fast"'),
        ('title:Text=say "hi": a=b', "str", (), '"say \\"hi\\": a=b"'),
        ("invert:Switch=true", "bool", (), "True"),
    ],
)
def test_a_port_is_read_as_people_write_it(said, annotation, settings, default):
    port = read_port(said)
    assert (port.annotation, port.settings, port.default) == (annotation, settings, default)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("image", "is no port"),
        ("image:", "is no port"),
        ("2x:float", "can't be called '2x'"),
        ("class:float", "a word of Python's own"),
        ("x:Numbr", "did you mean Number"),
        ("x:Number[3..1]", "ends before it begins"),
        ("x:Number[a..b]", "no range"),
        ("x:Number=much", "can't be the default"),
        ("x:Slider", "needs both ends"),
        ("x:Select", "needs choices"),
        ("x:Select[a|b]=c", "none of the choices"),
        ("x:AnyImage=a.png", "has no default"),
        ("x:Text[0..1]", "no range"),
    ],
)
def test_what_is_no_port_says_why_and_how_to_write_it(said, message):
    with pytest.raises(UsageError) as caught:
        read_port(said)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", PORT_TYPES)
def test_the_class_of_a_node_with_each_type_can_be_made_and_says_so(name):
    inside = {"Slider": "[0..1]", "Select": "[a|b]"}.get(name, "")
    port = read_port(f"value:{name}{inside}")
    node = NewNode("Pass", "Pass it on", [port], [port])
    imports = "".join(f"from {module} import {', '.join(names)}\n" for module, names in node.imports().items())
    names: dict[str, object] = {"__name__": "made"}
    exec(imports + "\n" + node.class_text(), names)
    made = names["Pass"]
    assert issubclass(made.InputArgs, BaseArgs)
    assert [each.name for each in made.describe().inputs] == ["value"]
    assert "return self.OutputArgs(value=args.value)" in node.class_text()


@pytest.mark.parametrize(("name", "snake"), [("EdgeMap", "edge_map"), ("HSVShift", "hsv_shift"), ("Blur2D", "blur2_d")])
def test_files_are_named_after_the_class(name, snake):
    assert snake_case(name) == snake
