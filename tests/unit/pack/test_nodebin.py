from __future__ import annotations

import base64
import io
import json
import stat

import jsonschema
import pytest
from fixtures.nodebin_factory import raw_entries, raw_zip, tiny_files, with_record

from flowra.config.signing_keys import key_id, new_key
from flowra.exceptions import PluginError, UsageError
from flowra.pack.nodebin.reader import read_nodebin
from flowra.pack.nodebin.schema import SCHEMAS, document_schema
from flowra.pack.nodebin.signature import check_signatures, signer
from flowra.pack.nodebin.writer import write_nodebin


def written(files, **arguments) -> bytes:
    buffer = io.BytesIO()
    write_nodebin(buffer, files, **arguments)
    return buffer.getvalue()


def read(tmp_path, data):
    path = tmp_path / "pack.nodebin"
    path.write_bytes(data)
    return read_nodebin(path)


def test_what_is_written_can_be_read_whatever_its_order_and_content(tmp_path):
    files = {
        "locales/中文.json": b"{}",
        "docs/empty.md": b"",
        "docs/zeros": bytes(1 << 20),
        "icons/pack.svg": b"<svg/>" * 100,
        **tiny_files(),
    }
    found = read(tmp_path, written(files))
    assert found.record.keys() == files.keys()
    assert [path.read_bytes() for path in found.extract(["docs/zeros"], tmp_path)] == [bytes(1 << 20)]


def test_equal_content_makes_equal_bytes_and_the_date_counts(tmp_path):
    files = tiny_files()
    backwards = dict(reversed(files.items()))
    assert written(files) == written(backwards)
    assert written(files) != written(files, date=1_700_000_000)
    assert read(tmp_path, written(files, date=0))


def test_a_name_that_the_format_has_no_place_for_is_not_written():
    with pytest.raises(PluginError, match="no place for"):
        written({**tiny_files(), "setup.py": b""})
    with pytest.raises(PluginError, match="same on some systems"):
        written({**tiny_files(), "docs/A": b"", "docs/a": b""})


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_are_schemas_of_draft_2020_12(name):
    schema = document_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False


def test_the_documents_of_an_archive_fit_the_schemas_and_wrong_ones_do_not():
    files = with_record(tiny_files())
    for name, file in {"manifest": "manifest.json", "node": "nodes/Double.json", "record": "RECORD.json"}.items():
        validator = jsonschema.Draft202012Validator(document_schema(name))
        document = json.loads(files[file])
        validator.validate(document)
        assert not validator.is_valid({**document, "more": 1})
        assert not validator.is_valid({**document, "format": "other/1"})


def test_a_key_is_written_for_its_owner_alone_and_never_over_a_file(tmp_path):
    path = tmp_path / "author.key"
    public = new_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert public.startswith("ed25519:")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="file of that name"):
        new_key(path)
    assert path.read_bytes() == before
    with pytest.raises(UsageError, match="can't be written"):
        new_key(tmp_path / "no" / "folder.key")


def test_a_key_that_others_can_read_does_not_sign(tmp_path):
    path = tmp_path / "author.key"
    new_key(path)
    path.chmod(0o640)
    with pytest.raises(UsageError, match="others can read"):
        signer(path)
    path.chmod(0o600)
    path.write_bytes(b"hello")
    with pytest.raises(UsageError, match="this is no key"):
        signer(path)


def test_the_four_states_of_signatures(tmp_path):
    public = new_key(tmp_path / "author.key")
    other = new_key(tmp_path / "other.key")
    found = read(tmp_path, written(tiny_files(), sign=signer(tmp_path / "author.key")))
    record, signatures = found.record_bytes, found.signatures
    assert list(signatures) == [key_id(public)]
    assert check_signatures(record, signatures, [other, public]).status == "valid-trusted"
    assert check_signatures(record, signatures, [other]).status == "valid-unknown"
    assert check_signatures(record, signatures, [other]).keys == (public,)
    assert check_signatures(record, {}, [public]).status == "absent"
    assert check_signatures(record + b" ", signatures, [public]).status == "tampered"


def test_a_signature_of_another_key_or_form_is_tampered_with(tmp_path):
    public = new_key(tmp_path / "author.key")
    other = new_key(tmp_path / "other.key")
    record = b"{}"
    _, content = signer(tmp_path / "author.key")(record)
    document = json.loads(content)
    short = base64.b64encode(b"short").decode()
    for bad in (
        {**document, "key": other},
        {**document, "signature": short},
        {**document, "signature": "?"},
        {**document, "format": "other"},
        {**document, "key": "ed25519:" + short},
        {**document, "more": 1},
        [],
    ):
        for name in (key_id(public), key_id(other)):
            assert check_signatures(record, {name: json.dumps(bad).encode()}, [public, other]).status == "tampered"
    assert check_signatures(record, {key_id(public): b"\xff"}, [public]).status == "tampered"


def test_content_that_was_exchanged_under_a_signature_is_refused(tmp_path):
    new_key(tmp_path / "author.key")
    found = read(tmp_path, written(tiny_files(), sign=signer(tmp_path / "author.key")))
    files = {**tiny_files(factor=3), **{f"signatures/{name}.sig": data for name, data in found.signatures.items()}}
    exchanged = read(tmp_path, raw_zip(raw_entries(with_record(files))))
    # Its record is right for its files, and so the signature, which is of the old record, tells.
    assert check_signatures(exchanged.record_bytes, exchanged.signatures, []).status == "tampered"
