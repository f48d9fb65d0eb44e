"""What this pack contributes. Nothing is imported here but Flowra's plugin interface: code is loaded when used."""

from __future__ import annotations

from collections.abc import Iterable

from flowra.plugin import NodeEntry, ValueTypeEntry, hookimpl

#: Module of `flowra_media.nodes`, which is the group as well, to its nodes and what they do.
_NODES = {
    "audio": {
        "LoadAudio": "Read sound from a file",
        "SaveAudio": "Write sound to a file, whole or not at all",
        "InspectAudio": "Measure sound: how long, how loud",
        "ConvertAudio": "Change how many channels sound has: mix all to one, or copy one to several",
        "CutAudio": "Take a part of a sound, exact to the sample",
        "ConcatenateAudio": "Put sounds one after the other; they have one rate and as many channels",
        "MixAudio": "Lay sounds over each other; they have one rate and as many channels",
        "ResampleAudio": "Change the rate of sound, with a filter that leaves no aliases above -120 dB",
        "NormalizeAudio": "Make sound as loud as a target: its peak, or its loudness after ITU-R BS.1770-5",
        "Spectrogram": "Draw how strong each frequency is at each time",
    },
}
#: Value type of the core to the module of `flowra_media.types` and the class that handles it.
_HANDLERS = {
    "Audio": "audio:AudioHandler",
}


@hookimpl
def flowra_nodes() -> Iterable[NodeEntry]:
    """Name the node classes, in the order in which people meet them."""
    for module, nodes in _NODES.items():
        for name, summary in nodes.items():
            yield NodeEntry(f"flowra_media.nodes.{module}:{name}", group=module.replace("_", " and "), summary=summary)


@hookimpl
def flowra_value_types() -> Iterable[ValueTypeEntry]:
    """Name what handles sound, videos, meshes and point clouds."""
    for name, handler in _HANDLERS.items():
        yield ValueTypeEntry(name, handler=f"flowra_media.types.{handler}")
