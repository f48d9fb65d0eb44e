from __future__ import annotations

import sys

from fixtures.pack_factory import install_pack

from flowra.plugin import NodeEntry
from flowra.plugin.import_cost import measure_import_cost

NODES = [NodeEntry("good_pack.slow:Blur"), NodeEntry("good_pack.slow:Glow"), NodeEntry("good_pack.last:Crop")]


def test_each_module_is_timed_once_in_a_process_of_its_own(site):
    install_pack(
        site, "good", modules={"slow": "import time\ntime.sleep(1)\nprint('noise')", "last": "import good_pack.slow"}
    )
    cost = measure_import_cost("good_pack.plugin", NODES)
    assert cost.entry.module == "good_pack.plugin"
    assert [each.module for each in cost.nodes] == ["good_pack.slow", "good_pack.last"]
    assert cost.nodes[0].seconds >= 1
    assert cost.nodes[1].seconds < 1, "what was imported before is not paid again"
    assert cost.seconds >= 1
    assert cost.errors == ()
    assert "good_pack" not in sys.modules


def test_what_a_module_raises_is_its_error(site):
    install_pack(site, "good", modules={"slow": "raise SystemExit('no')", "last": ""})
    cost = measure_import_cost("good_pack.plugin", NODES)
    assert [(each.module, each.error) for each in cost.errors] == [("good_pack.slow", "SystemExit: no")]
    assert cost.nodes[1].error == ""


def test_a_module_that_kills_its_process_is_named(site):
    install_pack(site, "good", modules={"slow": "import os\nos._exit(7)", "last": ""})
    cost = measure_import_cost("good_pack.plugin", NODES)
    assert cost.nodes[0].error == "the import ended its process with exit status 7"
    assert cost.nodes[0].seconds is None
    assert cost.nodes[1].error == "not measured: the process had ended"


def test_a_module_that_hangs_is_named(site):
    install_pack(site, "good", modules={"slow": "import time\ntime.sleep(60)", "last": ""})
    cost = measure_import_cost("good_pack.plugin", NODES, timeout=3)
    assert [each.module for each in cost.errors] == ["good_pack.slow", "good_pack.last"]
    assert cost.nodes[0].error == "the import took more than 3 s"
