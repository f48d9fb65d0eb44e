"""Media types: the core declares them, packs handle their values."""

import numpy as np
import pytest
from fixtures.media_handlers import media_manager
from pydantic_core import SchemaValidator, ValidationError

from flowra.exceptions import PluginError
from flowra.plugin import PluginManager, ValueTypeEntry, hookimpl, use_manager
from flowra.type.handler import handler_for, summarize
from flowra.type.value_type import (
    AnyImage,
    Audio,
    Detections,
    Embedding,
    Float,
    Image,
    ListOf,
    Mask,
    Mesh,
    OptionalOf,
    PointCloud,
    Tensor,
    Video,
)

PIXELS = np.zeros((2, 3), dtype=np.uint8)
DETECTIONS = Detections.__flowra_value_type__


@pytest.fixture
def media():
    with use_manager(media_manager()) as manager:
        yield manager


def validated(value_type, value):
    return SchemaValidator(value_type.core_schema()).validate_python(value)


@pytest.mark.parametrize(
    ("value_type", "literal"),
    [
        (AnyImage(), "a.png"),
        (Image(mode="RGB"), "a.png"),
        (Mask(), "a.png"),
        (Audio(), "a.wav"),
        (Video(), "a.mp4"),
        (Mesh(), "a.glb"),
        (PointCloud(), "a.ply"),
        (Tensor(), "a.npy"),
        (Tensor(), [[1, 2], [3, 4]]),
        (Embedding(), [0.5, 1]),
        (DETECTIONS, {"boxes": []}),
    ],
)
def test_a_literal_stands_for_a_value_without_any_pack(value_type, literal):
    with use_manager(PluginManager()):
        assert value_type.accepts_literal(literal) is None


@pytest.mark.parametrize(
    ("value_type", "literal", "said"),
    [
        (AnyImage(), 5, "expected AnyImage (picture: array"),
        (AnyImage(), "", "expected a path, got empty text"),
        (AnyImage(), None, "got nothing (null)"),
        (Mask(), [[True]], "expected Mask (mask: bool array"),
        (Embedding(), "a.npy", "expected Embedding (feature vector"),
        (DETECTIONS, [1], "expected Detections (objects found in a picture"),
        (Tensor(), True, "expected Tensor (numpy array of numbers), got boolean True"),
    ],
)
def test_a_literal_that_can_be_no_such_value_is_refused_without_any_pack(value_type, literal, said):
    with use_manager(PluginManager()):
        assert said in value_type.accepts_literal(literal)


def test_a_value_in_memory_is_left_to_the_handler():
    assert AnyImage().accepts_literal(PIXELS) is None


def test_the_handler_checks_values(media):
    assert validated(AnyImage(), PIXELS) is PIXELS
    with pytest.raises(ValidationError, match=r"expected an array for Image\[mode=L\], got set"):
        validated(Image(mode="L"), {1})
    assert validated(OptionalOf(ListOf(Mask)), [PIXELS])[0] is PIXELS


def test_a_handler_is_made_once_for_each_manager(media):
    first = handler_for("AnyImage")
    assert handler_for("AnyImage") is first
    with use_manager(media_manager()):
        assert handler_for("AnyImage") is not first
    assert handler_for("AnyImage") is first


@pytest.mark.parametrize(("value_type", "pack"), [(AnyImage(), "flowra-image"), (Audio(), "flowra-media")])
def test_without_a_pack_the_one_to_install_is_named(value_type, pack):
    with use_manager(PluginManager()), pytest.raises(PluginError) as error:
        validated(value_type, PIXELS)
    assert f"{value_type.kind} values need a pack that handles them" in str(error.value)
    assert f"pip install {pack}" in str(error.value)


def test_a_handler_that_is_none_names_the_pack():
    class Wrong:
        @hookimpl
        def flowra_value_types(self):
            return [ValueTypeEntry("AnyImage", handler="json:dumps"), ValueTypeEntry("Mask", handler="gone:Handler")]

    manager = PluginManager()
    manager.register(Wrong(), "wrong")
    with use_manager(manager):
        with pytest.raises(PluginError) as error:
            handler_for("AnyImage")
        assert "json:dumps is no value handler" in str(error.value)
        assert "pack wrong, value type AnyImage" in str(error.value)
        with pytest.raises(PluginError, match="wrong"):
            handler_for("Mask")


@pytest.mark.parametrize(
    ("value", "value_type", "text"),
    [
        (PIXELS, AnyImage(), "2×3 uint8"),
        ([PIXELS] * 4, ListOf(AnyImage), "4 items: 2×3 uint8, 2×3 uint8, 2×3 uint8, …"),
        ([1.0], ListOf(Float), "1 items: number 1.0"),
        (None, OptionalOf(AnyImage), "nothing (null)"),
        (PIXELS, OptionalOf(AnyImage), "2×3 uint8"),
        (1.5, Float(), "number 1.5"),
        ("not an array", AnyImage(), "str (can't be described: AttributeError)"),
        (PIXELS, Audio(), "ndarray (can't be described: PluginError)"),
    ],
)
def test_any_value_is_described_in_one_line(media, value, value_type, text):
    assert summarize(value, value_type) == text


@pytest.mark.parametrize(
    ("value_type", "schema"),
    [
        (AnyImage(), {"type": "string", "minLength": 1, "format": "path", "x-flowra-type": "AnyImage"}),
        (Embedding(dim=3), {"type": "array", "x-flowra-type": {"type": "Embedding", "dim": 3}}),
        (Tensor(), {"type": ["string", "array"], "minLength": 1, "x-flowra-type": "Tensor"}),
        (DETECTIONS, {"type": "object", "x-flowra-type": "Detections"}),
    ],
)
def test_a_schema_says_what_stands_for_a_value_in_a_graph_file(value_type, schema):
    assert value_type.json_schema() == schema


def test_text_of_a_port_that_reads_files_is_a_path():
    reading = [AnyImage(), Mask(), Tensor(), Audio(), Video(), Mesh(), PointCloud(), Image(mode="L")]
    assert all(value_type.reads_files for value_type in reading)
    assert not any(value_type.reads_files for value_type in (Embedding(), DETECTIONS))
