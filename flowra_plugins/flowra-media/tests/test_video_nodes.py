from __future__ import annotations

import numpy as np
import pytest

from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.dag.outcome import EndBranch
from flowra.exceptions import FlowraError, NodeFailedError
from flowra.execute.session import Session
from flowra.type.value_type import AnyImage
from flowra_media.video.clip import clip_of_file
from flowra_media.video.frames import pictures, timing
from flowra_media.video.mapping import FrameStep, FrameSteps


def test_a_video_goes_from_file_to_file(run_node, marked_video, numbers_of, tmp_path):
    path = run_node("media/SaveVideo", video=marked_video(20), path=tmp_path / "a.mp4").path
    video = run_node("media/LoadVideo", path=path).video
    facts = run_node("media/InspectVideo", video=video)
    assert (facts.frames, facts.rate, facts.width, facts.height, facts.seconds) == (20, "25", 64, 48, 0.8)
    assert (facts.codec, facts.sound_rate, facts.sound_channels) == ("h264", 48000, 2)
    sound = run_node("media/ExtractAudio", video=video).audio
    part = run_node("media/CutVideo", video=video, start=0.2, end=0.6).video
    part = run_node("media/ConvertVideo", video=part, width=32).video
    both = run_node("media/ConcatenateVideo", parts=[part, part]).video
    both = run_node("media/AttachAudio", video=both, audio=sound).video
    assert numbers_of(pictures(both)) == [*range(5, 15), *range(5, 15)]
    small = run_node("media/VideoThumbnails", video=both, count=4, width=16)
    assert small.strip.shape == (12, 4 * 16 + 3 * 2, 3)
    assert small.times == sorted(small.times)


def test_frames_are_a_list_that_nodes_map_over(marked_video, numbers_of, tmp_path):
    graph = Graph("frames")
    frames = graph.add("media/VideoFrames", id="frames", video=marked_video(12), every=2)
    flipped = graph.add("image/Flip", id="flip", image=frames["frames"])
    back = graph.add("image/Flip", id="back", image=flipped["image"])
    video = graph.add("media/FramesToVideo", id="video", frames=back["image"], rate=frames["rate"])
    graph.output("video", video["video"])
    with Session(store=tmp_path / "store") as session:
        run = session.run(graph)
    assert run.status == "succeeded", run.failures
    assert numbers_of(pictures(run["video"])) == [0, 2, 4, 6, 8, 10]
    assert timing(run["video"]).rate == 12.5


def test_too_many_frames_for_a_list_are_refused_with_the_node_that_can(run_node, marked_video):
    with pytest.raises(NodeFailedError, match="MapFrames"):
        run_node("media/VideoFrames", video=marked_video(12), max_megabytes=0.1)


def test_nodes_run_on_each_frame_and_timestamps_and_sound_stay(run_node, marked_video):
    clip = marked_video(10, "30000/1001")
    steps = [{"node": "image/Flip"}, {"node": "image/Resize", "inputs": {"width": 32, "height": 24}}]
    found = run_node("media/MapFrames", video=clip, steps=steps)
    frames = list(pictures(found.video))
    assert found.frames == 10
    assert [frame.time for frame in frames] == [frame.time for frame in pictures(clip)]
    assert frames[0].pixels.shape == (24, 32, 3)
    assert frames[0].pixels[10, 28] == pytest.approx([40, 40, 40])
    assert found.video.facts.sound == clip.facts.sound


def test_what_is_no_picture_of_eight_bits_becomes_one_again(run_node, marked_video):
    steps = [{"node": "image/Convert", "inputs": {"mode": "L", "dtype": "float32"}}]
    [first, *_] = pictures(run_node("media/MapFrames", video=marked_video(2), steps=steps).video)
    assert first.pixels.shape == (48, 64, 3)
    assert first.pixels[0, 0] == pytest.approx([40, 40, 40], abs=1)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([], "no step"),
        ([{"node": "image/NoSuchNode"}], "NoSuchNode"),
        ([{"node": "image/Histogram", "inputs": {"bins": 0}}], "bins"),
        ([{"node": "image/Compare"}], "several inputs"),
        ([{"node": "image/Resize", "inputs": {"width": -4}}], "width"),
        ([{"node": "image/Flip", "image": "photo"}], "no input photo"),
        ([{"node": "media/ResampleAudio"}], "no input for a picture"),
        ([{"nodes": "image/Flip"}], "nodes"),
    ],
)
def test_a_step_that_cant_be_run_is_named(run_node, marked_video, steps, said):
    with pytest.raises(FlowraError, match=said):
        run_node("media/MapFrames", video=marked_video(2), steps=steps)


def test_the_cache_holds_a_mapped_video_and_its_steps_are_part_of_the_key(marked_video, tmp_path):
    def run(width, video):
        graph = Graph("map")
        node = graph.add(
            "media/MapFrames", id="map", video=video, steps=[{"node": "image/Resize", "inputs": {"width": width}}]
        )
        graph.output("video", node["video"])
        ran = []
        with Session(store=tmp_path / "store") as session:
            result = session.run(graph, observers=[lambda event: ran.append(event.name)])
            assert result.status == "succeeded", result.failures
            return "started" in ran, result["video"].facts.width

    path = tmp_path / "a.nut"
    path.write_bytes(marked_video(3).data())
    assert run(32, path) == (True, 32)
    assert run(32, path) == (False, 32)
    assert run(16, path) == (True, 16)
    path.write_bytes(marked_video(4).data())
    assert run(16, path) == (True, 16)
    assert clip_of_file(path).facts.width == 64


class KeepBright(Node):
    """Leave dark frames out."""

    class InputArgs(BaseArgs):
        image: AnyImage

    class OutputArgs(BaseArgs):
        image: AnyImage

    def run(self, context, args):
        if np.asarray(args.image).mean() < 60:
            return EndBranch("dark")
        return self.OutputArgs(image=args.image)


def test_frames_whose_branch_ends_are_left_out(marked_frames):
    steps = FrameSteps([FrameStep(node="local/KeepBright")], None, NodeCatalog(classes=[KeepBright]))
    kept = [steps(picture) is not None for picture in marked_frames(10)]
    assert kept == [picture.mean() >= 60 for picture in marked_frames(10)]
    assert set(kept) == {True, False}
