"""Rows 18, 19, 20, 22, 23, 24 and 34 of the faults, and leases, over a folder, and over one that machines share.

The rows are in `fixtures.store_faults`; packs with a service of their own run them over it.
"""

from fixtures.store_access import FolderAccess, ObjectAccess
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


class TestFolder(StoreFaults):
    """The local store. What several processes do to it has tests of its own: `test_row_22…` and its neighbours."""

    test_row_22_each_node_is_computed_once_by_several_drivers = None
    test_row_23_two_that_race_go_on_with_the_same = None
    test_row_24_a_collection_takes_nothing_from_a_run_on_another_machine = None
    # The system keeps a lock for as long as its process is there, stopped or not.
    test_one_who_was_stopped_and_goes_on_adopts_what_others_gave = None

    def make_access(self, folder):
        return FolderAccess(folder / "store")
