"""What is written is read back, by this pack and by readers that had no part in the writing."""

from __future__ import annotations

import struct
import wave

import numpy as np
import pytest

from flowra_media.audio.reading import decode_audio, load_audio
from flowra_media.audio.waveform import Waveform
from flowra_media.audio.writing import FORMATS, encode_audio, save_audio
from flowra_media.errors import MediaError, MediaLimitError
from flowra_media.video.sound import decode_track


def strongest(samples, rate):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()]


@pytest.mark.parametrize(
    ("name", "depth", "step"),
    [("a.wav", "int16", 2**-15), ("a.wav", "int24", 2**-23), ("a.wav", "float32", 0), ("a.flac", "int24", 2**-23)],
)
def test_lossless_formats_keep_each_sample_within_their_step(tmp_path, tone, name, depth, step):
    audio = tone(channels=2)
    assert save_audio(audio, tmp_path / name, depth=depth) == 0
    back = load_audio(tmp_path / name)
    assert back.rate == 44100
    assert np.abs(back.samples - audio.samples).max() <= step


def test_the_standard_library_reads_our_wav(tmp_path, tone):
    audio = tone(channels=2, amplitude=0.9)
    save_audio(audio, tmp_path / "a.wav")
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 44100, 44100)
        data = np.frombuffer(file.readframes(44100), "<i2").reshape(-1, 2).T / 32768
    assert np.abs(data - audio.samples).max() < 1e-4


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_ffmpeg_hears_the_tone_in_every_format(tmp_path, tone, name):
    kind = FORMATS[name]
    path = tmp_path / f"tone{kind.suffixes[0]}"
    save_audio(tone(1000, rate=48000, channels=2), path)
    blocks = list(decode_track(path, "tone"))
    samples = np.concatenate([block for block, _ in blocks], axis=1)
    assert samples.shape[0] == 2
    assert {rate for _, rate in blocks} == {48000}
    assert abs(samples.shape[1] / 48000 - 1) < 0.1
    assert strongest(samples[0], 48000) == pytest.approx(1000, abs=2)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.05)
    assert strongest(load_audio(path).samples[1], 48000) == pytest.approx(1000, abs=2)


def test_lossy_formats_are_smaller_at_a_lower_quality(tone):
    noise = Waveform(np.random.default_rng(1).uniform(-0.5, 0.5, (1, 48000)).astype(np.float32), 48000)
    for name in ("ogg", "mp3"):
        assert len(encode_audio(noise, name, quality=10)) < 0.8 * len(encode_audio(noise, name, quality=100))


def test_what_a_format_cant_hold_is_refused_with_the_node_that_mends_it(tmp_path, tone):
    with pytest.raises(MediaError, match=r"ResampleAudio \(rate 44100\)|rate 44100") as refusal:
        save_audio(tone(rate=43000), tmp_path / "a.mp3")
    assert "ResampleAudio" in refusal.value.fix
    with pytest.raises(MediaError, match="at most 2 channels"):
        save_audio(tone(channels=3, rate=48000), tmp_path / "a.mp3")
    with pytest.raises(MediaError, match="holds no float32"):
        save_audio(tone(), tmp_path / "a.flac", depth="float32")
    with pytest.raises(MediaError, match="can't tell the format"):
        save_audio(tone(), tmp_path / "a.xyz")
    assert list(tmp_path.iterdir()) == []


def test_clipping_is_counted_and_float_files_keep_what_is_over(tmp_path):
    loud = Waveform(np.array([[0.5, 1.5, -2.0]], np.float32), 8000)
    assert save_audio(loud, tmp_path / "a.wav") == 2
    assert np.abs(load_audio(tmp_path / "a.wav").samples).max() <= 1
    assert save_audio(loud, tmp_path / "b.wav", depth="float32") == 0
    assert load_audio(tmp_path / "b.wav").peak == 2


def test_a_file_that_is_there_stays_if_it_must_not_be_replaced(tmp_path, tone):
    (tmp_path / "a.wav").write_bytes(b"mine")
    with pytest.raises(MediaError, match="exists already"):
        save_audio(tone(), tmp_path / "a.wav", overwrite=False)
    assert (tmp_path / "a.wav").read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_longer_than_the_limit_is_not_read_to_its_end(tmp_path, tone):
    save_audio(tone(seconds=30), tmp_path / "a.flac")
    with pytest.raises(MediaLimitError, match="more than 1 MB") as refusal:
        load_audio(tmp_path / "a.flac", max_megabytes=1)
    assert "max_megabytes" in refusal.value.fix
    save_audio(tone(seconds=30), tmp_path / "a.m4a")
    with pytest.raises(MediaLimitError, match="more than 1 MB"):
        load_audio(tmp_path / "a.m4a", max_megabytes=1)


def wav_header(*, rate=8000, channels=1, bits=16, size=0xFFFFFFF0):
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", size, b"WAVE", b"fmt ", 16, 1, channels, rate, rate * 2, 2, bits)
    return head + struct.pack("<4sI", b"data", size)


@pytest.mark.parametrize(
    "data",
    [
        wav_header(rate=0) + bytes(100),
        wav_header(rate=2**31 - 1) + bytes(100),
        wav_header(channels=0) + bytes(100),
        wav_header(channels=60000) + bytes(100),
        wav_header(bits=0) + bytes(100),
        b"RIFF", b"ID3" + bytes(500), b"fLaC" + b"\xff" * 200, b"OggS" + bytes(300), bytes(64),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
    ],
)  # fmt: skip
def test_hostile_files_are_refused(data, tmp_path):
    path = tmp_path / "sound.wav"
    path.write_bytes(data)
    for read in (lambda: decode_audio(data), lambda: load_audio(path)):
        with pytest.raises(MediaError):
            read()


def test_a_header_that_promises_gigabytes_costs_what_is_there(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav_header() + bytes(2000))
    assert load_audio(path).length == 1000
