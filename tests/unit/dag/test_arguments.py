"""Argument classes: what they validate, how they are identified, and what they refuse to be."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest
from fixtures.media_handlers import media_manager
from fixtures.type_strategies import PLAIN_JSON, WORDS
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, field_validator

from flowra.dag.arguments import argument_problems
from flowra.dag.node import BaseArgs
from flowra.plugin import use_manager
from flowra.type.component_type import Number, Placeholder, Select, Text
from flowra.type.value_type import JSON, AnyImage, Bytes, Detections, File, Float, ListOf, OptionalOf


class Settings(BaseArgs):
    """Settings of everything."""

    LIMIT: ClassVar[int] = 3
    threshold: Number(min=0, max=1, default=0.5, description="How much.")
    count: Annotated[int, Number(min=0)] = 1
    mode: Literal["fast", "good"] = "fast"
    name: str = Field("a", description="Its name.")
    tags: list[str] = Field(default_factory=list)
    note: str | None = None
    raw: bytes = b"\xff"
    data: JSON = None

    @property
    def twice(self) -> float:
        return 2 * self.threshold

    def doubled(self) -> int:
        return 2 * self.count


def test_values_are_validated_and_coerced():
    made = Settings(threshold=1, count=2.0, tags=("a", "b"), raw="/w==", data=(1, np.int64(2)))
    assert (made.threshold, made.count, made.tags, made.raw, made.data) == (1.0, 2, ["a", "b"], b"\xff", [1, 2])
    assert (type(made.threshold), type(made.count)) == (float, int)
    assert (made.mode, made.note, made.twice, made.doubled()) == ("fast", None, 2.0, 4)


def test_defaults_are_each_instance_s_own():
    first, second = Settings(), Settings()
    first.tags.append("x")
    assert second.tags == []


def test_descriptions_come_from_component_and_field():
    ports = Settings.__ports__
    assert (ports["threshold"].description, ports["name"].description) == ("How much.", "Its name.")
    assert list(ports) == ["threshold", "count", "mode", "name", "tags", "note", "raw", "data"]
    assert Settings.LIMIT == 3


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({"threshold": 2}, {"args.threshold": "should be less than or equal to 1, got number 2.0"}),
        ({"count": "x", "mode": "slow"}, {"args.count": "should be a valid integer", "args.mode": "is none of 'fast'"}),
        ({"tags": ["a", 1]}, {"args.tags.1": "should be a valid string, got whole number 1"}),
        ({"other": 1}, {"args.other": "Extra inputs are not permitted"}),
        ({"note": 5, "data": {1: 2}}, {"args.note": "valid string", "args.data": "a key of a JSON object is text"}),
    ],
)
def test_what_is_wrong_with_values_is_said_for_each_port(values, problems):
    with pytest.raises(ValidationError) as error:
        Settings(**values)
    found = {problem.place: problem.reason for problem in argument_problems(error.value, "args")}
    assert found.keys() == problems.keys()
    assert all(said in found[place] for place, said in problems.items())


def test_a_missing_value_is_named():
    class Needs(BaseArgs):
        image: AnyImage
        width: int

    with pytest.raises(ValidationError) as error:
        Needs()
    assert [problem.place for problem in argument_problems(error.value, "Needs")] == ["Needs.image", "Needs.width"]


def test_arguments_do_not_change():
    made = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        made.count = 2
    with pytest.raises(ValidationError, match="frozen"):
        del made.count
    assert made == Settings()


def test_the_digest_is_that_of_the_sorted_json():
    made = Settings(tags=["ä", "b"], data={"b": 1, "a": [None, 2.5]}, note="x")
    text = json.dumps(made.model_dump(mode="json"), sort_keys=True)
    assert made.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert made.model_dump(mode="json")["raw"] == "/w=="
    assert made.sha256 == Settings(**made.model_dump(mode="json")).sha256


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "threshold": st.floats(0, 1),
            "count": st.integers(0, 2**70),
            "tags": st.lists(st.text(), max_size=3),
            "note": st.none() | WORDS,
            "raw": st.binary(max_size=5),
            "data": PLAIN_JSON,
        },
    )
)
def test_arguments_come_back_from_their_json_with_their_digest(values):
    made = Settings(**values)
    written = json.loads(json.dumps(made.model_dump(mode="json")))
    assert Settings(**written) == made
    assert Settings(**written).sha256 == made.sha256


def test_media_are_part_of_the_digest_by_their_content():
    class Pictures(BaseArgs):
        image: AnyImage
        more: ListOf(AnyImage)
        either: OptionalOf(AnyImage) | float = 1.5
        found: OptionalOf(Detections) = None

    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    found = Detections(boxes=[[0, 0, 1, 1]], scores=[1], class_ids=[0], class_names=["a"], image_size=(2, 3))
    with use_manager(media_manager()):
        made = Pictures(image=pixels, more=[pixels], either=pixels, found=found)
        assert made.image is pixels
        written = made.model_dump(mode="json")
        assert written["image"] == written["more"][0] == written["either"]
        assert written["image"]["shape"] == [2, 3]
        assert Detections.from_json(written["found"]) == found
        assert made.sha256 == Pictures(image=pixels.copy(), more=[pixels], either=pixels, found=found).sha256
        assert made.sha256 != Pictures(image=pixels + 1, more=[pixels], either=pixels, found=found).sha256


def test_a_path_is_text_in_the_digest(tmp_path):
    class Reads(BaseArgs):
        path: File(exists=False)

    assert Reads(path=Path("a") / "b").model_dump(mode="json") == {"path": "a/b"}
    assert Reads(path="a/b").sha256 == Reads(path=Path("a/b")).sha256


def test_a_file_given_as_default_is_looked_for_when_it_is_used():
    class Reads(BaseArgs):
        path: File = "nowhere/at/all.png"

    with pytest.raises(ValidationError, match="no such file"):
        Reads()


def test_names_that_pydantic_warns_of_are_good_names():
    class Model(BaseArgs):
        model_path: str = "a"
        model_name: str = "b"

    assert Model().model_path == "a"


def test_validators_of_pydantic_work():
    class Even(BaseArgs):
        count: int = 2

        @field_validator("count")
        @classmethod
        def _even(cls, value):
            if value % 2:
                raise ValueError("is odd")
            return value

    assert Even(count=4).count == 4
    with pytest.raises(ValidationError, match="is odd"):
        Even(count=3)


def test_any_takes_a_value_as_it_is():
    class Passes(BaseArgs):
        value: Any

    value = object()
    assert Passes(value=value).value is value


def test_components_and_types_may_stand_as_classes():
    class Short(BaseArgs):
        value: Number
        image: Placeholder
        text: Text = "a"
        bytes_: Annotated[bytes, Placeholder] = b""
        choice: Annotated[Literal["a", "b"], Select()] = "b"
        raw: Bytes = b""

    assert Short.__ports__["value"].value_type == Float()
    assert Short(value=1, image=None).choice == "b"
