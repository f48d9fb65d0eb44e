"""What every test of the workspace starts from: how hypothesis searches, and home folders that are nobody's."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# `ci` tries the same examples each time, so what is red there is red for the next person too; `dev` explores; `few` is
# for interpreters beside the one on which everything is tried.
# A fixture that is shared by the examples of a test (a folder, a photograph) is no mistake here.
each = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.register_profile("ci", each, derandomize=True, print_blob=True)
settings.register_profile("few", each, derandomize=True, print_blob=True, max_examples=10)
settings.register_profile("dev", each)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(scope="session", autouse=True)
def nobodys_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the settings and caches of whoever runs the tests out of them, and out of the processes they start."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for variable in [name for name in os.environ if name.startswith("FLOWRA_")]:
            patch.delenv(variable)
        for variable, folder in [
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_STATE_HOME", "state"),
        ]:
            patch.setenv(variable, str(home / folder))
        yield


@pytest.fixture(autouse=True)
def nobodys_results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give each test a store of its own: a result that another test computed must not stand in for this one's."""
    # Not the test's own monkeypatch: it would then be undone after fixtures that the test asks for.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWRA_STORE", str(tmp_path_factory.mktemp("results") / "store"))
        yield
