"""The example works on frames, sound and vertices, and other readers than ours open what it writes."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from flowra.dag.graph import Graph
from flowra.execute.session import Session
from flowra.testing import assert_audio_close, assert_mesh_close
from flowra_media.audio.loudness import integrated_loudness
from flowra_media.audio.reading import load_audio

_EXAMPLE = Path(__file__).parents[3] / "examples" / "media" / "media.json"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the folder that the example was written to."""
    folder = tmp_path_factory.mktemp("example")
    with Session(store=folder / "store") as session:
        run = session.run(Graph.load(_EXAMPLE), output_dir=folder / "out")
    assert run.status == "succeeded", run.failures
    assert run["frames"] == 75
    return folder / "out"


def test_opencv_sees_the_mirrored_ball_move(written):
    cv2 = pytest.importorskip("cv2")
    player = cv2.VideoCapture(str(written / "mirrored.mp4"))
    places = []
    while True:
        there, picture = player.read()
        if not there:
            break
        orange = (picture[..., 2].astype(int) - picture[..., 0]) > 90
        places.append(np.flatnonzero(orange.any(axis=0)).mean())
    player.release()
    assert len(places) == 75
    # In the input it goes from left to right.
    assert places[0] > 200
    assert places[-1] < 60
    assert max(np.diff(places)) < 5


def test_libsndfile_hears_the_sound_as_loud_as_it_was_asked_for(written):
    import soundfile

    samples, rate = soundfile.read(written / "sound.flac")
    assert (rate, samples.shape[1]) == (32000, 2)
    sound = load_audio(written / "sound.flac")
    assert np.array_equal(samples.T.astype(np.float32), sound.samples)
    assert integrated_loudness(sound) == pytest.approx(-23, abs=0.1)
    # What the video carries is the same, but for what AAC leaves out.
    assert_audio_close(written / "mirrored.mp4", written / "sound.flac", tolerance=0.02, most=0.01, samples_off=2500)


def test_the_mesh_is_the_one_that_was_measured(written):
    data = (written / "knot.stl").read_bytes()
    [count] = struct.unpack_from("<I", data, 80)
    assert count == 1500
    records = np.frombuffer(
        data, np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("rest", "<u2")]), count, 84
    )
    corners = records["corners"].astype(float)
    volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    said = (written / "report.txt").read_text(encoding="utf-8").splitlines()[1]
    assert float(said.split()[3]) == pytest.approx(volume, rel=1e-4)
    flat = (corners.reshape(-1, 3), np.arange(count * 3).reshape(-1, 3))
    assert_mesh_close(written / "knot.stl", flat, tolerance=1e-6)


def test_pictures_show_something(written):
    from PIL import Image

    sizes = {"frames.png": (608, 80), "spectrogram.png": (480, 200), "knot.png": (400, 320)}
    for name, size in sizes.items():
        picture = Image.open(written / name)
        assert picture.size == size
        assert np.asarray(picture).std() > 30


def test_what_the_debug_page_plays_is_what_browsers_know(written):
    from flowra.type.handler import handler_for
    from flowra.type.value_type import Audio, Video

    kind, data = handler_for("Audio").playable(handler_for("Audio").coerce(written / "sound.flac", Audio()), 1_500_000)
    assert kind == "audio/mpeg"
    assert len(data) < 200_000
    clip = handler_for("Video").coerce(written / "mirrored.mp4", Video())
    kind, data = handler_for("Video").playable(clip, 1_500_000)
    assert kind == "video/mp4"
    assert data[4:8] == b"ftyp"
    assert handler_for("Video").playable(clip, 1000) is None


def test_short_sound_is_played_without_loss():
    import io

    from flowra.type.handler import handler_for
    from flowra.type.value_type import Audio

    handler = handler_for("Audio")
    sound = handler.coerce((np.linspace(-1, 1, 4000, dtype=np.float32), 8000), Audio())
    kind, data = handler.playable(sound, 100_000)
    assert kind == "audio/wav"
    with wave.open(io.BytesIO(data)) as file:
        assert file.getnframes() == 4000


def test_whoever_watches_a_run_sees_every_medium(tmp_path):
    graph = Graph("watch")
    folder = _EXAMPLE.parent
    video = graph.add("media/LoadVideo", id="video", path=folder / "bounce.mp4")
    sound = graph.add("media/ExtractAudio", id="sound", video=video["video"])
    mesh = graph.add("media/LoadMesh", id="mesh", path=folder / "knot.glb")
    points = graph.add("media/SampleMesh", id="points", mesh=mesh["mesh"], count=100)
    for value in (video["video"], sound["audio"], mesh["mesh"], points["points"]):
        graph.add("media/Show", value=value, title="look")
    seen = []
    with Session(store=tmp_path / "store") as session:
        run = session.run(graph, observers=[lambda event: seen.append(event) if event.name == "preview" else None])
    assert run.status == "succeeded", run.failures
    assert len(seen) == 4
    assert all(event.png.startswith(b"\x89PNG") for event in seen)
    assert {"25 frames/s", "stereo", "triangles", "points"} == {
        word for word in ("25 frames/s", "stereo", "triangles", "points") for event in seen if word in event.summary
    }


def test_the_page_of_debug_plays_sound_and_video(tmp_path):
    graph = Graph("page")
    video = graph.add("media/LoadVideo", id="video", path=str(_EXAMPLE.parent / "bounce.mp4"))
    graph.add("media/ExtractAudio", id="sound", video=video["video"])
    graph.save(tmp_path / "page.json")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("flowra")), "debug", "page.json", "--html", "page.html"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "FLOWRA_CACHE_DIR": str(tmp_path / "cache")},
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count('<video controls preload="metadata" src="data:video/mp4;base64,') == 1
    assert page.count('<audio controls preload="metadata" src="data:audio/') == 1
    assert "media-src data:" in page
