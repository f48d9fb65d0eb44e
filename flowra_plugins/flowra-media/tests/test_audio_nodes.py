from __future__ import annotations

import numpy as np
import pytest

from flowra.exceptions import NodeFailedError
from flowra_media.audio.reading import load_audio
from flowra_media.audio.writing import save_audio


def test_sound_goes_from_file_to_file(run_node, tone, tmp_path):
    save_audio(tone(997, rate=48000, channels=2), tmp_path / "a.flac")
    audio = run_node("media/LoadAudio", path=tmp_path / "a.flac").audio
    audio = run_node("media/ConvertAudio", audio=audio).audio
    audio = run_node("media/ResampleAudio", audio=audio, rate=16000).audio
    audio = run_node("media/CutAudio", audio=audio, end=0.5).audio
    audio = run_node("media/ConcatenateAudio", parts=[audio, audio]).audio
    audio = run_node("media/MixAudio", parts=[audio, audio], gains=[-6.0206, -6.0206]).audio
    normal = run_node("media/NormalizeAudio", audio=audio, measure="loudness", target=-23)
    facts = run_node("media/InspectAudio", audio=normal.audio)
    assert (facts.seconds, facts.rate, facts.channels, facts.samples) == (1.0, 16000, 1, 16000)
    assert facts.loudness == pytest.approx(-23, abs=0.01)
    assert facts.rms == pytest.approx(facts.peak / np.sqrt(2), rel=0.02)
    path = run_node("media/SaveAudio", audio=normal.audio, path=tmp_path / "b.ogg").path
    assert load_audio(path).length == 16000
    assert run_node("media/Spectrogram", audio=audio, width=40, height=30).picture.shape == (30, 40, 3)


def test_a_port_takes_a_path_and_a_list_maps(run_node, tone, tmp_path):
    save_audio(tone(), tmp_path / "a.wav")
    assert run_node("media/CutAudio", audio=tmp_path / "a.wav", end=0.25).audio.seconds == 0.25
    cut = run_node("media/CutAudio", audio=tone(), end=[0.25, 0.5]).audio
    assert [part.seconds for part in cut] == [0.25, 0.5]


def test_peaks_reach_their_target_and_silence_has_none(run_node, tone):
    normal = run_node("media/NormalizeAudio", audio=tone(), target=-1)
    assert normal.audio.peak == pytest.approx(10 ** (-1 / 20), abs=1e-4)
    assert normal.gain == pytest.approx(5.02, abs=0.01)
    with pytest.raises(NodeFailedError, match="silent"):
        run_node("media/NormalizeAudio", audio=tone(amplitude=0))
