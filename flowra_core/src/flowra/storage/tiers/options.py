"""What a store's address says of its tiers: `s3://bucket/team?local=/scratch/flowra&uploads=all`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args
from urllib.parse import quote, unquote

from flowra.exceptions import StoreError, printable
from flowra.storage.remote.options import without_secrets
from flowra.storage.tiers.worth import UploadChoice

__all__ = ["TierOptions", "split_tier_options"]


@dataclass(frozen=True, slots=True)
class TierOptions:
    """The options of the tiers.

    Attributes:
        local: The folder of the local tier; None for the one that results are kept in without a remote store.
        uploads: Which results go to the remote tier; None for what the settings say.
    """

    local: Path | None = None
    uploads: UploadChoice | None = None

    def on(self, address: str) -> str:
        """Return an address with these options on it."""
        stated = [f"local={quote(str(self.local))}"] if self.local is not None else []
        stated += [f"uploads={self.uploads}"] if self.uploads is not None else []
        return address + ("&" if "?" in address else "?") + "&".join(stated) if stated else address


def split_tier_options(address: str) -> tuple[str, TierOptions]:
    """Return an address without these options, and the options.

    Raises:
        StoreError: An option has a value that it can't have.
    """
    bare, _, query = address.partition("?")
    local: Path | None = None
    uploads: UploadChoice | None = None
    rest = []
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        value = unquote(value)
        if name == "local":
            local = Path(value).expanduser()
            if not local.is_absolute():
                raise _wrong(bare, name, value, "the whole path of a folder, beginning with /")
        elif name == "uploads":
            found = [choice for choice in get_args(UploadChoice) if choice == value]
            if not found:
                raise _wrong(bare, name, value, f"one of {', '.join(get_args(UploadChoice))}")
            [uploads] = found
        else:
            rest.append(part)
    return (f"{bare}?{'&'.join(rest)}" if rest else bare), TierOptions(local, uploads)


def _wrong(address: str, name: str, value: str, expected: str) -> StoreError:
    return StoreError(
        f"the option {name} of a store's address has a value it can't have",
        where=without_secrets(address),
        why=f"it is {printable(value, 80)!r}",
        fix=f"give {expected}",
    )
