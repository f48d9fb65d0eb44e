"""What this pack contributes. Nothing is imported here but Flowra's plugin interface: code is loaded when used."""

from __future__ import annotations

from collections.abc import Iterable

from flowra.plugin import NodeEntry, ValueTypeEntry, hookimpl

#: Group to module of `flowra_media.nodes` to its nodes and what they do.
_NODES = {
    "audio": {
        "audio_files": {
            "LoadAudio": "Read sound from a file",
            "SaveAudio": "Write sound to a file, whole or not at all",
            "InspectAudio": "Measure sound: how long, how loud",
            "Spectrogram": "Draw how strong each frequency is at each time",
        },
        "audio_editing": {
            "ConvertAudio": "Change how many channels sound has: mix all to one, or copy one to several",
            "CutAudio": "Take a part of a sound, exact to the sample",
            "ConcatenateAudio": "Put sounds one after the other; they have one rate and as many channels",
            "MixAudio": "Lay sounds over each other; they have one rate and as many channels",
            "ResampleAudio": "Change the rate of sound, with a filter that leaves no aliases above -120 dB",
            "NormalizeAudio": "Make sound as loud as a target: its peak, or its loudness after ITU-R BS.1770-5",
        },
    },
    "video": {
        "video_files": {
            "LoadVideo": "Open a video file; its frames are decoded when they are needed",
            "SaveVideo": "Write a video as MP4 (H.264 and AAC) or WebM (VP9 and Opus), whole or not at all",
            "InspectVideo": "Say what a video is: size, exact frame rate, length, sound",
            "VideoThumbnails": "Take a few small pictures from a video, evenly spaced in time",
        },
        "video_editing": {
            "CutVideo": (
                "Take a part of a video with its sound, exact to the frame: what begins from `start` up to `end`"
            ),
            "ConcatenateVideo": "Put videos one after the other; they have one size, and one form of sound or none",
            "ConvertVideo": "Change the size or the frame rate of a video",
            "ExtractAudio": (
                "Take the sound out of a video; where the track begins later than the pictures there is silence"
            ),
            "AttachAudio": ("Give a video another sound, or take its sound away; the sound ends where the video does"),
        },
        "video_frames": {
            "VideoFrames": "Take frames out of a video as a list of pictures, over which nodes map",
            "MapFrames": "Run nodes on each frame of a video, one frame at a time, whatever the video's length",
            "FramesToVideo": "Make a video of pictures of one size, with a constant rate",
        },
    },
    "meshes and points": {
        "mesh_files": {
            "LoadMesh": "Read a mesh from a GLB, OBJ, PLY or STL file: all its surfaces as one, each in its place",
            "SaveMesh": "Write a mesh to a GLB, OBJ, PLY or STL file, whole or not at all",
            "RenderMesh": "Draw a mesh, fitted into a picture, without a display: one light, no perspective",
            "LoadPointCloud": "Read points with their colours from a PLY, XYZ or GLB file; of surfaces, the corners",
            "SavePointCloud": "Write points to a PLY, XYZ or GLB file, whole or not at all",
            "RenderPointCloud": (
                "Draw points, fitted into a picture, without a display; far ones darker if without colour"
            ),
        },
        "mesh_editing": {
            "TransformMesh": "Scale, then turn, then move a mesh",
            "SimplifyMesh": "Give a mesh fewer triangles, keeping its form as well as that goes",
            "MergeMeshes": "Make one mesh of several",
            "MeshNormals": "Work out which way a mesh's vertices and triangles face",
            "MeasureMesh": "Measure a mesh: area, volume, bounds, and whether it is closed",
            "SampleMesh": "Draw points at random from a mesh's surface, each place as likely as any other",
        },
    },
    "text and data": {
        "text": {
            "LoadText": "Read a text file; line ends become one character",
            "SaveText": "Write a text file in UTF-8, whole or not at all",
            "FormatText": "Fill a template: `{name}` and `{objects[0].score}` become values, `{{` and `}}` braces",
            "JoinText": "Put texts one after the other, with a separator between them",
            "SplitText": "Take a text apart, into lines or at a separator; nodes map over the parts",
            "ReplaceText": (
                "Replace what is found in a text, by a text or a regular expression that may not take for ever"
            ),
        },
        "data": {
            "LoadJson": "Read a JSON file",
            "ParseJson": "Make data of a JSON text",
            "SaveJson": "Write data to a JSON file, whole or not at all",
            "PickJson": (
                'Take a part out of data by its path: `objects[0].box`, `objects[*].name`, `["a key.with dots"]`'
            ),
        },
    },
    "any medium": {
        "showing": {
            "Show": (
                "Show sound, a video, a mesh or anything else to whoever watches the run, as a line and a small picture"
            ),
        },
    },
}
#: Value type of the core to the module of `flowra_media.types` and the class that handles it.
_HANDLERS = {
    "Audio": "audio:AudioHandler",
    "Video": "video:VideoHandler",
    "Mesh": "mesh:MeshHandler",
    "PointCloud": "point_cloud:PointCloudHandler",
}


@hookimpl
def flowra_nodes() -> Iterable[NodeEntry]:
    """Name the node classes, in the order in which people meet them."""
    for group, modules in _NODES.items():
        for module, nodes in modules.items():
            for name, summary in nodes.items():
                yield NodeEntry(f"flowra_media.nodes.{module}:{name}", group=group, summary=summary)


@hookimpl
def flowra_value_types() -> Iterable[ValueTypeEntry]:
    """Name what handles sound, videos, meshes and point clouds."""
    for name, handler in _HANDLERS.items():
        yield ValueTypeEntry(name, handler=f"flowra_media.types.{handler}")
