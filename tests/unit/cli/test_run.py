from __future__ import annotations

import json
import re

from fixtures.cli_pack import write_graph


def events_in(text):
    return [json.loads(line) for line in text.splitlines()]


class TestPlain:
    def test_in_a_pipe_there_is_a_line_for_each_thing_that_matters(self, flowra):
        done = flowra.run("run", "chain.json")
        assert (done.returncode, done.stderr) == (0, "")
        lines = [re.sub(r"\d+(\.\d+)? (ms|s)\b", "TIME", line) for line in done.stdout.splitlines()]
        assert re.fullmatch(r"chain: 3 nodes, run chain-\d{8}-\d{6}-[0-9a-f]{8}", lines[0])
        assert lines[1:-1] == [
            "[1/3] one  TIME  value: number 2.0",
            "slow: slow began",
            "[2/3] slow  TIME  value: number 2.0",
            "[3/3] sum  TIME  value: number 3.0",
            "  total  3.0",
        ]
        assert lines[-1].startswith("chain: succeeded, 3 nodes in TIME, results in flowra-output/chain-")
        assert "\x1b" not in done.stdout

    def test_a_failure_goes_to_stderr_and_the_rest_is_run(self, flowra):
        done = flowra.run("run", "failing.json")
        assert done.returncode == 4
        assert done.stderr.startswith("error: node broken failed\n  where:  play/Fail, ")
        assert "Traceback" not in done.stderr
        assert "broken failed: ValueError: the picture is too small" in done.stdout.splitlines()
        assert "after not run: broken failed" in done.stdout.splitlines()
        assert "  total  3.0" in done.stdout.splitlines()
        assert "  lost   (none: after did not succeed)" in done.stdout.splitlines()
        assert "failing: failed, 3 of 5 nodes, 1 failed, 1 not run in" in done.stdout

    def test_with_v_the_traceback_and_what_nodes_log_for_debugging_are_shown(self, flowra):
        assert "Traceback" in flowra.run("run", "failing.json", "-v").stderr
        write_graph(flowra.work / "say.json", {"say": {"type": "play/Say"}})
        assert "for debugging" not in flowra.run("run", "say.json").stdout
        said = flowra.run("run", "say.json", "--verbose").stdout.splitlines()
        assert {"say: debug: for debugging", "say: warning: careful", "say: said: text 'hello'"} <= set(said)

    def test_many_failures_are_three_at_length_and_the_rest_by_name(self, flowra):
        write_graph(flowra.work / "many.json", {f"n{number}": {"type": "play/Fail"} for number in range(20)})
        done = flowra.run("run", "many.json")
        assert done.returncode == 4
        assert done.stderr.count("error: node") == 3
        assert re.search(r"and 17 more nodes failed: n\d+, .*, …", done.stdout)

    def test_many_outputs_are_cut_and_lie_in_the_folder(self, flowra, tmp_path):
        write_graph(flowra.work / "wide.json", {f"n{number}": {"type": "play/Give"} for number in range(60)})
        done = flowra.run("run", "wide.json", "-o", str(tmp_path))
        assert "  … and 40 more" in done.stdout.splitlines()
        assert len(json.loads((tmp_path / "outputs.json").read_text(encoding="utf-8"))) == 60


class TestJson:
    def test_stdout_holds_events_and_nothing_else(self, flowra):
        done = flowra.run("run", "failing.json", "--json")
        assert done.returncode == 4
        events = events_in(done.stdout)
        assert [events[0]["event"], events[-1]["event"]] == ["planned", "finished"]
        assert events[-1]["outputs"] == {"total": {"value": 3.0}}
        (failed,) = [event for event in events if event["event"] == "failed"]
        assert failed["error"]["why"] == "ValueError: the picture is too small"
        assert "error: node broken failed" in done.stderr
        assert "failing: failed" in done.stderr

    def test_what_nodes_print_does_not_come_between_the_events(self, flowra):
        write_graph(flowra.work / "loud.json", {"say": {"type": "play/Say", "inputs": {"text": "图"}}})
        done = flowra.run("run", "loud.json", "--json")
        assert done.returncode == 0
        events = events_in(done.stdout)
        assert {event["event"] for event in events} >= {"log", "preview", "finished"}
        assert "printed in Python" in [event["text"] for event in events if event["event"] == "log"]
        assert "printed below Python" in done.stderr
        assert done.stdout.isascii()

    def test_a_graph_with_mistakes_gives_no_events(self, flowra):
        write_graph(flowra.work / "typo.json", {"one": {"type": "play/Giv"}})
        done = flowra.run("run", "typo.json", "--json")
        assert (done.returncode, done.stdout) == (3, "")
        assert "play/Give" in done.stderr


class TestOptions:
    def test_set_gives_ports_of_nodes(self, flowra):
        done = flowra.run("run", "chain.json", "--set", "one.value=5", "-s", "one.scale=3", "-s", "sum.b=0")
        assert "  total  15.0" in done.stdout.splitlines()

    def test_input_gives_inputs_of_the_graph_and_paths_are_taken_from_here(self, flowra):
        (flowra.work / "deep").mkdir(exist_ok=True)
        (flowra.work / "here.txt").write_text("", encoding="utf-8")
        names = ("text", "number", "file", "words")
        write_graph(
            flowra.work / "deep" / "inputs.json",
            {"join": {"type": "play/Join", "inputs": {name: {"$input": name} for name in names}}},
            inputs={
                "text": {"type": "String"},
                "number": {"type": "Float"},
                "file": {"type": "File"},
                "words": {"type": {"type": "List", "item": "String"}},
            },
            outputs={"text": {"$from": "join.text"}},
        )
        given = ["text=1=2", "number=3", "file=here.txt", "words=a", "words=b"]
        done = flowra.run("run", "deep/inputs.json", *(part for each in given for part in ("-i", each)))
        assert (done.returncode, done.stderr) == (0, "")
        assert str(flowra.work / "here.txt") in done.stdout
        for part in ("'1=2'", "3.0", "['a', 'b']"):
            assert part in done.stdout

    def test_a_missing_input_is_named_with_what_to_write(self, flowra):
        write_graph(flowra.work / "needs.json", {}, inputs={"photo": {"type": "File", "description": "Any picture"}})
        done = flowra.run("run", "needs.json")
        assert (done.returncode, done.stdout) == (3, "")
        assert "inputs.photo: is not given: Any picture (--input photo=VALUE)" in done.stderr

    def test_target_runs_a_node_and_what_it_needs(self, flowra):
        done = flowra.run("run", "failing.json", "--target", "slow")
        assert done.returncode == 0
        assert "failing: succeeded, 2 nodes" in done.stdout

    def test_output_is_the_folder_for_the_results(self, flowra, tmp_path):
        folder = tmp_path / "deep" / "results"
        done = flowra.run("run", "chain.json", "--output", str(folder))
        assert done.returncode == 0
        assert json.loads((folder / "outputs.json").read_text(encoding="utf-8")) == {"total": 3.0}

    def test_without_it_the_folder_is_the_settings(self, flowra, tmp_path):
        assert flowra.run("run", "chain.json", FLOWRA_OUTPUT_DIR=str(tmp_path)).returncode == 0
        (folder,) = tmp_path.iterdir()
        assert re.fullmatch(r"chain-\d{8}-\d{6}-[0-9a-f]{8}", folder.name)

    def test_a_graph_without_a_name_is_called_after_its_file(self, flowra):
        write_graph(flowra.work / "unnamed.json", {"one": {"type": "play/Give"}})
        assert flowra.run("run", "unnamed.json").stdout.startswith("unnamed: 1 node, run unnamed-")


def test_a_terminal_without_unicode_shows_what_it_can(flowra):
    done = flowra.run("run", "failing.json", "-s", "broken.message=图", PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    assert done.returncode == 4
    assert r"broken failed: ValueError: \u56fe" in done.stdout.splitlines()
