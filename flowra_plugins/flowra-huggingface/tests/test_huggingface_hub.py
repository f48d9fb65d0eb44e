"""Hugging Face's real client keeps what every hub promises, against a hub on loopback."""

from __future__ import annotations

from flowra.testing import ModelHubSuite


class TestHuggingFaceHub(ModelHubSuite):
    hub = "huggingface"
    token_variable = "HF_TOKEN"
    resumes = False  # its client writes pieces of 10 MB, and begins a file anew after its process has died
