from __future__ import annotations

import numpy as np
import pytest

from flowra_media.audio.drawing import draw_waveform, spectrogram
from flowra_media.audio.editing import concatenate, cut, mix, resample, scale, to_channels
from flowra_media.audio.loudness import integrated_loudness
from flowra_media.audio.waveform import Waveform, clock
from flowra_media.errors import MediaError, MediaLimitError


def level(samples):
    return 20 * np.log10(np.sqrt((samples.astype(float) ** 2).mean()) * np.sqrt(2) + 1e-12)


def test_a_cut_is_exact_to_the_sample(tone):
    audio = tone(seconds=2, rate=8000)
    assert np.array_equal(cut(audio, 0.5, 1.0).samples, audio.samples[:, 4000:8000])
    assert np.array_equal(cut(audio, -0.25, None).samples, audio.samples[:, -2000:])
    assert cut(audio, 1.5, 99).seconds == 0.5
    with pytest.raises(MediaError, match="nothing lies between"):
        cut(audio, 3, None)


def test_parts_that_were_cut_join_to_the_whole(tone):
    audio = tone(channels=2)
    assert np.array_equal(concatenate([cut(audio, 0, 0.3), cut(audio, 0.3, None)]).samples, audio.samples)


def test_a_crossfade_keeps_the_power_and_shortens(tone):
    rng = np.random.default_rng(1)
    first, second = (Waveform(rng.normal(0, 0.1, (1, 16000)).astype(np.float32), 8000) for _ in range(2))
    joined = concatenate([first, second], crossfade=1.0)
    assert joined.length == 24000
    assert level(joined.samples[:, 9000:15000]) == pytest.approx(level(first.samples), abs=0.5)
    with pytest.raises(MediaError, match="shorter than the crossfade"):
        concatenate([first, second], crossfade=3.0)


def test_a_mix_adds_with_gains_and_offsets(tone):
    one, two = tone(seconds=1, rate=8000), tone(880, seconds=1, rate=8000)
    mixed = mix([one, two], [-6.0206, 0], [0, 0.5])
    assert mixed.seconds == 1.5
    assert np.allclose(mixed.samples[:, :4000], one.samples[:, :4000] / 2, atol=1e-5)
    assert np.allclose(mixed.samples[:, 8000:], two.samples[:, 4000:])
    with pytest.raises(MediaError, match="1 gains for 2 sounds"):
        mix([one, two], [0], [])
    with pytest.raises(MediaError, match="over full scale"):
        mix([one, two], [40, 0], [])


@pytest.mark.parametrize("work", [concatenate, lambda parts: mix(parts, [], [])])
def test_sounds_that_dont_fit_together_are_refused_with_the_mend(tone, work):
    with pytest.raises(MediaError) as refusal:
        work([tone(rate=8000), tone(rate=44100)])
    assert "ResampleAudio (rate 8000)" in refusal.value.fix
    with pytest.raises(MediaError) as refusal:
        work([tone(), tone(channels=2)])
    assert "ConvertAudio (channels 1)" in refusal.value.fix
    with pytest.raises(MediaError, match="no sound"):
        work([])


def test_channels_are_mixed_or_copied(tone):
    stereo = Waveform(np.array([[0.2, 0.4], [0.4, 0.8]], np.float32), 8000)
    assert np.allclose(to_channels(stereo, 1).samples, [[0.3, 0.6]])
    assert np.array_equal(to_channels(to_channels(stereo, 1), 2).samples[0], to_channels(stereo, 1).samples[0])
    with pytest.raises(MediaError, match="3 channels"):
        to_channels(tone(channels=3), 2)


@pytest.mark.parametrize(("before", "after"), [(44100, 48000), (48000, 44100), (48000, 16000), (8000, 44100)])
def test_resampling_keeps_tones_and_leaves_no_aliases(before, after, tone):
    audio = tone(1000, rate=before, seconds=1)
    found = resample(audio, after)
    assert found.length == -(-audio.length * after // before)
    inside = slice(after // 10, -after // 10)
    exact = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(found.length) / after)
    assert np.abs(found.samples[0, inside] - exact[inside]).max() < 3e-5
    if after < before:
        gone = resample(tone(after * 0.5 + 1500, rate=before, seconds=1), after)
        assert np.abs(gone.samples[0, inside]).max() < 1e-4


def test_resampling_by_an_absurd_ratio_is_bounded(tone):
    with pytest.raises(MediaLimitError):
        resample(tone(rate=1), 999_983)
    with pytest.raises(MediaLimitError):
        resample(tone(seconds=3600, rate=1000), 1_000_000)
    assert resample(Waveform(np.zeros((1, 0), np.float32), 8000), 48000).rate == 48000


@pytest.mark.parametrize("rate", [16000, 44100, 48000, 96000])
def test_loudness_of_the_reference_tone(rate, tone):
    # ITU-R BS.1770: a sine of 997 Hz at full scale in one front channel measures -3.01 LUFS.
    assert integrated_loudness(tone(997, seconds=2, rate=rate, amplitude=1.0)) == pytest.approx(-3.01, abs=0.05)


def test_loudness_is_gated(tone):
    # EBU Tech 3341, case 3: -36, -23 and -36 dB for 10, 60 and 10 s measure -23.0 LUFS.
    parts = [
        tone(1000, seconds=length, rate=48000, amplitude=10 ** (decibels / 20), channels=2)
        for length, decibels in ((10, -36), (60, -23), (10, -36))
    ]
    assert integrated_loudness(concatenate(parts)) == pytest.approx(-23.0, abs=0.1)


def test_silence_and_moments_have_no_loudness(tone):
    assert integrated_loudness(tone(seconds=0.3)) is None
    assert integrated_loudness(Waveform(np.zeros((2, 48000), np.float32), 48000)) is None
    assert integrated_loudness(Waveform(np.zeros((1, 5), np.float32), 1)) is None


def test_loudness_agrees_with_ffmpegs_meter(tone):
    av = pytest.importorskip("av")
    if not hasattr(av.AudioFrame, "metadata"):
        pytest.skip("this PyAV does not hand on what the meter says")
    rng = np.random.default_rng(2)
    swell = np.linspace(0.01, 0.6, 6 * 48000)
    audio = Waveform((rng.uniform(-1, 1, (2, swell.size)) * swell).astype(np.float32), 48000)
    graph = av.filter.Graph()
    source = graph.add_abuffer(format="fltp", sample_rate=48000, layout="stereo", time_base=1 / 48000)
    meter = graph.add("ebur128", "metadata=1")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    from flowra_media.video.sound import sound_frames

    measured = []
    for frame in [*sound_frames(audio.samples, 48000), None]:
        source.push(frame)
        try:
            while True:
                measured.append(float(sink.pull().metadata.get("lavfi.r128.I", "nan")))
        except (BlockingIOError, EOFError):
            continue
    assert integrated_loudness(audio) == pytest.approx(measured[-1], abs=0.1)


def test_scaling_stops_before_it_overflows(tone):
    assert scale(tone(), -6.0206).peak == pytest.approx(0.25, abs=1e-3)
    with pytest.raises(MediaError, match="over full scale"):
        scale(tone(), 60)


def test_a_spectrogram_is_bright_where_the_tone_is(tone):
    audio = concatenate([tone(1000, rate=16000), tone(4000, rate=16000)])
    levels, picture = spectrogram(audio, width=100, height=81, window=1024, scale="linear", floor=-90)
    assert picture.shape == (81, 100, 3)
    # Row 0 is 8 kHz, row 80 is 0 Hz: 100 Hz a row.
    assert levels[:, 25].argmax() == pytest.approx(70, abs=1)
    assert levels[:, 75].argmax() == pytest.approx(40, abs=1)
    assert levels.max() == pytest.approx(-6, abs=1)
    logarithmic, _ = spectrogram(audio, width=10, height=50, window=4096, scale="log", floor=-90)
    assert logarithmic[:, 2].argmax() == pytest.approx(49 * (1 - np.log(1000 / 20) / np.log(8000 / 20)), abs=1)
    with pytest.raises(MediaError, match="empty"):
        spectrogram(Waveform(np.zeros((1, 0), np.float32), 8000), width=1, height=1, window=16, scale="log", floor=-9)


def test_a_waveform_is_drawn_as_high_as_it_is_loud(tone):
    quiet, loud = (draw_waveform(tone(amplitude=amplitude), 200, 101) for amplitude in (0.1, 1.0))
    inked = [(picture == (0, 106, 220)).all(axis=2).sum(axis=0).mean() for picture in (quiet, loud)]
    assert inked[0] == pytest.approx(11, abs=2)
    assert inked[1] == pytest.approx(101, abs=2)
    assert draw_waveform(Waveform(np.zeros((1, 0), np.float32), 1), 1, 1).shape == (1, 1, 3)


def test_times_are_written_as_people_do():
    assert [clock(time) for time in (0, 2.5, 61.999, 3723)] == ["0:00.00", "0:02.50", "1:02.00", "1:02:03.00"]
