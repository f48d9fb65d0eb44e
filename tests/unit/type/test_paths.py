"""Files and folders: which paths pass, in which form, and which literals a graph may hold."""

import os
from pathlib import Path, PurePath, PurePosixPath

import pytest
from pydantic_core import SchemaValidator, ValidationError

from flowra.type.value_type import File, Folder


def validated(value_type, value):
    return SchemaValidator(value_type.core_schema()).validate_python(value)


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "photo.PNG").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("given", ["photo.PNG", "./photo.PNG", Path("photo.PNG"), PurePosixPath("photo.PNG")])
def test_a_file_that_is_there_arrives_as_an_absolute_path(here, given):
    assert validated(File(), given) == here / "photo.PNG"
    assert isinstance(validated(File(), given), Path)


def test_the_home_folder_is_found(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    monkeypatch.setenv("USERPROFILE", str(here))
    assert validated(File(), "~/photo.PNG") == here / "photo.PNG"


def test_a_path_that_will_be_written_stays_relative(here):
    assert validated(File(exists=False), "out/new.png") == Path("out/new.png")
    assert validated(Folder(exists=False), "out") == Path("out")
    assert validated(File(exists=False), here / "new.png") == here / "new.png"


def test_a_folder_that_is_there_arrives_as_an_absolute_path(here):
    assert validated(Folder(), "folder") == here / "folder"


def test_endings_count_whatever_their_case(here):
    assert validated(File(extensions=(".Png", ".jpg")), "photo.PNG") == here / "photo.PNG"
    assert File(extensions=(".PNG",)) == File(extensions=(".png",))


def test_an_address_is_text_where_one_is_taken():
    address = "HTTPS://example.org/a.png"
    assert validated(File(url=True), address) == address
    assert File(url=True, extensions=(".jpg",)).accepts_literal(address) is None
    assert File().accepts_literal(address) == "takes a path, not an address on the network"


@pytest.mark.parametrize(
    ("value_type", "value", "said"),
    [
        (File(), "nothing.png", "no such file: {here}/nothing.png"),
        (File(), "folder", "is a folder, not a file: {here}/folder"),
        (Folder(), "nothing", "no such folder: {here}/nothing"),
        (Folder(), "photo.PNG", "is a file, not a folder: {here}/photo.PNG"),
        (File(), "photo.PNG/inside", "no such file"),
    ],
)
def test_what_is_not_there_is_named_when_the_node_runs_only(here, value_type, value, said):
    with pytest.raises(ValidationError, match=r"no such|not a"):
        validated(value_type, value)
    with pytest.raises(ValidationError) as error:
        validated(value_type, value)
    assert said.format(here=here) in str(error.value)
    assert value_type.accepts_literal(value) is None


@pytest.mark.parametrize("value_type", [File(), File(exists=False), Folder(), Folder(exists=False)])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "expected a path, got empty text"),
        ("a\0b", "a path can't hold a NUL character"),
        (5, "expected a path, got whole number 5"),
        (b"a", "expected a path, got bytes b'a'"),
        (None, "expected a path, got nothing (null)"),
        (["a"], "expected a path, got list ['a']"),
        ("~nobody-of-that-name/x", "there is no home folder ~nobody-of-that-name"),
        ("\ud800", "no file can have such a name"),
    ],
)
def test_what_can_be_no_path_is_refused_in_the_graph_too(value_type, value, said):
    assert said in value_type.accepts_literal(value)
    with pytest.raises(ValidationError):
        validated(value_type, value)


@pytest.mark.skipif(os.name == "nt", reason="Windows says it has no such file")
@pytest.mark.parametrize("value_type", [File(), Folder()])
def test_a_name_that_no_file_system_has_room_for_is_no_traceback(value_type):
    with pytest.raises(ValidationError, match="File name too long"):
        validated(value_type, "x" * 5000)


def test_a_file_of_another_ending_is_refused_by_both_endings():
    assert File(extensions=(".png", ".jpg")).accepts_literal("a/b.gif") == "takes .png, .jpg, got .gif (b.gif)"
    assert File(extensions=(".png",)).accepts_literal(PurePath("b")) == "takes .png, got no ending (b)"


@pytest.mark.parametrize(
    "settings", [{"extensions": "png"}, {"extensions": ("png",)}, {"extensions": (1,)}, {"exists": "no"}, {"url": 1}]
)
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(ValueError, match=r"extensions are a list like|is true or false"):
        File(**settings)
