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

from flowra.config.files import find_project_file, read_settings_table, user_cache_dir, user_data_dir, user_file
from flowra.config.model_settings import MODEL_SETTINGS, model_value_in_file, model_value_in_text
from flowra.exceptions import ConfigError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "ENVIRONMENT",
    "LIST_SETTINGS",
    "Layer",
    "Settings",
    "amounts_in",
    "clusters_in",
    "load_layers",
    "load_settings",
    "settings_in",
    "truth_in",
    "value_in_file",
]

#: The variable of each setting.
ENVIRONMENT = {
    "packs_disabled": "FLOWRA_DISABLE_PACKS",
    "output_dir": "FLOWRA_OUTPUT_DIR",
    "cache_dir": "FLOWRA_CACHE_DIR",
    "store": "FLOWRA_STORE",
    "uploads": "FLOWRA_UPLOADS",
    "resources": "FLOWRA_RESOURCES",
    "trusted_keys": "FLOWRA_TRUSTED_KEYS",
    "clusters": "FLOWRA_CLUSTERS",
    "data_dir": "FLOWRA_DATA_DIR",
    "sync_packs": "FLOWRA_SYNC_PACKS",
    "result_key": "FLOWRA_RESULT_KEY",
    "result_signers": "FLOWRA_RESULT_SIGNERS",
    "model_hub": "FLOWRA_MODEL_HUB",
    "model_dir": "FLOWRA_MODEL_DIR",
    "model_mirror": "FLOWRA_MODEL_MIRROR",
    "model_limit": "FLOWRA_MODEL_LIMIT",
    "hub_endpoints": "FLOWRA_HUB_ENDPOINTS",
    "offline": "FLOWRA_OFFLINE",
}

#: Settings that are lists, with what a value has to be.
LIST_SETTINGS = {
    "packs_disabled": 'a list of names, as in ["my_pack"]',
    "trusted_keys": 'a list of keys, as in ["ed25519:…"]',
    "result_signers": 'a list of keys, as in ["ed25519:…"]',
}
#: Settings that a project's file can't have: whoever clones it has not chosen them.
_OF_THE_USER = frozenset({"trusted_keys", "result_key", "result_signers"})
#: What the setting `uploads` can be.
UPLOADS = ("auto", "all", "none")
_PROJECT_FILES = ("flowra.toml", "pyproject.toml")


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
        return ENVIRONMENT[setting] if self.name == "environment" else "default"


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
    for name, variable in ENVIRONMENT.items():
        text = variables.get(variable)
        if text is not None:
            values.update(_from_environment(name, text))
    yield Layer("environment", None, values)


def settings_in(path: Path) -> dict[str, Any]:
    """Return the settings that a file states, as values of `Settings`.

    Raises:
        ConfigError: It can't be read, or a setting is unknown or has a value that it can't have.
    """
    return {name: value_in_file(name, value, path) for name, value in read_settings_table(path).items()}


def value_in_file(name: str, value: Any, path: Path) -> Any:
    """Return what a value in a settings file means; raises ConfigError if there is no such setting or value."""
    known = [each.name for each in fields(Settings)]
    if name not in known:
        from difflib import get_close_matches

        near = get_close_matches(name, known, n=1)
        fix = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(known)}"
        raise ConfigError(f"unknown setting {printable(name, 80)}", where=str(path), fix=fix)
    if name in _OF_THE_USER and path.name in _PROJECT_FILES:
        raise ConfigError(
            "a project can't say who signs, and whose signatures are trusted",
            where=str(path),
            fix=f"write {name} into your own settings file, or into {ENVIRONMENT[name]}",
        )
    if name in LIST_SETTINGS:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise _wrong(name, value, path, LIST_SETTINGS[name])
        return tuple(value)
    if name == "resources":
        if not isinstance(value, dict) or not all(_is_amount(each) for each in value.values()):
            raise _wrong(name, value, path, "a table of amounts, as in { gpu = 1, licence = 2 }")
        return {each: float(amount) for each, amount in value.items()}
    if name == "clusters":
        if not isinstance(value, dict) or not all(map(_is_cluster, value.values())):
            raise _wrong(name, value, path, 'tables, as in [clusters.slurm] class = "package.module.Class"')
        if path.name in _PROJECT_FILES:
            raise ConfigError(
                "a project can't say which classes start clusters",
                where=str(path),
                why="they are imported and called with what it says",
                fix="write clusters into your own settings file, or into FLOWRA_CLUSTERS",
            )
        return value
    if name == "sync_packs":
        if not isinstance(value, bool):
            raise _wrong(name, value, path, "true or false")
        if path.name in _PROJECT_FILES:
            raise ConfigError(
                "a project can't allow that packs are installed on workers",
                where=str(path),
                fix="write sync_packs into your own settings file, into FLOWRA_SYNC_PACKS, or run with --sync-packs",
            )
        return value
    if name in MODEL_SETTINGS:
        return model_value_in_file(name, value, path, of_project=path.name in _PROJECT_FILES)
    if not isinstance(value, str) or not value:
        raise _wrong(name, value, path, "the path of a folder, in quotes")
    if name == "uploads":
        if value not in UPLOADS:
            raise _wrong(name, value, path, f"one of {', '.join(UPLOADS)}")
        return value
    if name == "store":
        return value if "://" in value else str(path.parent / Path(value).expanduser())
    return path.parent / Path(value).expanduser()


def _from_environment(name: str, text: str) -> dict[str, Any]:
    if name in LIST_SETTINGS:
        return {name: tuple(part.strip() for part in text.split(",") if part.strip())}
    if name == "store":
        return {name: text}
    if name == "uploads":
        if text and text not in UPLOADS:
            raise ConfigError(
                "the setting uploads has a value it can't have",
                where=ENVIRONMENT[name],
                why=f"it is {printable(text, 80)!r}",
                fix=f"give one of {', '.join(UPLOADS)}",
            )
        return {name: text} if text else {}
    if name == "resources":
        return {name: amounts_in(text, ENVIRONMENT[name])}
    if name == "clusters":
        return {name: clusters_in(text, ENVIRONMENT[name])}
    if name == "sync_packs":
        return {name: truth_in(text, ENVIRONMENT[name])} if text else {}
    if name in MODEL_SETTINGS and text:
        return {name: model_value_in_text(name, text, ENVIRONMENT[name])}
    # An empty variable is how many shells and container files say "not set".
    return {name: Path(text).expanduser()} if text else {}


def amounts_in(text: str, where: str) -> dict[str, float]:
    """Return the amounts in a text such as `gpu=1,licence=2`; raises ConfigError for a text that is none."""
    found: dict[str, float] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, amount = (each.strip() for each in part.partition("="))
        try:
            found[name] = float(amount)
        except ValueError:
            found[name] = -1.0
        if not name or not _is_amount(found[name]):
            raise ConfigError(
                "amounts of resources can't be read",
                where=where,
                why=f"{printable(part, 80)} is no name and amount",
                fix="write them as in gpu=1,licence=2",
            )
    return found


def truth_in(text: str, where: str) -> bool:
    """Return what a text such as `true` or `0` says; raises ConfigError for a text that is neither."""
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ConfigError(
        "this is neither true nor false", where=where, why=f"it is {printable(text, 80)}", fix="give true or false"
    )


def clusters_in(text: str, where: str) -> dict[str, dict[str, Any]]:
    """Return the clusters in a JSON text; raises ConfigError for a text that is none."""
    import json

    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(map(_is_cluster, found.values())):
        raise ConfigError(
            "clusters can't be read",
            where=where,
            why=f"{printable(text, 80)} is no JSON object of clusters",
            fix='write {"NAME": {"class": "package.module.Class", "workers": 4}}',
        )
    return found


def _is_cluster(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("class"), str) and "." in value["class"]


def _is_amount(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")


def _wrong(name: str, value: object, path: Path, expected: str) -> ConfigError:
    return ConfigError(
        f"the setting {name} has a value it can't have", where=str(path), why=f"it is {value!r}", fix=f"give {expected}"
    )
