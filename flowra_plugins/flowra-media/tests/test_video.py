from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from flowra_media.errors import MediaError, MediaLimitError
from flowra_media.video.clip import clip_of_bytes, clip_of_file
from flowra_media.video.editing import attach, concatenate, convert, cut, exact_rate, from_pictures, sound_of
from flowra_media.video.frames import Frame, pictures, timing
from flowra_media.video.saving import export_video, save_video
from flowra_media.video.thumbnails import thumbnails
from flowra_media.video.writing import written


def unwatched(done, total):
    pass


def save(clip, path, **options):
    save_video(clip, path, **{"format": "auto", "quality": 90, "overwrite": True, "watch": unwatched, **options})
    return path


def test_frames_come_back_to_the_bit_and_timestamps_exactly(marked_frames):
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 256, (45, 63, 3), np.uint8) for _ in range(7)]
    clip = from_pictures(frames, Fraction(30000, 1001), None)
    back = list(pictures(clip))
    assert all(np.array_equal(frame.pixels, wanted) for frame, wanted in zip(back, frames, strict=True))
    assert [frame.time for frame in back] == [Fraction(1001 * number, 30000) for number in range(7)]
    assert timing(clip).rate == Fraction(30000, 1001)
    assert timing(clip).seconds == 7 * Fraction(1001, 30000)
    assert clip.facts.rate == Fraction(30000, 1001)


def test_the_same_frames_and_sound_make_the_same_bytes(marked_video):
    # What comes after a node that ran again for nothing is found in the cache.
    assert marked_video(5).sha256() == marked_video(5).sha256()


def test_a_varying_rate_is_kept_and_said(marked_frames):
    times = [Fraction(place, 1000) for place in (0, 33, 100, 101, 500)]
    frames = (Frame(time, Fraction(1, 25), picture) for time, picture in zip(times, marked_frames(5), strict=True))
    clip = written(frames, (64, 48), Fraction(1, 1000), None, None)
    assert [frame.time for frame in pictures(clip)] == times
    found = timing(clip)
    assert (found.frames, found.rate) == (5, None)
    steady = convert(clip, None, Fraction(25), unwatched)
    assert timing(steady).rate == 25


def test_a_varying_rate_survives_mp4(tmp_path, marked_frames, numbers_of):
    times = [Fraction(place, 600) for place in (0, 20, 60, 61, 300, 330)]
    frames = (Frame(time, Fraction(1, 20), picture) for time, picture in zip(times, marked_frames(6), strict=True))
    clip = clip_of_file(save(written(frames, (64, 48), Fraction(1, 600), None, None), tmp_path / "a.mp4"))
    found = list(pictures(clip))
    assert [frame.time for frame in found] == times
    assert numbers_of(found) == list(range(6))


@pytest.mark.parametrize("late", [Fraction(1, 2), Fraction(-1, 4)])
def test_sound_stays_in_step_with_pictures_that_begin_at_another_time(late, marked_frames, tone):
    av = pytest.importorskip("av")
    import io

    from flowra_media.video.sound import sound_frames

    stream = io.BytesIO()
    exact = tone(1000, rate=8000, seconds=1).samples
    with av.open(stream, "w", format="nut") as container:
        video = container.add_stream("ffv1", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "bgr0"
        sound = container.add_stream("pcm_f32le", rate=8000)
        sound.layout = "mono"
        for number, picture in enumerate(marked_frames(10)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = number + 10, Fraction(1, 10)
            container.mux(video.encode(frame))
        for frame in sound_frames(exact, 8000, start=round((1 + late) * 8000)):
            container.mux(sound.encode(frame))
    found = sound_of(clip_of_bytes(stream.getvalue()), 0, None, 10).samples
    if late > 0:
        assert not found[:, :4000].any()
        assert np.array_equal(found[:, 4000:], exact)
    else:
        assert np.array_equal(found, exact[:, 2000:])


def test_sound_comes_back_to_the_bit(marked_video, tone):
    clip = marked_video(count=30)
    exact = tone(1000, seconds=30 / 25, rate=48000, channels=2)
    assert np.array_equal(sound_of(clip, 0, None, 100).samples, exact.samples)
    assert np.array_equal(sound_of(clip, 0.3, 0.7, 100).samples, exact.samples[:, 14400:33600])
    with pytest.raises(MediaLimitError, match="longer than the limit"):
        sound_of(clip, 0, None, 0.01)


@pytest.mark.parametrize("name", ["video.mp4", "video.webm"])
def test_opencv_plays_what_we_save(tmp_path, marked_video, numbers_of, name):
    cv2 = pytest.importorskip("cv2")
    path = save(marked_video(count=20, rate="25"), tmp_path / name)
    player = cv2.VideoCapture(str(path))
    try:
        assert player.get(cv2.CAP_PROP_FPS) == pytest.approx(25)
        shown = []
        while True:
            there, picture = player.read()
            if not there:
                break
            shown.append(Frame(Fraction(0), Fraction(0), picture[..., ::-1]))
    finally:
        player.release()
    assert numbers_of(shown) == list(range(20))
    # The ramp on the right is red alone: the matrix of the colours is the same on both sides.
    assert shown[0].pixels[20, 60].astype(int) == pytest.approx([243, 0, 0], abs=14)


@pytest.mark.parametrize("name", ["video.mp4", "video.webm"])
def test_what_we_save_keeps_frames_timestamps_and_sound(tmp_path, marked_video, numbers_of, name):
    clip = clip_of_file(save(marked_video(count=24, rate="30000/1001"), tmp_path / name))
    found = list(pictures(clip))
    assert numbers_of(found) == list(range(24))
    step = Fraction(1001, 30000)
    assert all(abs(frame.time - number * step) < Fraction(1, 1000) for number, frame in enumerate(found))
    if name.endswith("mp4"):
        assert [frame.time for frame in found] == [number * step for number in range(24)]
    assert clip.facts.sound.channels == 2
    sound = sound_of(clip, 0, None, 100)
    assert sound.seconds == pytest.approx(24 * 1.001 / 30, abs=0.06)
    spectrum = np.abs(np.fft.rfft(sound.samples[0]))
    assert np.fft.rfftfreq(sound.length, 1 / 48000)[spectrum.argmax()] == pytest.approx(1000, abs=3)


def test_sound_of_any_rate_can_be_saved(tmp_path, marked_frames, tone):
    audio = tone(440, seconds=0.4, rate=37000)
    clip = from_pictures(marked_frames(10), Fraction(25), audio)
    for name in ("a.mp4", "a.webm"):
        assert clip_of_file(save(clip, tmp_path / name)).facts.sound.rate == 48000


def test_odd_sizes_are_refused_with_the_size_that_goes(tmp_path, marked_video):
    with pytest.raises(MediaError, match="63×47") as refusal:
        save(marked_video(width=63, height=47), tmp_path / "a.mp4")
    assert "width 64, height 48" in refusal.value.fix
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(MediaError, match="can't tell the format"):
        save(marked_video(), tmp_path / "a.xyz")


def test_a_cut_is_exact_to_the_frame_and_its_sound_to_the_sample(marked_video, numbers_of, tmp_path, tone):
    whole = marked_video(count=40)
    part = cut(whole, 0.4, 1.0, unwatched)
    assert numbers_of(pictures(part)) == list(range(10, 25))
    assert next(pictures(part)).time == 0
    exact = tone(1000, seconds=40 / 25, rate=48000, channels=2)
    assert np.array_equal(sound_of(part, 0, None, 100).samples, exact.samples[:, 19200:48000])
    assert numbers_of(pictures(cut(whole, -0.2, None, unwatched))) == list(range(35, 40))
    # Of a file whose frames depend on each other, too.
    coded = clip_of_file(save(whole, tmp_path / "a.mp4"))
    assert numbers_of(pictures(cut(coded, 0.4, 1.0, unwatched))) == list(range(10, 25))
    with pytest.raises(MediaError, match="no frame begins"):
        cut(whole, 5, None, unwatched)


def test_parts_join_with_their_sounds(marked_video, numbers_of, tone):
    joined = concatenate(
        [marked_video(5), marked_video(5, sound=False, first=5), marked_video(6, "30", first=10)], unwatched
    )
    frames = list(pictures(joined))
    assert numbers_of(frames) == list(range(16))
    assert frames[5].time == Fraction(1, 5)
    assert frames[15].time == Fraction(2, 5) + Fraction(5, 30)
    sound = sound_of(joined, 0, None, 100).samples
    assert sound.shape[1] == round(0.6 * 48000)
    assert not sound[:, 9600:19200].any()
    assert np.abs(sound[:, 19200:]).max() == pytest.approx(0.5, abs=0.01)
    with pytest.raises(MediaError) as refusal:
        concatenate([marked_video(2), marked_video(2, width=32)], unwatched)
    assert "width 64, height 48" in refusal.value.fix


def test_sound_is_replaced_shifted_and_taken_away(marked_video, tone):
    clip = marked_video(count=25)
    other = tone(300, seconds=3, rate=16000)
    attached = sound_of(attach(clip, other, 0.5, unwatched), 0, None, 100)
    assert (attached.rate, attached.length) == (16000, 16000)
    assert not attached.samples[:, :8000].any()
    assert np.array_equal(attached.samples[:, 8000:], other.samples[:, :8000])
    assert np.array_equal(
        sound_of(attach(clip, other, -1, unwatched), 0, None, 100).samples, other.samples[:, 16000:32000]
    )
    assert attach(clip, None, 0, unwatched).facts.sound is None


def test_size_and_rate_are_converted(marked_video, numbers_of):
    clip = convert(marked_video(count=10, rate="25"), (32, 24), Fraction(50), unwatched)
    frames = list(pictures(clip))
    assert frames[0].pixels.shape == (24, 32, 3)
    assert numbers_of(frames) == [number // 2 for number in range(20)]
    assert clip.facts.sound is not None
    assert numbers_of(pictures(convert(marked_video(10), None, Fraction(5), unwatched))) == [0, 5]


def test_rates_are_exact():
    assert [exact_rate(text) for text in ("25", "29.97", "23.976", "30000/1001", "12.5")] == [
        25, Fraction(30000, 1001), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25, 2),
    ]  # fmt: skip
    for text in ("0", "-1", "fast", "1/0", "5000"):
        with pytest.raises(MediaError):
            exact_rate(text)


def test_a_turned_video_stands_upright(tmp_path, marked_video):
    av = pytest.importorskip("av")
    path = save(marked_video(3, sound=False), tmp_path / "a.mp4")
    data = bytearray(path.read_bytes())
    # The matrix in the track's header says that players turn the picture: here by 90 degrees.
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = b"".join(
        value.to_bytes(4, "big", signed=True) for value in (0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30)
    )
    clip = clip_of_bytes(bytes(data))
    assert (clip.facts.width, clip.facts.height) == (48, 64)
    picture = next(pictures(clip)).pixels
    assert picture.shape == (64, 48, 3)
    # Turned with the clock, the left half is the upper one.
    assert picture[:30].mean() == pytest.approx(40, abs=4)
    assert picture[40, :, 0].mean() > 100
    assert av.__version__


def test_thumbnails_are_spread_over_the_video(marked_video, numbers_of):
    frames = thumbnails(marked_video(count=30), 3, (32, 32))
    assert numbers_of(frames) == [5, 15, 25]
    assert frames[0].pixels.shape == (24, 32, 3)


def test_a_file_that_changes_is_noticed(tmp_path, marked_video):
    path = save(marked_video(5), tmp_path / "a.mp4")
    clip = clip_of_file(path)
    save(marked_video(6), path)
    with pytest.raises(MediaError, match="changed while it was used"):
        list(pictures(clip))


def test_what_was_read_is_exported_as_it_is(tmp_path, marked_video):
    path = save(marked_video(5), tmp_path / "a.webm")
    assert export_video(clip_of_file(path), tmp_path / "b").read_bytes() == path.read_bytes()
    assert export_video(marked_video(5), tmp_path / "c").name == "c.mp4"
    assert export_video(marked_video(5, width=63), tmp_path / "d").name == "d.mov"


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0" * 500, b"\x1aE\xdf\xa3" + b"\xff" * 100, b"\0\0\0\x18ftypmp42" + bytes(200),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
    ],
)  # fmt: skip
def test_hostile_files_are_refused(data, tmp_path):
    (tmp_path / "a.mp4").write_bytes(data)
    with pytest.raises(MediaError):
        clip_of_file(tmp_path / "a.mp4")
    with pytest.raises(MediaError):
        clip_of_bytes(data)


def test_damage_anywhere_ends_in_an_error_of_ours_or_in_frames(tmp_path, marked_video):
    path = save(marked_video(8), tmp_path / "a.mp4")
    whole = path.read_bytes()
    rng = np.random.default_rng(4)
    for _ in range(60):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 20):
            data[place] = rng.integers(0, 256)
        try:
            clip = clip_of_bytes(bytes(data))
            assert len(list(pictures(clip))) < 1000
        except MediaError:
            continue


def test_frames_that_are_too_large_are_refused_before_they_are_decoded(tmp_path, marked_video):
    path = save(marked_video(2), tmp_path / "a.mp4")
    with pytest.raises(MediaLimitError, match="64×48"):
        clip_of_file(path, max_megapixels=0.003)


def test_a_video_that_changes_its_size_stays_bounded(marked_frames, monkeypatch):
    av = pytest.importorskip("av")
    import io

    data = b""
    for width, height in ((64, 48), (320, 240)):
        stream = io.BytesIO()
        with av.open(stream, "w", format="mpegts") as container:
            video = container.add_stream("mpeg2video", rate=25)
            video.width, video.height, video.pix_fmt = width, height, "yuv420p"
            for picture in marked_frames(5, width=width, height=height):
                container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(video.encode(None))
        data += stream.getvalue()
    found = list(pictures(clip_of_bytes(data)))
    assert {frame.pixels.shape for frame in found} == {(48, 64, 3)}
    assert len(found) > 5
    monkeypatch.setattr("flowra_media.video.clip.check_frame_size.__defaults__", (0.05,))
    monkeypatch.setattr("flowra_media.video.clip.video_stream.__defaults__", (0.05,))
    try:
        kept = len(list(pictures(clip_of_bytes(data))))
    except MediaError:
        return
    assert kept <= 5


def test_a_title_that_is_no_text_is_no_reason_to_refuse_a_file(tmp_path, marked_video):
    data = bytes(marked_video(2).data())
    at = data.index(b"Lavf")
    assert len(list(pictures(clip_of_bytes(data[:at] + b"\xff\xfe\x80\x81" + data[at + 4 :])))) == 2


def test_sound_alone_is_no_video(tmp_path, tone):
    from flowra_media.audio.writing import save_audio

    save_audio(tone(), tmp_path / "a.mp3")
    with pytest.raises(MediaError, match="sound alone"):
        clip_of_file(tmp_path / "a.mp3")


def test_a_video_leaves_no_temporary_file(tmp_path, marked_video, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    clip = marked_video(5)
    assert len(list(pictures(clip))) == 5
    assert list(tmp_path.iterdir()) == []


def test_work_that_is_ended_leaves_no_temporary_file(tmp_path, marked_frames, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def frames():
        yield Frame(Fraction(0), Fraction(1, 25), marked_frames(1)[0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        written(frames(), (64, 48), Fraction(1, 25), Fraction(25), None)
    assert list(tmp_path.iterdir()) == []
