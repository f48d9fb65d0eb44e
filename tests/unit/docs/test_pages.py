"""Pages keep the rules by which tests/integration/test_docs.py runs them."""

from __future__ import annotations

import json
import re
import sys

import pytest
from fixtures.doc_blocks import DOCS, ROOT, RUNNABLE, Block, blocks_of, pages

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BLOCKS = [block for page in pages() for block in blocks_of(page)]
_TEST = re.compile(r"^def (test_\w+)", re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)\s]*)?\)")


def blocks(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def test_every_block_of_code_is_run_or_says_why_not():
    excused = [block for block in blocks(*RUNNABLE) if block.marker == "not run"]
    unmarked = [block.place for block in blocks("bash", "sh", "shell") if not block.marker]
    assert not unmarked, "write these as `console` blocks, or mark them"
    assert [block.place for block in excused if len(block.said.split()) < 3] == []


def test_code_is_not_hidden_from_the_tests_in_a_directive():
    assert [
        block.place for block in BLOCKS if re.match(r"\{(code-block|code|sourcecode|literalinclude)\}", block.language)
    ] == []


def test_the_reader_is_told_what_to_call_a_file():
    files = [block for block in BLOCKS if block.marker == "file"]
    assert files
    assert [block.place for block in files if f"`{block.said}`" not in block.before] == []


def test_json_and_toml_can_be_read():
    for block in blocks("json"):
        try:
            json.loads(block.text)
        except ValueError as error:
            pytest.fail(f"{block.place}: {error}")
    for block in blocks("toml"):
        try:
            tomllib.loads(block.text)
        except ValueError as error:
            pytest.fail(f"{block.place}: {error}")


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_links_of_the_readmes_lead_somewhere(readme):
    # The drawing and photograph of a run are made by the checkout's maintainers, after the pages.
    text = (ROOT / readme).read_text(encoding="utf-8")
    assert [
        link for link in _LINK.findall(text) if not (ROOT / link).exists() and not link.startswith("docs/images/")
    ] == []


def test_both_readmes_have_the_same_two_lines():
    def lines(name):
        return [block.text for block in blocks_of(ROOT / name) if block.marker in ("run", "checks")]

    assert len(lines("README.md")) == 2
    assert lines("README.zh-CN.md") == lines("README.md")


def test_what_is_generated_stays_out_of_the_repository():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert f"{(DOCS / 'generated').relative_to(ROOT)}/" in ignored


def test_the_tests_that_the_page_on_clusters_names_are_there():
    page = (DOCS / "cluster.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) > 20
    there = {name for path in (ROOT / "tests" / "faults").glob("test_*.py") for name in _TEST.findall(path.read_text())}
    assert named <= there
