"""Outputs that many nodes have in common."""

from __future__ import annotations

from typing import Annotated

from flowra.dag.node import BaseArgs
from flowra.type.component_type import Placeholder
from flowra_media.audio.waveform import Waveform
from flowra_media.mesh.shapes import TriangleMesh
from flowra_media.video.clip import VideoClip

__all__ = ["Clip", "Sound", "Surface"]


class Sound(BaseArgs):
    """Sound that was worked on."""

    audio: Annotated[Waveform, Placeholder(description="The sound")]


class Clip(BaseArgs):
    """A video that was worked on."""

    video: Annotated[VideoClip, Placeholder(description="The video")]


class Surface(BaseArgs):
    """A mesh that was worked on."""

    mesh: Annotated[TriangleMesh, Placeholder(description="The mesh")]
