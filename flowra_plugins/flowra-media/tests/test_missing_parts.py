"""Without PyAV, or without the pack that handles pictures, what needs them says so, and the rest works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_EXAMPLES = Path(__file__).parents[3] / "examples" / "media"


def run(code, tmp_path, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code, str(_EXAMPLES)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "FLOWRA_CACHE_DIR": str(tmp_path / "cache"), **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_pyav_videos_name_the_extra_and_sound_works(tmp_path):
    code = """
import sys
sys.modules["av"] = None
from pathlib import Path
from flowra_media.audio.reading import load_audio
from flowra_media.audio.writing import save_audio
from flowra_media.audio.waveform import Waveform
from flowra_media.errors import MissingLibraryError
from flowra_media.video.clip import clip_of_file
import numpy as np
sound = Waveform(np.zeros((1, 8000), np.float32), 8000)
save_audio(sound, Path("a.mp3"))
assert load_audio(Path("a.mp3")).rate == 8000
video = Path(sys.argv[1]) / "bounce.mp4"
for work in (lambda: clip_of_file(video), lambda: load_audio(video), lambda: save_audio(sound, Path("a.m4a"))):
    try:
        work()
    except MissingLibraryError as error:
        print(error.fix)
assert not Path("a.m4a").exists()
"""
    assert run(code, tmp_path).splitlines() == ['pip install "flowra-media[video]"'] * 3


def test_without_the_pack_for_pictures_it_is_named_and_sound_works(tmp_path):
    code = """
import sys
from flowra.dag.graph import Graph
from flowra.execute.session import Session
graph = Graph("g")
sound = graph.add("media/ExtractAudio", id="sound", video=sys.argv[1] + "/bounce.mp4")
graph.add("media/Spectrogram", id="picture", audio=sound["audio"])
graph.output("audio", sound["audio"])
with Session(cache=False) as session:
    run = session.run(graph)
print(run["audio"].rate)
print(run.failures["picture"])
"""
    said = run(code, tmp_path, FLOWRA_DISABLE_PACKS="image,yolo")
    assert said.startswith("32000\n")
    assert "flowra-image" in said


@pytest.mark.parametrize("module", ["flowra_media.plugin", "flowra_media"])
def test_the_entry_point_imports_nothing_heavy(module, tmp_path):
    code = f"import sys, {module}; print(sorted({{'numpy', 'av', 'soundfile', 'trimesh', 'scipy'}} & set(sys.modules)))"
    assert run(code, tmp_path) == "[]\n"
