"""Make what media.json takes: a short video with sound, and a mesh.

Run it where Flowra, flowra-image and flowra-media[video] are installed::

    python examples/media/make_inputs.py
"""

from fractions import Fraction
from pathlib import Path

import numpy as np

from flowra_media.audio.waveform import Waveform
from flowra_media.mesh.files import save_mesh
from flowra_media.mesh.shapes import TriangleMesh
from flowra_media.video.editing import from_pictures
from flowra_media.video.saving import save_video

HERE = Path(__file__).parent
WIDTH, HEIGHT, RATE, SECONDS = 240, 160, 25, 3
SOUND_RATE = 32000


def pictures():
    """Return the frames: a ball that bounces over a floor, under a sky."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    sky = np.stack([60 + y * 0.7, 120 + y * 0.6, 220 - y * 0.2], axis=2)
    sky[y > 135] = (90, 110, 70)
    found = []
    for number in range(RATE * SECONDS):
        bounce = abs(np.sin(np.pi * number / RATE))
        center_x, center_y = 20 + number * 200 / (RATE * SECONDS), 122 - 90 * bounce
        away = np.hypot(x - center_x, y - center_y)
        light = np.clip(1.1 - np.hypot(x - center_x + 5, y - center_y + 6) / 34, 0.25, 1)
        ball = np.stack([light * 255, light * 120, light * 40], axis=2)
        inside = np.clip(16.5 - away, 0, 1)[..., None]
        found.append((sky * (1 - inside) + ball * inside).clip(0, 255).astype(np.uint8))
    return found


def sound():
    """Return a tone that rises and falls with the ball, and a thud when it meets the floor."""
    times = np.arange(SOUND_RATE * SECONDS) / SOUND_RATE
    bounce = np.abs(np.sin(np.pi * times))
    phase = 2 * np.pi * np.cumsum(300 + 500 * bounce) / SOUND_RATE
    since = times % 1.0
    thud = np.sin(2 * np.pi * 70 * since) * np.exp(-since * 25)
    left, right = 0.15 * np.sin(phase) + 0.4 * thud, 0.15 * np.sin(phase + 0.5) + 0.4 * thud
    return Waveform(np.stack([left, right]).astype(np.float32), SOUND_RATE)


def knot(around=160, across=12):
    """Return a tube along a trefoil knot."""
    t = np.linspace(0, 2 * np.pi, around, endpoint=False)
    line = np.stack([np.sin(t) + 2 * np.sin(2 * t), np.cos(t) - 2 * np.cos(2 * t), -np.sin(3 * t)], axis=1)
    along = np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.cross(along, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, along)
    turn = np.linspace(0, 2 * np.pi, across, endpoint=False)
    ring = 0.45 * (side[:, None] * np.cos(turn)[:, None] + up[:, None] * np.sin(turn)[:, None])
    vertices = (line[:, None] + ring).reshape(-1, 3)
    row, column = np.mgrid[0:around, 0:across]
    next_row, next_column = (row + 1) % around, (column + 1) % across
    a, b = row * across + column, row * across + next_column
    c, d = next_row * across + column, next_row * across + next_column
    faces = np.stack([a, c, b, b, c, d], axis=2).reshape(-1, 3)
    return TriangleMesh(vertices, faces)


def unwatched(done, total):
    """Take no notice of how far the work is."""


if __name__ == "__main__":
    clip = from_pictures(pictures(), Fraction(RATE), sound())
    save_video(clip, HERE / "bounce.mp4", format="mp4", quality=60, overwrite=True, watch=unwatched)
    save_mesh(knot(), HERE / "knot.glb")
