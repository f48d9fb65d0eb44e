"""References to models are text in one form, and what is none is refused with the reason."""

from __future__ import annotations

import pytest

from flowra.type.model_reference import ModelReference, is_model_reference
from flowra.type.value_type import Model


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("modelscope://org/name", ModelReference("modelscope", "org/name")),
        ("huggingface://gpt2@main", ModelReference("huggingface", "gpt2", "main")),
        ("model://o/n@v1.0#a.onnx", ModelReference("model", "o/n", "v1.0", ("a.onnx",), single=True)),
        ("model://o/n@feature/x#sub/a.onnx", ModelReference("model", "o/n", "feature/x", ("sub/a.onnx",), single=True)),
        ("model://o/n#a.onnx,b.json", ModelReference("model", "o/n", "", ("a.onnx", "b.json"))),
        ("model://o/n#a.onnx,", ModelReference("model", "o/n", "", ("a.onnx",))),
        ("model://o/n#*.onnx", ModelReference("model", "o/n", "", ("*.onnx",))),
        ("model://o/n#onnx/", ModelReference("model", "o/n", "", ("onnx/",))),
        ("modelscope://o/n@master+0123456789ab", ModelReference("modelscope", "o/n", "master+0123456789ab")),
    ],
)
def test_a_reference_is_read_and_written_the_same(text, reference):
    assert ModelReference.parse(text) == reference
    assert str(reference) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("org/name", "names no hub"),
        ("modelscope://", "no model's name"),
        ("modelscope://a/b/c", "no model's name"),
        ("modelscope://a/b@", "an @ and no revision"),
        ("modelscope://a/b@v 1", "no revision"),
        ("modelscope://a/b@../x", "no revision"),
        ("modelscope://a/b#", "a # and no file"),
        ("modelscope://a/b#../x", "no path inside a model"),
        ("modelscope://a/b#/etc/passwd", "no path inside a model"),
        ("modelscope://a/b#x\\y", "no path inside a model"),
        ("modelscope://a/b#x,,y", "named by its path"),
        ("s3+x://a/b", "no hub's name"),
    ],
)
def test_what_is_no_reference_is_refused_with_the_reason(text, said):
    with pytest.raises(ValueError, match=said):
        ModelReference.parse(text)


@pytest.mark.parametrize("path", ["model.onnx", "/a/b", "C:/x", "https://host/x", "file:///x", "weights@v1#x"])
def test_paths_and_addresses_of_pages_are_no_references(path):
    assert not is_model_reference(path)


def test_the_value_type_takes_references_and_paths():
    assert Model().accepts_literal("modelscope://a/b@v1#x.onnx") is None
    assert Model().accepts_literal("weights/x.onnx") is None
    assert "HUB://ORG/NAME" in Model().accepts_literal("modelscope://a b")
    assert "got" in Model().accepts_literal(3)
    assert "neither" in Model().accepts_literal("https://host/x.onnx")
