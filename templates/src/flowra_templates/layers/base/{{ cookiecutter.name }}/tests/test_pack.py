"""What every pack must hold: its manifest, descriptions, defaults and examples are in order."""

from __future__ import annotations

from flowra.testing import PackSuite


class TestPack(PackSuite):
    """The promises of `flowra.testing.PackSuite`, each a test."""

    pack = "{{ cookiecutter.pack }}"
