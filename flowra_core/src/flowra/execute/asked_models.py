"""Which models a call's code asked for: recorded under the key that was known before, so that the next look-up can ask.

What the call gave is recorded under a key that says what those models were (`ActionKey.with_models`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

from flowra.dag.key import ActionKey
from flowra.storage.record import Record

__all__ = ["models_asked", "record_of_models"]

#: How the preimage of such a record begins; that of any other begins with the key's format.
_BEGINNING = b'{"asked": '


def record_of_models(key: ActionKey, node_type: str, models: Iterable[str], seconds: float) -> Record:
    """Return the record that says which models a call asked for.

    Args:
        key: The key that is known before it runs.
        node_type: The node's type id.
        models: References to the models.
        seconds: How long the call ran: where results go may depend on it, and this record is of no use without them.
    """
    preimage = _BEGINNING + json.dumps(sorted(models)).encode() + b"}"
    return Record(key.digest, node_type, {}, seconds, preimage, time.time())


def models_asked(record: Record) -> list[str] | None:
    """Return the models that such a record names; None for a record of a result."""
    if not record.preimage.startswith(_BEGINNING):
        return None
    try:
        return [str(each) for each in json.loads(record.preimage)["asked"]]
    except (ValueError, TypeError, KeyError):
        return []
