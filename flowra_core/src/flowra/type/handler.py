"""What a pack gives for a value type: how its values are checked, described and shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from flowra.exceptions import PluginError
from flowra.plugin import Pack, ValueTypeEntry
from flowra.plugin.conflicts import claimed_name
from flowra.plugin.manager import PluginManager, default_manager
from flowra.type.value.base import ValueType, short
from flowra.type.value.containers import OptionalOf

__all__ = ["ValueHandler", "handler_for", "pack_value_type", "summarize", "types_of_packs"]

T = TypeVar("T")
#: What a codec reads and writes.
Buffer = bytes | bytearray | memoryview
#: The distribution that handles each media type the core declares, for the message when it is missing.
_KNOWN_PACKS = {
    "AnyImage": "flowra-image",
    "Mask": "flowra-image",
    "Tensor": "flowra-image",
    "Embedding": "flowra-image",
    "Detections": "flowra-image",
    "Audio": "flowra-media",
    "Video": "flowra-media",
    "Mesh": "flowra-media",
    "PointCloud": "flowra-media",
}


class ValueHandler(ABC, Generic[T]):
    """How the values of one value type are checked, described and shown. Packs subclass it; it holds no state."""

    @abstractmethod
    def coerce(self, value: Any, spec: ValueType) -> T:
        """Return the value in its canonical form.

        A value that is canonical already is returned without copying its data.

        Args:
            value: Whatever arrived at the port.
            spec: The port's value type, with its constraints.

        Raises:
            ValueError: It can't be such a value; the message says what was expected, what came, and the mend.
        """

    @abstractmethod
    def to_json(self, value: T) -> Any:
        """Return plain data that identifies the value: for large ones dtype, shape and the SHA-256 of the bytes."""

    @abstractmethod
    def summarize(self, value: T) -> str:
        """Return one line for people: `1920×1080 RGB uint8, 3..251`."""

    @abstractmethod
    def export(self, value: T, stem: Path) -> Path:
        """Write the value as a file that people can open.

        Args:
            value: A canonical value.
            stem: Folder and name without ending; the handler adds the ending.

        Returns:
            The file that was written.
        """

    def encode(self, value: T) -> tuple[str, Sequence[Buffer]] | None:
        """Return the value as bytes for the store: the codec's name, and the buffers in order.

        Large buffers are handed over as they are, without being copied. The bytes are the same for the same value,
        in every process; reading them must not be able to execute anything.

        Args:
            value: A canonical value.

        Returns:
            Codec and buffers, or None where values can't be stored: then nothing that depends on them is cached.
        """
        return None

    def decode(self, codec: str, data: memoryview, spec: ValueType) -> T:
        """Return the value that `encode` wrote.

        Args:
            codec: The name that `encode` gave.
            data: The bytes, read-only; they may be mapped from a file, and stay valid as long as they are referred to.
            spec: The value type.

        Raises:
            ValueError: The bytes are no such value.
        """
        raise NotImplementedError(f"{type(self).__name__}.decode")

    def thumbnail(self, value: T, max_size: int) -> bytes | None:
        """Return a PNG of at most `max_size` × `max_size` pixels, or None where there is nothing to see."""
        return None

    def playable(self, value: T, max_bytes: int) -> tuple[str, bytes] | None:
        """Return a short file that browsers play, for reports; None where there is nothing to hear, or to see move.

        Args:
            value: A canonical value.
            max_bytes: How large it may be; what is longer is cut off, or made worse.

        Returns:
            The media type, `audio/…` or `video/…`, and the bytes of the file.
        """
        return None


def handler_for(name: str) -> ValueHandler[Any]:
    """Return the handler registered for a media type.

    Raises:
        PluginError: No installed pack handles it; the message says which one does.
    """
    manager = default_manager()
    found: ValueHandler[Any] | None = manager.value_handlers.get(name)
    if found is None:
        found = manager.value_handlers[name] = _load_handler(manager, name)
    return found


def pack_value_type(name: str) -> type[ValueType] | None:
    """Return the value type that a pack contributes, by the names of both (`acme/Hologram`), or None if none does."""
    manager = default_manager()
    for pack, entry in manager.entries("value_types"):
        if _full_name(pack, entry) == name and entry.type:
            loaded = manager.load(entry.type, pack)
            if not (isinstance(loaded, type) and issubclass(loaded, ValueType)):
                raise PluginError(
                    f"{entry.type} is no value type",
                    where=f"pack {pack.id}",
                    why=f"expected a subclass of flowra.type.value_type.ValueType, got {short(loaded)}",
                    fix=f"correct the pack's flowra_value_types hook, or disable it: FLOWRA_DISABLE_PACKS={pack.id}",
                )
            return loaded
    return None


def types_of_packs(name: str) -> dict[str, str]:
    """Return the packs that contribute a value type of a name that lacks the pack's, by the type's full name."""
    return {
        _full_name(pack, entry): str(pack)
        for pack, entry in default_manager().entries("value_types")
        if entry.name == name and entry.type
    }


def summarize(value: Any, value_type: ValueType) -> str:
    """Return one line that describes a value of a type; never raises, whatever the value."""
    try:
        if isinstance(value_type, OptionalOf) and value is not None:
            return summarize(value, value_type.item)
        handled_as = getattr(value_type, "handled_as", "")
        if handled_as and value is not None:
            return handler_for(handled_as).summarize(value)
        item = getattr(value_type, "item", None)
        if isinstance(value, list) and item is not None:
            inside = ", ".join(summarize(each, item) for each in value[:3])
            return f"{len(value)} items: {inside}" + (", …" if len(value) > 3 else "")
        return short(value)
    except Exception as error:  # noqa: BLE001  the description of a broken value must not hide the error that is being reported
        return f"{type(value).__name__} (can't be described: {type(error).__name__})"


def _full_name(pack: Pack, entry: ValueTypeEntry) -> str:
    """Return the name by which types know the entry."""
    return claimed_name(entry.kind, entry.name, pack.id, entry.type)


def _load_handler(manager: PluginManager, name: str) -> ValueHandler[Any]:
    for pack, entry in manager.entries("value_types"):
        if _full_name(pack, entry) == name and entry.handler:
            handler = manager.load(entry.handler, pack)
            made = handler() if isinstance(handler, type) else handler
            if not isinstance(made, ValueHandler):
                raise PluginError(
                    f"{entry.handler} is no value handler",
                    where=f"pack {pack.id}, value type {name}",
                    why=f"expected a subclass of flowra.type.handler.ValueHandler, got {short(handler)}",
                    fix=f"correct the pack's flowra_value_types hook, or disable it: FLOWRA_DISABLE_PACKS={pack.id}",
                )
            return made
    distribution = _KNOWN_PACKS.get(name)
    broken = [pack for pack in manager.packs if pack.distribution == distribution and pack.status != "ok"]
    if broken and broken[0].problem is not None:
        problem = broken[0].problem
        raise PluginError(
            f"{name} values need the pack {broken[0].id}, which is {broken[0].status}",
            why=problem.what,
            fix=problem.mend,
        )
    raise PluginError(
        f"{name} values need a pack that handles them, and none is installed",
        fix=f"pip install {distribution}" if distribution else "install the pack that contributes the value type",
    )
