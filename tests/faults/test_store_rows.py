"""Rows 18, 19, 20, 22, 23, 24 and 34 of the faults, and leases, over a folder that machines share.

The rows are in `fixtures.store_faults`; packs with a service of their own run them over it.
"""

from fixtures.store_access import ObjectAccess
from fixtures.store_faults import StoreFaults

from flowra.storage.remote.shared_folder import SharedFolder


class TestSharedFolder(StoreFaults):
    def make_access(self, folder):
        shared = folder / "shared"
        shared.mkdir(exist_ok=True)
        source = (
            "from pathlib import Path\nfrom flowra.storage.remote.shared_folder import SharedFolder\n"
            f"SharedFolder(Path({str(shared)!r}))"
        )
        return ObjectAccess(SharedFolder(shared), source)
