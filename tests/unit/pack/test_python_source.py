from __future__ import annotations

import ast

import pytest

from flowra.exceptions import PluginError
from flowra.pack.edit.python_source import PythonSource

MODULE = '''"""Nodes."""   # said so

from __future__ import annotations

from typing import Annotated

from flowra.dag.node import BaseArgs, Node   # the base
from flowra.type.component_type import Placeholder, Slider
from flowra.type.value_type import AnyImage

from mine.colours import mix

__all__ = ['Blur',
           'Edges']


class Blur( Node ):
    """Soften."""

    x = { 'ä' :1 }  # odd, and the author's
    y: Annotated[AnyImage, Placeholder()]


# What stands above a class goes with it.
@mix
class Edges(Node):
    x: Slider

'''


def source(text=MODULE):
    return PythonSource(text, "nodes.py")


def changed_lines(before, after):
    return sorted(set(after.splitlines()) - set(before.splitlines()))


@pytest.mark.parametrize(
    ("module", "names", "line"),
    [
        (
            "flowra.type.component_type",
            ["Number"],
            "from flowra.type.component_type import Number, Placeholder, Slider",
        ),
        ("flowra.dag.context", ["RunContext"], "from flowra.dag.context import RunContext"),
        ("pathlib", ["Path"], "from pathlib import Path"),
        ("numpy", ["array", "Array", "ARRAY"], "from numpy import ARRAY, Array, array"),
        ("mine.shapes", ["cut"], "from mine.shapes import cut"),
    ],
)
def test_an_import_finds_its_sorted_place_and_nothing_else_changes(module, names, line):
    edited = source()
    edited.import_names(module, names, "mine")
    made = edited.result()
    assert changed_lines(MODULE, made) == [line]
    rows = made.splitlines()
    imports = [row for row in rows if row.startswith("from ")]
    order = {"__future__": 0, "typing": 1, "pathlib": 1, "mine": 3}
    keys = [(order.get(row.split()[1].partition(".")[0], 2), row.split()[1]) for row in imports]
    assert keys == sorted(keys)


def test_an_import_that_is_there_already_changes_nothing():
    edited = source()
    edited.import_names("flowra.dag.node", ["Node"], "mine")
    assert edited.result() == MODULE


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("x = 1\n", "from a.b import C\nx = 1\n"),
        ('"""Doc."""\n\nx = 1\n', '"""Doc."""\n\nfrom a.b import C\n\nx = 1\n'),
        ("import os\n\nx = 1\n", "import os\n\nfrom a.b import C\n\nx = 1\n"),
        ("from mine import x\n", "from a.b import C\n\nfrom mine import x\n"),
    ],
)
def test_a_module_without_a_neighbour_gets_the_import_where_it_belongs(text, made):
    edited = source(text)
    edited.import_names("a.b", ["C"], "mine")
    assert edited.result() == made


def test_an_import_that_gets_too_long_is_broken_as_formatters_do():
    edited = source("from a import b\n")
    names = [f"Name{number:02}" for number in range(20)]
    edited.import_names("a", names, "mine")
    made = edited.result()
    assert made.splitlines()[:2] == ["from a import (", "    Name00,"]
    assert max(map(len, made.splitlines())) < 120


def test_a_class_goes_with_its_decorators_comment_and_the_imports_only_it_used():
    edited = source()
    gone = edited.class_named("Edges")
    edited.remove_statement(gone)
    edited.drop_unused_imports(gone)
    edited.export(remove="Edges")
    made = edited.result()
    assert "Edges" not in made
    assert "mix" not in made
    assert "What stands above" not in made
    assert "from flowra.type.component_type import Placeholder\n" in made
    assert "    x = { 'ä' :1 }  # odd, and the author's\n" in made
    assert "Node   # the base" in made


def test_a_name_is_changed_wherever_the_module_means_it_and_nowhere_else():
    text = (
        '__all__ = ["Blur"]\n\n\nclass Blur(Node):\n    """Blur, says the text Blur."""\n\n    ä = "Blur"; b = Blur\n'
    )
    edited = source(text)
    edited.rename("Blur", "Soften")
    assert edited.result() == text.replace("class Blur", "class Soften").replace("= Blur", "= Soften").replace(
        '["Blur"]', '["Soften"]'
    )


def test_windows_line_breaks_stay():
    text = MODULE.replace("\n", "\r\n")
    edited = source(text)
    edited.import_names("flowra.dag.context", ["RunContext"], "mine")
    edited.append("class New:\n    pass\n")
    made = edited.result()
    assert made.count("\r\n") == made.count("\n")
    assert "class New:\r\n    pass\r\n" in made


def test_what_is_no_python_is_refused_with_its_line():
    with pytest.raises(PluginError) as caught:
        source("x = 1\ndef f(:\n")
    assert caught.value.where == "nodes.py:2"


def test_what_is_made_is_python_still():
    edited = source()
    edited.append("class New(Node):\n    pass")
    edited.export(add="New")
    names = ast.literal_eval(edited.result().partition("__all__ = ")[2].partition("]")[0] + "]")
    assert names == ["Blur", "Edges", "New"]
