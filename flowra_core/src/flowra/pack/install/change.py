"""Plans and makes changes of the installed packs: install, upgrade, uninstall."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flowra.exceptions import PluginError, UsageError
from flowra.pack.install.environment import Change, broken_requirements, check_writable, installed_versions
from flowra.pack.install.installer import Request, install, planned_changes, uninstall
from flowra.pack.install.journal import transaction
from flowra.pack.install.source import Source
from flowra.plugin.packs import Pack

__all__ = ["Plan", "carry_out", "chosen_packs", "plan_install", "plan_uninstall"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would change, before anything does.

    Attributes:
        sources: What is installed; empty where something is removed.
        request: What the installer is asked; None where something is removed.
        changes: What happens to each distribution.
        conflicts: What would be broken by it, in words.
    """

    sources: tuple[Source, ...]
    request: Request | None
    changes: tuple[Change, ...]
    conflicts: tuple[str, ...]

    def check(self) -> None:
        """Raise PluginError where something would be broken."""
        if not self.conflicts:
            return
        raise PluginError(
            "this would break what is installed" if self.request else "this is needed by what stays",
            why="\n".join(self.conflicts),
            fix="nothing was changed; install it into an environment of its own, or change the others first"
            if self.request
            else "nothing was changed; uninstall those first",
        )

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return {
            "changes": [{"name": each.name, "before": each.before, "after": each.after} for each in self.changes],
            "conflicts": list(self.conflicts),
            "signatures": [each.verdict.status for each in self.sources if each.verdict is not None],
        }


def plan_install(names: Sequence[str], scratch: Path, trusted: Collection[str], *, upgrade: bool = False) -> Plan:
    """Look at what is named, and find out what installing it would change; nothing changes.

    Args:
        names: Archives, wheels, folders, repositories, names.
        scratch: A folder for what passes through; the plan needs it until it is carried out.
        trusted: Public keys whose signatures count.
        upgrade: Take the newest of what is named, though an older one would do.

    Raises:
        UsageError: Something named can't be found, or this environment can't be written.
        PluginError: Something named can't be trusted, does not work here, or can't be resolved.
    """
    check_writable()
    sources = []
    for number, name in enumerate(names):
        folder = scratch / str(number)
        folder.mkdir()
        sources.append(Source.of(name, folder, trusted))
    links = tuple(path for source in sources for path in source.find_links)
    request = Request(
        tuple(source.requirement for source in sources),
        scratch,
        find_links=links,
        offline=all(source.offline for source in sources),
        upgrade=tuple(source.distribution for source in sources if source.kind == "name") if upgrade else (),
        reinstall=tuple(source.distribution for source in sources if source.kind in ("nodebin", "wheel", "folder")),
    )
    changes = planned_changes(request)
    return Plan(tuple(sources), request, tuple(changes), tuple(broken_requirements(changes)))


def plan_uninstall(packs: Iterable[Pack]) -> Plan:
    """Find out what removing packs would change; nothing changes.

    Raises:
        UsageError: This environment can't be written.
    """
    from packaging.utils import canonicalize_name

    check_writable()
    changes = tuple(Change(canonicalize_name(pack.distribution), pack.version, "") for pack in packs)
    return Plan((), None, changes, tuple(broken_requirements(changes)))


def carry_out(plan: Plan) -> list[Pack]:
    """Make the changes of a plan, and return the packs that came or changed.

    What was installed is looked at before it counts: a pack that can't be used, or that makes another one unusable,
    is taken back.

    Raises:
        PluginError: It failed; the environment is as it was.
    """
    plan.check()
    names = [change.name for change in plan.changes]
    before = {pack.id: pack for pack in _packs()}
    versions = installed_versions()
    with transaction(names, ", ".join(map(str, plan.changes))) as lock:
        if plan.request is None:
            uninstall(names, lock)
            return []
        install(plan.request, lock)
        now = installed_versions()
        # What comes from a folder or a repository has a version only now.
        real = tuple(Change(name, versions.get(name, ""), now.get(name, "")) for name in names)
        replace(plan, changes=real, conflicts=tuple(broken_requirements(real))).check()
        return _examined(before, _packs(), names)


def _examined(before: dict[str, Pack], after: list[Pack], names: list[str]) -> list[Pack]:
    from packaging.utils import canonicalize_name

    came = [pack for pack in after if canonicalize_name(pack.distribution) in names]
    if names and not came:
        raise PluginError(
            "this is no node pack", why=f"{', '.join(names)}: none has an entry point in the group flowra",
            fix="nothing was changed; `pip install` installs what is no pack",
        )  # fmt: skip
    for pack in after:
        earlier = before.get(pack.id)
        if pack.problem is None or (earlier is not None and earlier.problem == pack.problem):
            continue
        raise PluginError(
            f"{pack} can't be used once this is installed",
            why=f"{pack.problem.what}: {pack.problem.why}",
            fix=f"nothing was changed; {pack.problem.mend}",
        )
    usable = [pack.id for pack in came if pack.status == "ok"]
    if usable:
        _import_all(usable)
    return came


def _packs() -> list[Pack]:
    """Return the packs as a new process finds them; this one may have imported what was there before."""
    from flowra.plugin.packs import PackProblem

    answer = _ask(["pack", "list", "--json"])
    found = []
    for data in answer:
        fields = {name: value for name, value in data.items() if name != "contributions"}
        problem = fields.pop("problem")
        found.append(Pack(**fields, problem=PackProblem(**problem) if problem else None))
    return found


def _import_all(packs: list[str]) -> None:
    """Import the modules of packs' nodes, in a process of its own."""
    answer = _ask(["pack", "doctor", *packs, "--json"])
    problems = [problem for pack in answer["packs"] for problem in pack["problems"]]
    if problems:
        raise PluginError(
            f"the nodes of {', '.join(packs)} can't be imported",
            why="\n".join(f"{each['what']}: {each['why']}" for each in problems),
            fix="nothing was changed; tell the pack's author",
        )


def _ask(arguments: list[str]) -> Any:
    done = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-m", "flowra.cli.main", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise PluginError(
            "Flowra does not start with what was installed",
            why=done.stderr.strip()[-500:],
            fix="nothing was changed; tell the pack's author",
        ) from None


def chosen_packs(packs: Sequence[Pack], names: Sequence[str]) -> list[Pack]:
    """Return installed packs by their ids or distributions' names.

    Raises:
        UsageError: There is none of a name.
    """
    found = []
    for name in names:
        named = [pack for pack in packs if name in (pack.id, pack.distribution)]
        if not named:
            raise UsageError(f"there is no pack {name}", fix="`flowra pack list` shows the packs there are")
        found += named
    return list(dict.fromkeys(found))
