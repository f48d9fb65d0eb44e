"""Records that are signed, and whom a store believes."""

from __future__ import annotations

import itertools
from hashlib import sha256

import pytest

from flowra.config.signing_keys import new_key
from flowra.exceptions import UsageError
from flowra.storage.record import Record
from flowra.storage.refs import InlineRef
from flowra.storage.remote.envelope import seal, unwrap
from flowra.storage.remote.opening import open_remote
from flowra.storage.remote.shared_folder import SharedFolder
from flowra.storage.remote.signing import RecordKeys

KEY = sha256(b"key").digest()


def record(answer, key=KEY):
    return Record(key, "t/N", {"out": InlineRef("json", b"%d" % answer)}, 0.5, b"{}", 1.0)


@pytest.fixture
def people(tmp_path):
    """Two key pairs: private as PEM, public as text."""
    names = ("ann", "ben")
    return {name: (tmp_path / name, new_key(tmp_path / name)) for name in names}


def keys(people, signs=None, *, trusts=()):
    private = people[signs][0].read_bytes() if signs else None
    return RecordKeys.of(private, [people[name][1] for name in trusts])


def test_a_signed_record_is_believed_by_those_who_trust_its_key(stores, people, caplog):
    assert stores(keys=keys(people, "ann")).publish(record(1)) == record(1)
    assert stores(keys=keys(people, trusts=["ann", "ben"])).lookup(KEY) == record(1)
    assert stores().lookup(KEY) == record(1)
    other = stores(keys=keys(people, trusts=["ben"]))
    assert other.lookup(KEY) is None
    assert other.lookup_many([KEY, sha256(b"").digest()]) == {}
    assert other.notices.counts == {"untrusted": 2}
    assert caplog.text.count("signed by somebody whom you don't trust") == 1


def test_a_record_that_nobody_signed_is_not_believed_by_those_who_trust_some(stores, people, caplog):
    stores().publish(record(1))
    assert stores(keys=keys(people, trusts=["ann"])).lookup(KEY) is None
    assert "signed by nobody" in caplog.text


def test_who_signs_believes_its_own_records_and_takes_the_place_of_others(stores, people):
    stores().publish(record(1))
    ann = stores(keys=keys(people, "ann", trusts=["ben"]))
    assert ann.publish(record(2)) == record(2)
    assert ann.lookup(KEY) == record(2)
    # The other one believes it, and adopts it.
    assert stores(keys=keys(people, "ben", trusts=["ann"])).publish(record(3)) == record(2)
    assert stores().publish(record(4)) == record(2)


def test_who_trusts_some_and_signs_nothing_goes_on_with_its_own_and_replaces_nothing(stores, people):
    stores(keys=keys(people, "ben")).publish(record(1))
    store = stores(keys=keys(people, trusts=["ann"]))
    assert store.publish(record(2)) == record(2)
    assert stores().lookup(KEY) == record(1)


def test_a_signature_fits_one_record_under_one_key_only(people):
    signing, trusting = keys(people, "ann"), keys(people, trusts=["ann"])
    whole = seal(record(1), signing.sign)
    assert trusting.trust(KEY, unwrap(KEY, whole))
    other = sha256(b"other").digest()
    with pytest.raises(ValueError, match="checksum"):
        unwrap(other, whole)
    # With a checksum that fits, as an attacker would write it.
    signature = unwrap(KEY, whole).signature
    for forged in (record(1, other), record(2)):
        assert not trusting.trust(forged.key, unwrap(forged.key, seal(forged, lambda _: signature)))


def test_each_byte_of_a_sealed_record_counts(people):
    trusting = keys(people, trusts=["ann"])
    whole = seal(record(1), keys(people, "ann").sign)
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1
        try:
            sealed = unwrap(KEY, bytes(changed))
        except ValueError:
            continue
        assert not trusting.trust(KEY, sealed)
    for length in range(len(whole)):
        with pytest.raises(ValueError, match=r"."):
            unwrap(KEY, whole[:length])


def test_keys_come_from_the_settings_or_a_secret(people, tmp_path, monkeypatch):
    shared = tmp_path / "team"
    shared.mkdir()
    ann, ben = people["ann"], people["ben"]
    body = "".join(itertools.islice(ann[0].read_text().splitlines(), 1, 2))
    for secret in (ann[0].read_text(), body):
        monkeypatch.setenv("FLOWRA_SECRET_RESULT_KEY", secret)
        with open_remote(SharedFolder(shared)) as store:
            store.publish(record(1), replace=True)
            sealed = unwrap(KEY, store.objects.get(store._layout.record(KEY)))
        assert keys(people, trusts=["ann"]).trust(KEY, sealed)
    monkeypatch.delenv("FLOWRA_SECRET_RESULT_KEY")
    monkeypatch.setenv("FLOWRA_RESULT_SIGNERS", ann[1])
    assert RecordKeys.from_settings().trusted == keys(people, trusts=["ann"]).trusted
    monkeypatch.setenv("FLOWRA_RESULT_KEY", str(ben[0]))
    assert RecordKeys.from_settings().trusted == keys(people, trusts=["ann", "ben"]).trusted
    ben[0].chmod(0o644)
    with pytest.raises(UsageError, match="others can read the key"):
        RecordKeys.from_settings()


@pytest.mark.parametrize("text", ["ed25519:", "ed25519:AAAA", "rsa:AAAA", "ed25519:" + "!" * 44])
def test_what_is_no_key_is_not_trusted_in_silence(text, monkeypatch):
    monkeypatch.setenv("FLOWRA_RESULT_SIGNERS", text)
    with pytest.raises(UsageError, match="a key that is to be trusted is none"):
        RecordKeys.from_settings()


def test_a_secret_that_is_no_key_is_said_without_it(monkeypatch):
    monkeypatch.setenv("FLOWRA_SECRET_RESULT_KEY", "hush-hush")
    with pytest.raises(UsageError, match="this is no key") as refusal:
        RecordKeys.from_settings()
    assert "hush" not in str(refusal.value)
