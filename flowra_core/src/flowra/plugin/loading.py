"""Import what a contribution names, with errors that name the pack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowra.exceptions import FlowraError, PluginError

if TYPE_CHECKING:
    from flowra.plugin.packs import Pack

__all__ = ["load_target"]


def load_target(target: str, pack: Pack | None) -> Any:
    """Import `"module:Attribute"`.

    Args:
        target: The module, and an attribute of it, possibly dotted.
        pack: The pack that it belongs to, for errors; None if that is unknown.

    Raises:
        PluginError: If the module can't be imported or lacks the attribute. Whatever the module raised, `SystemExit`
            too, is its cause; only a `KeyboardInterrupt` passes.
    """
    from flowra.plugin.inspection import import_quietly

    module_name, _, attribute = target.partition(":")
    owner = str(pack) if pack is not None else module_name
    if not module_name or not attribute:
        raise PluginError(f"{target!r} names nothing to load", why="it has to be of the form 'module:Attribute'")
    try:
        loaded = import_quietly(module_name)
        for name in attribute.split("."):
            if not hasattr(loaded, name):  # which may import too, where a module has a __getattr__
                break
            loaded = getattr(loaded, name)
        else:
            return loaded
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a pack's module may raise anything, SystemExit too
        raise _import_failed(target, module_name, owner, pack, error) from error
    raise _attribute_missing(target, owner, loaded, name)


def _attribute_missing(target: str, owner: str, holder: object, name: str) -> PluginError:
    from flowra.plugin.nearest import did_you_mean

    holder_name = getattr(holder, "__name__", type(holder).__name__)
    return PluginError(
        f"{owner}: {target} can't be loaded",
        where=getattr(holder, "__file__", None),
        why=f"{holder_name} has no {name}{did_you_mean(name, dir(holder))}",
        fix="correct the target in the pack's entry-point module, or upgrade the pack",
    )


def _import_failed(target: str, module: str, owner: str, pack: Pack | None, error: BaseException) -> PluginError:
    from flowra.plugin.mending import describe_error, error_place, mend_for_error

    fix = None
    if pack is not None and pack.distribution:
        fix = mend_for_error(
            error,
            pack_id=pack.id,
            module=module,
            distribution=pack.distribution,
            editable=pack.editable,
        )
    return PluginError(
        f"{owner}: {target} can't be loaded",
        where=error_place(error) or None,
        why=str(error) if isinstance(error, FlowraError) else describe_error(error),
        fix=fix,
    )
