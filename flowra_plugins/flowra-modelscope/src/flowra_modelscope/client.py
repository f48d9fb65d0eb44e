"""The client: made so that all it writes lies in the cache folder, and nothing it draws reaches the terminal."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from modelscope_hub import _download
from modelscope_hub._download import DownloadManager
from modelscope_hub._legacy_api import LegacyClient
from modelscope_hub.config import HubConfig
from modelscope_hub.utils import build_user_agent

__all__ = ["Client", "open_client"]

#: How often a question is asked again: the client's own number makes whoever has no network wait for 15 seconds.
_RETRIES = 2
#: Seconds that an answer may take.
_TIMEOUT = 60


@dataclass(frozen=True)
class Client:
    """The parts of the client that are used here.

    Attributes:
        ask: Asks the hub.
        fetch: Downloads files.
    """

    ask: LegacyClient
    fetch: DownloadManager


def open_client(
    endpoint: str, token: str | None, cache: Path, *, retries: int = _RETRIES, timeout: int = _TIMEOUT
) -> Client:
    """Return a client.

    Args:
        endpoint: The hub's address; empty for the client's own.
        token: What a private model is asked for with; None for nobody's, whoever is logged in.
        cache: The folder of models.
        retries: How often a question is asked again.
        timeout: Seconds that an answer may take.
    """
    _hush()
    # Its folder of credentials is where it writes an id of the installation; a token is given, and never written.
    config = HubConfig(
        endpoint=endpoint or None, cache_dir=cache, config_dir=cache / ".flowra" / "client", token=token or ""
    )
    agent = build_user_agent(config=config, extra="invoked_by/flowra")
    ask = LegacyClient(token or None, str(config.endpoint), timeout=timeout, max_retries=retries, user_agent=agent)
    return Client(ask, DownloadManager(ask, config))


def _hush() -> None:
    """Leave progress and warnings to Flowra: the client draws bars on stderr, and logs there."""
    logging.getLogger("modelscope_hub").setLevel(logging.CRITICAL)
    bar = vars(_download)["tqdm"]
    if not isinstance(bar, partial):
        setattr(_download, "tqdm", partial(bar, disable=True))  # noqa: B010  it is not said to be changeable
