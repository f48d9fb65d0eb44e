"""The pack, and each value type that it handles, keeps the promises of all packs and types."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np

from flowra.testing import PackSuite, ValueTypeSuite
from flowra.type.value_type import Audio, Mesh, PointCloud, Video
from flowra_media.audio.waveform import Waveform
from flowra_media.audio.writing import encode_audio
from flowra_media.mesh.shapes import Points, TriangleMesh
from flowra_media.video.editing import from_pictures


class TestMediaPack(PackSuite):
    pack = "media"
    # The workspace's examples of sound, videos and meshes are this pack's.
    examples = "../../examples/media"


class TestAudio(ValueTypeSuite):
    value_type = Audio()

    def samples(self):
        rng = np.random.default_rng(1)
        noise = (rng.random((2, 500)) * 2 - 1).astype(np.float32)
        return [
            Waveform(np.zeros((1, 0), np.float32), 8000),
            Waveform(noise, 44100),
            (noise, 48000),
            (noise[0], 44100),
            ((noise * 30000).astype(np.int16), 44100),
            encode_audio(Waveform(noise[:, :100], 22050), "flac"),
        ]

    def refused(self):
        good = np.zeros((1, 8), np.float32)
        return [
            None, 7, "no such file.wav", b"", b"no sound", (good, 0), (good, 10**9), (good, 4.5),
            (good.T[:, None], 8000),
            (np.full((1, 3), np.nan, np.float32), 8000), (np.full((1, 3), 200.0), 8000), (np.zeros((100, 3)), 8000),
            ("text", 8000), io.BytesIO(b"stream"),
        ]  # fmt: skip


class TestConstrainedAudio(ValueTypeSuite):
    value_type = Audio(rate=8000, channels=1)

    def samples(self):
        return [(np.zeros(8, np.float32), 8000), (np.ones((1, 9), np.float32), 8000)]

    def refused(self):
        return [(np.zeros(8, np.float32), 8001), (np.zeros((2, 8), np.float32), 8000)]


class TestVideo(ValueTypeSuite):
    value_type = Video()

    def samples(self):
        rng = np.random.default_rng(1)
        frames = list(rng.integers(0, 256, (6, 20, 30, 3), np.uint8))
        made = from_pictures(frames, Fraction(30000, 1001), Waveform(np.zeros((1, 3000), np.float32), 16000))
        return [
            made,
            from_pictures(frames[:1], Fraction(25), None),
            bytes(from_pictures(frames, Fraction(9), None).data()),
        ]

    def refused(self):
        return [None, 7, "no such file.mp4", b"", b"no video", np.zeros((3, 4, 5, 3), np.uint8)]


class TestMesh(ValueTypeSuite):
    value_type = Mesh()

    def samples(self):
        rng = np.random.default_rng(1)
        places = rng.normal(size=(5, 3))
        return [
            TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), int)),
            TriangleMesh(places, np.zeros((0, 3), int)),
            (places, [[0, 1, 2], [2, 1, 4]]),
            (places.astype(np.float32), np.array([[0, 1, 2]], np.uint8)),
        ]

    def refused(self):
        places = np.zeros((3, 3))
        return [
            None, 7, "no such file.glb", (places, [[0, 1, 3]]), (places, [[0, 1, -1]]), (places, [[0.5, 1, 2]]),
            (places * np.nan, [[0, 1, 2]]), (places + 1e300, [[0, 1, 2]]), (places[:, :2], [[0, 1, 2]]),
            (places, [[0, 1]]),            ("text", "text"),
        ]  # fmt: skip


class TestPointCloud(ValueTypeSuite):
    value_type = PointCloud()

    def samples(self):
        rng = np.random.default_rng(1)
        places = rng.normal(size=(5, 3)).astype(np.float32)
        colors = rng.integers(0, 256, (5, 3), np.uint8)
        return [np.zeros((0, 3)), places, Points(places, colors), (places, colors[::-1])]

    def refused(self):
        return [
            None,
            7,
            "no such file.ply",
            np.zeros((3, 4)),
            np.full((2, 3), np.inf),
            (np.zeros((2, 3)), np.zeros((1, 3))),
        ]
