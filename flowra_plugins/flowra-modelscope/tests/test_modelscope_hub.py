"""ModelScope's real client keeps what every hub promises, against a hub on loopback."""

from __future__ import annotations

from flowra.testing import ModelHubSuite


class TestModelScopeHub(ModelHubSuite):
    hub = "modelscope"
    token_variable = "MODELSCOPE_API_TOKEN"
