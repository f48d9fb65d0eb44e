"""The settings, and how their layers come together.

The layers, each replacing single values of those before it:

1. the defaults of `Settings`;
2. the user's file, `config.toml` in the user's configuration folder for `flowra`;
3. the project's file: the first folder, from the current one upwards, that has a `flowra.toml`, or a
   `pyproject.toml` with a table `[tool.flowra]`; where it has both, `flowra.toml` counts;
4. the environment: `FLOWRA_DISABLE_PACKS`, `FLOWRA_OUTPUT_DIR`, `FLOWRA_CACHE_DIR`, `FLOWRA_STORE`,
   `FLOWRA_UPLOADS`, `FLOWRA_RESOURCES`, `FLOWRA_CLUSTERS`, `FLOWRA_TRUSTED_KEYS`,
   `FLOWRA_DATA_DIR`, `FLOWRA_SYNC_PACKS`, `FLOWRA_RESULT_KEY`, `FLOWRA_RESULT_SIGNERS`.
   `FLOWRA_RESOURCES`, `FLOWRA_CLUSTERS`, `FLOWRA_TRUSTED_KEYS`,
   `FLOWRA_DATA_DIR`, `FLOWRA_MODEL_HUB`, `FLOWRA_MODEL_DIR`, `FLOWRA_MODEL_MIRROR`, `FLOWRA_MODEL_LIMIT`,
   `FLOWRA_HUB_ENDPOINTS`, `FLOWRA_OFFLINE`.

A relative folder in a file is relative to that file, one in the environment to the current folder.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flowra.config import kinds
from flowra.config.files import find_project_file, read_settings_table, user_cache_dir, user_data_dir, user_file
from flowra.exceptions import ConfigError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "SETTINGS",
    "Layer",
    "Setting",
    "Settings",
    "load_layers",
    "load_settings",
    "setting_of",
    "settings_in",
    "value_in_file",
    "wrong_value",
]

_PROJECT_FILES = ("flowra.toml", "pyproject.toml")


@dataclass(frozen=True, slots=True)
class Setting:
    """How one setting is written.

    Attributes:
        variable: Its variable in the environment.
        kind: What values it can have.
        not_of_projects: What a project would do that stated it, where a project's file can't have it: whoever clones
            the project has not chosen that.
        why: Why that would be bad, where it does not go without saying.
    """

    variable: str
    kind: kinds.Kind
    not_of_projects: str = ""
    why: str | None = None


_KEYS = kinds.Names('a list of keys, as in ["ed25519:…"]')
_FOLDER = kinds.Folder("the path of a folder, in quotes")
_TRUTH = kinds.Truth("true or false")
_SIGNERS = "say who signs, and whose signatures are trusted"

#: How each field of `Settings` is written.
SETTINGS: Mapping[str, Setting] = {
    "packs_disabled": Setting("FLOWRA_DISABLE_PACKS", kinds.Names('a list of names, as in ["my_pack"]')),
    "output_dir": Setting("FLOWRA_OUTPUT_DIR", _FOLDER),
    "cache_dir": Setting("FLOWRA_CACHE_DIR", _FOLDER),
    "store": Setting("FLOWRA_STORE", kinds.Address("the path of a folder, or an address, in quotes")),
    "uploads": Setting("FLOWRA_UPLOADS", kinds.Choice("auto", "all", "none")),
    "resources": Setting("FLOWRA_RESOURCES", kinds.Amounts("a table of amounts, as in { gpu = 1, licence = 2 }")),
    "trusted_keys": Setting("FLOWRA_TRUSTED_KEYS", _KEYS, _SIGNERS),
    "clusters": Setting(
        "FLOWRA_CLUSTERS",
        kinds.Clusters('tables, as in [clusters.slurm] class = "package.module.Class"'),
        "say which classes start clusters",
        "they are imported and called with what it says",
    ),
    "data_dir": Setting("FLOWRA_DATA_DIR", _FOLDER),
    "sync_packs": Setting("FLOWRA_SYNC_PACKS", _TRUTH, "allow that packs are installed on workers"),
    "result_key": Setting("FLOWRA_RESULT_KEY", kinds.Folder("the path of a file, in quotes"), _SIGNERS),
    "result_signers": Setting("FLOWRA_RESULT_SIGNERS", _KEYS, _SIGNERS),
    "model_hub": Setting("FLOWRA_MODEL_HUB", kinds.Word('the name of a hub, as in "modelscope"')),
    "model_dir": Setting("FLOWRA_MODEL_DIR", _FOLDER),
    "model_mirror": Setting("FLOWRA_MODEL_MIRROR", _FOLDER),
    "model_limit": Setting("FLOWRA_MODEL_LIMIT", kinds.Size('a size, as in "20 GB"; 0 for none')),
    "hub_endpoints": Setting(
        "FLOWRA_HUB_ENDPOINTS",
        kinds.Endpoints('a table of addresses, as in { modelscope = "https://…" }'),
        "say where models come from",
        "your tokens are sent there",
    ),
    "offline": Setting("FLOWRA_OFFLINE", _TRUTH),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one process.

    Attributes:
        packs_disabled: Packs that are left out, by pack id or by the name of their distribution; in the environment,
            separated by commas.
        output_dir: The folder below which runs write files for people.
        cache_dir: The folder for what can be made anew at any time.
        store: Where results are kept: a folder, or an address that a pack serves; empty for the folder `store` in
            `cache_dir`.
        uploads: Which results go to a store that machines share: `auto` for those that are sent sooner than they are
            computed, or quickly; `all`; `none`.
        clusters: Clusters by name, for `flowra run --executor NAME`: each a table with `class`, the dotted name of a
            class with dask's `Cluster` interface, `workers`, how many it is scaled to, and the class's own arguments;
            in the environment, as JSON. A project's file can't name what is imported.
        resources: How much there is of what nodes may need, by name, in place of what is found on the machine; in the
            environment as in `gpu=1,licence=2`.
        trusted_keys: Public keys, as `ed25519:…`, whose signatures of archives you trust; in the environment, separated
            by commas. A project's file can't say whom you trust.
        data_dir: The folder for what is installed and kept: packs' own environments, in `environments`.
        sync_packs: Whether runs on a cluster give its workers the packs that they lack, or have otherwise. A project's
            file can't allow it.
        result_key: The file of the private key that results are signed with in a store that is shared; without it the
            secret `result_key` counts, if there is one.
        result_signers: Public keys, as `ed25519:…`, whose signatures of results in a shared store you trust;
            others' results are not used then. In the environment, separated by commas.
        model_hub: The hub that models come from where a reference names none.
        model_dir: The folder for models, with one folder for each hub in it; none for the folder in which the hub's own
            client keeps them.
        model_mirror: A folder that stands in for hubs: a model that lies in it, as `org/name` or `org/name@revision`,
            is taken from there.
        model_limit: How many bytes models may take before those used least lately are removed, as in `20 GB`; 0 for no
            limit.
        hub_endpoints: Addresses of hubs by name, in place of their usual ones; in the environment as in
            `modelscope=http://hub.example`. A project's file can't say where your tokens are sent.
        offline: Whether nothing is fetched: models that are not here are refused.
    """

    packs_disabled: tuple[str, ...] = ()
    output_dir: Path = Path("flowra-output")
    cache_dir: Path = field(default_factory=user_cache_dir)
    store: str = ""
    uploads: str = "auto"
    resources: Mapping[str, float] = field(default_factory=dict)
    trusted_keys: tuple[str, ...] = ()
    clusters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    data_dir: Path = field(default_factory=user_data_dir)
    sync_packs: bool = False
    result_key: Path | None = None
    result_signers: tuple[str, ...] = ()
    model_hub: str = "modelscope"
    model_dir: Path | None = None
    model_mirror: Path | None = None
    model_limit: int = 0
    hub_endpoints: Mapping[str, str] = field(default_factory=dict)
    offline: bool = False

    @property
    def environments(self) -> Path:
        """The folder of the environments that packs have of their own."""
        return self.data_dir.absolute() / "environments"


@dataclass(frozen=True, slots=True)
class Layer:
    """What one place says of settings.

    Attributes:
        name: `default`, `user`, `project` or `environment`.
        path: Its file, for `user` and `project`.
        values: The settings that it has.
    """

    name: Literal["default", "user", "project", "environment"]
    path: Path | None
    values: Mapping[str, Any]

    def origin(self, setting: str) -> str:
        """Return where it says so: the file, or the variable."""
        if self.path is not None:
            return str(self.path)
        return SETTINGS[setting].variable if self.name == "environment" else "default"


def load_settings(*, start: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read all layers.

    Args:
        start: The folder that the search for the project's file begins in; the current folder by default.
        environment: The environment; this process's own by default.

    Raises:
        ConfigError: If a file can't be read, or a setting is unknown or has a value that it can't have.
    """
    values: dict[str, Any] = {}
    for layer in _stated(start, environment):
        values.update(layer.values)
    return Settings(**values)


def load_layers(*, start: Path | None = None, environment: Mapping[str, str] | None = None) -> list[Layer]:
    """Return the layers one by one, the weakest first; see `load_settings`."""
    defaults = Settings()
    return [
        Layer("default", None, {each.name: getattr(defaults, each.name) for each in fields(Settings)}),
        *_stated(start, environment),
    ]


def _stated(start: Path | None, environment: Mapping[str, str] | None) -> Iterator[Layer]:
    """Yield what people said, the weakest first."""
    user = user_file()
    if user.is_file():
        yield Layer("user", user, settings_in(user))
    project = find_project_file(start)
    if project is not None:
        yield Layer("project", project, settings_in(project))
    variables = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        text = variables.get(setting.variable)
        if text is not None and (text or setting.kind.empty_counts):
            try:
                values[name] = setting.kind.of_text(text)
            except ValueError:
                raise wrong_value(name, text, setting.variable) from None
    yield Layer("environment", None, values)


def settings_in(path: Path) -> dict[str, Any]:
    """Return the settings that a file states, as values of `Settings`.

    Raises:
        ConfigError: It can't be read, or a setting is unknown or has a value that it can't have.
    """
    return {name: value_in_file(name, value, path) for name, value in read_settings_table(path).items()}


def value_in_file(name: str, value: Any, path: Path) -> Any:
    """Return what a value in a settings file means; raises ConfigError if there is no such setting or value."""
    setting = setting_of(name, str(path))
    if setting.not_of_projects and path.name in _PROJECT_FILES:
        raise ConfigError(
            f"a project can't {setting.not_of_projects}",
            where=str(path),
            why=setting.why,
            fix=f"write {name} into your own settings file, or into {setting.variable}",
        )
    try:
        return setting.kind.of_file(value, path.parent)
    except ValueError:
        raise wrong_value(name, value, str(path)) from None


def setting_of(name: str, where: str) -> Setting:
    """Return how a setting is written; raises ConfigError if there is none of that name."""
    if name not in SETTINGS:
        from difflib import get_close_matches

        near = get_close_matches(name, SETTINGS, n=1)
        fix = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(SETTINGS)}"
        raise ConfigError(f"unknown setting {printable(name, 80)}", where=where, fix=fix)
    return SETTINGS[name]


def wrong_value(name: str, value: object, where: str) -> ConfigError:
    """Return the error for a value that a setting can't have."""
    return ConfigError(
        f"the setting {name} has a value it can't have",
        where=where,
        why=f"it is {printable(repr(value), 80)}",
        fix=f"give {SETTINGS[name].kind.expected}",
    )
