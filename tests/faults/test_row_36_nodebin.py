"""Row 36 of the faults: an archive that is not what the format allows is refused, and the disk stays as it was.

Each archive is made byte by byte, as an attacker would, and given to `flowra pack verify` and `flowra pack install`'s
own reader. The oracle is a folder around the archive in which nothing may appear or change.
"""

from __future__ import annotations

import io
import json
import stat
import zipfile
from dataclasses import replace
from zipfile import ZipInfo

import pytest
from fixtures.nodebin_factory import (
    RawEntry,
    changed,
    raw_entries,
    raw_zip,
    tiny_files,
    wheel_bytes,
    with_record,
    write_nodebin_file,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowra.exceptions import FlowraError, PluginError
from flowra.pack.nodebin.limits import Limits
from flowra.pack.nodebin.reader import read_nodebin

WHEEL = "wheels/flowra_tiny-1.0-py3-none-any.whl"


def extra_file(name: bytes, content: bytes = b"x", **fields) -> bytes:
    """Return an archive with one more file, which its record names too, in its place in the order."""
    plain = name.decode("utf-8", "replace")
    files = with_record({**tiny_files(), plain: content})
    return raw_zip(changed(files, plain, lambda entry: replace(entry, name=name, **fields)))


def with_wheel(**wheel) -> bytes:
    return raw_zip(raw_entries(with_record({**tiny_files(), WHEEL: wheel_bytes(**wheel)})))


def bad_manifest(**fields) -> bytes:
    files = tiny_files()
    return raw_zip(
        raw_entries(
            with_record({**files, "manifest.json": json.dumps(json.loads(files["manifest.json"]) | fields).encode()})
        )
    )


def sound() -> dict[str, bytes]:
    return with_record(tiny_files())


def overlapping() -> bytes:
    entries = raw_entries(sound())
    return raw_zip([*entries[:-1], replace(entries[-1], offset=0)])


def symlink_in_wheel() -> bytes:
    link = ZipInfo("flowra_tiny/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    return with_wheel(extra={link: b"/etc/passwd"})


def zip64_sizes() -> bytes:
    extra = b"\x01\x00\x10\x00" + (1).to_bytes(8, "little") * 2
    return raw_zip(changed(sound(), "LICENSE", lambda entry: replace(entry, extra=extra)))


def zip64_table() -> bytes:
    """Put a zip64 end record, which many readers prefer, before an honest end record."""
    data = raw_zip(raw_entries(sound()))
    end = data[-22:]
    locator = b"PK\x06\x07" + bytes(4) + len(data[:-22]).to_bytes(8, "little") + (1).to_bytes(4, "little")
    return data[:-22] + b"PK\x06\x06" + (44).to_bytes(8, "little") + bytes(44) + locator + end


def signed_wrongly() -> bytes:
    return raw_zip(raw_entries(with_record({**tiny_files(), "signatures/x.sig": b"{}"})))


#: What is refused, and a word of the reason; a reason that is not the one meant would hide that the check is gone.
BAD = {
    "an absolute path": (lambda: extra_file(b"/etc/cron.d/evil"), "absolute"),
    "a path that climbs": (lambda: extra_file(b"docs/../../evil"), "leads out"),
    "a path that begins by climbing": (lambda: extra_file(b"../evil"), "leads out"),
    "a backslash": (lambda: extra_file(b"docs\\..\\evil"), r"holds \\"),
    "a drive": (lambda: extra_file(b"C:/evil"), "holds :"),
    "NUL in a name": (lambda: extra_file(b"docs/a\0.md"), "can't be seen"),
    "a name that is no text": (lambda: extra_file(b"docs/\xff.md", flags=0x800), "no text"),
    "a name in reverse": (lambda: extra_file("docs/\u202egpj.exe".encode(), flags=0x800), "can't be seen"),
    "a decomposed name": (lambda: extra_file("docs/e\u0301.md".encode(), flags=0x800), "composed"),
    "a device of Windows": (lambda: extra_file(b"docs/NUL.md"), "Windows"),
    "a name that ends in a dot": (lambda: extra_file(b"docs/a."), "Windows"),
    "an empty part": (lambda: extra_file(b"docs//a"), "empty part"),
    "a folder": (lambda: extra_file(b"docs/a/", b""), "empty part"),
    "a file where none belongs": (lambda: extra_file(b"setup.py"), "no place"),
    "a symbolic link": (lambda: extra_file(b"docs/link", b"/etc/passwd", mode=0o120777), "symbolic link"),
    "a device": (lambda: extra_file(b"docs/sda", b"", mode=0o060644), "device"),
    "a pipe": (lambda: extra_file(b"docs/pipe", b"", mode=0o010644), "pipe"),
    "a program": (lambda: extra_file(b"docs/run", mode=0o100755), "mode 755"),
    "setuid": (lambda: extra_file(b"docs/run", mode=0o104644), "mode"),
    "attributes of another system": (lambda: extra_file(b"docs/a", system=0), "system"),
    "one name twice": (
        lambda: raw_zip([*raw_entries(sound()), RawEntry(WHEEL.encode(), b"other")]),
        "is there twice",
    ),
    "names that differ in case": (
        lambda: raw_zip(raw_entries(with_record({**tiny_files(), "docs/A.md": b"", "docs/a.md": b""}))),
        "same on some systems",
    ),
    "folders that differ in case": (
        lambda: raw_zip(raw_entries(with_record({**tiny_files(), "docs/A/x": b"", "docs/a/y": b""}))),
        "same on some systems",
    ),
    "a file that is a folder too": (
        lambda: raw_zip(raw_entries(with_record({**tiny_files(), "docs/a": b"", "docs/a/b": b""}))),
        "a file and a folder",
    ),
    "bytes after the end": (lambda: raw_zip(raw_entries(sound()), after=b"\0"), "follows its end"),
    "a second archive after the end": (
        lambda: raw_zip(raw_entries(sound())) + raw_zip(raw_entries(sound())),
        "between its table and its end",
    ),
    "bytes before the start": (lambda: raw_zip(raw_entries(sound()), before=b"#!/bin/sh\n"), "before it"),
    "a comment": (lambda: raw_zip(raw_entries(sound()), comment=b"hello"), "follows its end|no zip"),
    "bytes between entries": (
        lambda: raw_zip(changed(sound(), "LICENSE", lambda entry: replace(entry, after=b"hidden"))),
        "before it",
    ),
    "entries that overlap": (overlapping, "overlaps"),
    "another name in the entry's own header": (
        lambda: raw_zip(changed(sound(), "LICENSE", lambda entry: replace(entry, local_name=b"LICENCE"))),
        "another name",
    ),
    "an encrypted entry": (
        lambda: raw_zip(changed(sound(), "LICENSE", lambda entry: replace(entry, flags=1))),
        "encrypted",
    ),
    "a size told afterwards": (
        lambda: raw_zip(changed(sound(), "LICENSE", lambda entry: replace(entry, flags=8))),
        "after its bytes",
    ),
    "a packing method that is not read": (
        lambda: raw_zip(changed(sound(), "LICENSE", lambda entry: replace(entry, method=12))),
        "method 12",
    ),
    "zip64 sizes": (zip64_sizes, "extra fields"),
    "a zip64 table": (zip64_table, "between its table and its end"),
    "a bomb": (lambda: extra_file(b"docs/zeros", bytes(10_000_000), method=8), "more than 100 times"),
    "a bomb that lies about its size": (
        lambda: extra_file(b"docs/zeros", bytes(10_000_000), method=8, size=4000),
        "larger than it says",
    ),
    "a wrong CRC": (lambda: extra_file(b"docs/a", b"hello", crc=1), "damaged"),
    "a record that names another digest": (
        lambda: raw_zip(changed(sound(), "LICENSE", lambda entry: replace(entry, content=b"Do nothing here.\n"))),
        "not the file that RECORD.json names",
    ),
    "a file that the record lacks": (
        lambda: raw_zip(
            sorted(
                [*raw_entries(sound()), RawEntry(b"docs/a", b"")],
                key=lambda entry: (entry.name != b"manifest.json", entry.name),
            )
        ),
        "differ in docs/a",
    ),
    "a file that the record has and the archive lacks": (
        lambda: raw_zip(entry for entry in raw_entries(sound()) if entry.name != b"LICENSE"),
        "differ in LICENSE",
    ),
    "no record": (lambda: raw_zip(raw_entries(tiny_files())), "RECORD.json be there"),
    "no manifest": (lambda: raw_zip(list(raw_entries(sound()))[1:]), "first entry"),
    "nothing": (lambda: raw_zip([]), "first entry"),
    "an unsorted archive": (lambda: raw_zip([*raw_entries(sound())[:1], *raw_entries(sound())[:0:-1]]), "not sorted"),
    "a manifest with an unknown field": (lambda: bad_manifest(run="evil"), "run"),
    "a manifest of another format": (lambda: bad_manifest(format="nodebin/2"), "format"),
    "a manifest that names another wheel": (lambda: bad_manifest(wheel="wheels/other.whl"), "names the wheel"),
    "a manifest that says another version": (lambda: bad_manifest(version="2.0"), "manifest says"),
    "a manifest that says another name": (lambda: bad_manifest(name="flowra-image"), "manifest says"),
    "a manifest that says another pack": (
        lambda: bad_manifest(id="image", groups=[]),
        "listed and nodes described|register",
    ),
    "a manifest with escape sequences": (lambda: bad_manifest(tagline="\x1b[2Jhello"), "tagline"),
    "an icon that is not there": (lambda: bad_manifest(icon="icons/pack.svg"), "icon"),
    "a node that is not described": (lambda: bad_manifest(groups=[]), "differ"),
    "a signature under a name that is no key": (signed_wrongly, "no place"),
    "a wheel that writes outside": (lambda: with_wheel(extra={"../../evil.py": b""}), "leads out"),
    "a wheel that writes to an absolute path": (lambda: with_wheel(extra={"/evil.py": b""}), "absolute"),
    "a wheel with a symbolic link": (symlink_in_wheel, "link"),
    "a wheel of another distribution": (lambda: with_wheel(distribution="flowra-other"), "holds flowra-other"),
    "a wheel of no pack": (lambda: with_wheel(pack=None), "does not register"),
    "a wheel that is none": (
        lambda: raw_zip(raw_entries(with_record({**tiny_files(), WHEEL: b"hello"}))),
        "no wheel",
    ),
    "a Flowra of its own": (
        lambda: raw_zip(
            raw_entries(
                with_record(
                    {
                        **tiny_files(),
                        "wheels/deps/flowra-9-py3-none-any.whl": wheel_bytes("flowra", "9", pack=None),
                    }
                )
            )
        ),
        "Flowra of its own",
    ),
    "JSON nested a hundred thousand deep": (
        lambda: raw_zip(
            changed(sound(), "RECORD.json", lambda entry: replace(entry, content=b"[" * 100_000 + b"]" * 100_000))
        ),
        "no JSON|nested",
    ),
    "JSON with a key twice": (
        lambda: raw_zip(
            changed(sound(), "RECORD.json", lambda entry: replace(entry, content=b'{"files": {}, "files": {}}'))
        ),
        "twice",
    ),
    "a text file": (lambda: b"hello, this is no archive at all", "no zip file"),
    "an empty file": (lambda: b"", "too short"),
}


def surroundings(folder):
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(folder.rglob("*"))}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_archive_is_refused_and_nothing_is_written(kind, tmp_path):
    make, reason = BAD[kind]
    home = tmp_path / "a" / "b"
    home.mkdir(parents=True)
    path = home / "bad.nodebin"
    path.write_bytes(make())
    before = surroundings(tmp_path)
    with pytest.raises(PluginError, match=reason) as caught:
        read_nodebin(path)
    assert len(str(caught.value).splitlines()) <= 15
    assert "\x1b" not in str(caught.value)
    assert surroundings(tmp_path) == before


def test_the_archive_that_the_bad_ones_are_made_of_is_sound(tmp_path):
    read = read_nodebin(write_nodebin_file(tmp_path / "tiny.nodebin"))
    assert (read.manifest.id, list(read.nodes)) == ("tiny", ["Double"])
    [wheel] = read.extract([WHEEL], tmp_path)
    assert wheel.read_bytes() == wheel_bytes()


def test_more_entries_than_the_limit_are_refused_before_they_are_read(tmp_path):
    path = tmp_path / "many.nodebin"
    path.write_bytes(raw_zip([RawEntry(b"docs/%d" % number, b"") for number in range(20_001)]))
    with pytest.raises(PluginError, match="20,001 entries; the limit is 20,000"):
        read_nodebin(path)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(total=1000), "unpacked it has"),
        (Limits(file=1000), "the limit is 1,000"),
        (Limits(document=100), "RECORD.json"),
    ],
)
def test_more_bytes_than_the_limit_are_refused(limits, reason, tmp_path):
    with pytest.raises(PluginError, match=reason):
        read_nodebin(write_nodebin_file(tmp_path / "tiny.nodebin"), limits)


def test_an_archive_that_changes_after_it_was_read_is_not_unpacked(tmp_path):
    path = write_nodebin_file(tmp_path / "tiny.nodebin")
    read = read_nodebin(path)
    data = path.read_bytes()
    path.write_bytes(data.replace(wheel_bytes(), wheel_bytes(factor=3)))
    with pytest.raises((PluginError, ValueError)):
        read.extract([WHEEL], tmp_path)


def test_what_another_program_packed_is_refused_even_if_its_content_is_sound(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sound().items():
            archive.writestr(name, content)
    path = tmp_path / "other.nodebin"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(PluginError, match="no plain file"):
        read_nodebin(path)


_SOUND = raw_zip(raw_entries(sound()))
_EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, len(_SOUND) - 1), st.binary(min_size=1, max_size=8)),
        st.tuples(st.just("cut"), st.integers(0, len(_SOUND) - 1), st.integers(1, 64)),
        st.tuples(st.just("put"), st.integers(0, len(_SOUND) - 1), st.binary(min_size=1, max_size=64)),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=300, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=_EDITS)
def test_mutated_bytes_never_write_never_hang_and_only_raise_typed_errors(edits, tmp_path):
    data = bytearray(_SOUND)
    for kind, at, what in edits:
        if kind == "set":
            data[at : at + len(what)] = what
        elif kind == "cut":
            del data[at : at + what]
        else:
            data[at:at] = what
    path = tmp_path / "fuzzed.nodebin"
    path.write_bytes(data)
    before = sorted(tmp_path.iterdir())
    try:
        read = read_nodebin(path)
    except FlowraError:
        pass
    else:
        assert read.manifest.name == "flowra-tiny"
    assert sorted(tmp_path.iterdir()) == before
