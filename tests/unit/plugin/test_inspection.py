from __future__ import annotations

import sys
import threading

from flowra.plugin.inspection import import_quietly


def test_packs_that_are_imported_at_the_same_time_leave_stdout_where_it_was(tmp_path, monkeypatch, capsys):
    """The first that begins is the first that ends: each would put back what it found."""
    monkeypatch.syspath_prepend(str(tmp_path))
    gates = {name: (threading.Event(), threading.Event()) for name in ("early_pack", "late_pack")}
    monkeypatch.setattr(sys, "gates_of_packs", gates, raising=False)
    for name in gates:
        (tmp_path / f"{name}.py").write_text(
            "import sys\n"
            "begun, end = sys.gates_of_packs[__name__]\n"
            "begun.set()\n"
            "assert end.wait(20)\n"
            "print(__name__, 'speaks')\n"
        )
    before = sys.stdout
    threads = [threading.Thread(target=import_quietly, args=(name,)) for name in gates]
    for thread, (begun, _) in zip(threads, gates.values(), strict=True):
        thread.start()
        assert begun.wait(20)
    for thread, (_, end) in zip(threads, gates.values(), strict=True):
        end.set()
        thread.join()
    assert sys.stdout is before
    assert capsys.readouterr() == ("", "early_pack speaks\nlate_pack speaks\n")
