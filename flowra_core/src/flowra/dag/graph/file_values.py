"""Values as a file holds them: links, references to inputs and quoted literals are objects with a "$" key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowra.dag.graph.json_text import RepeatedKeysObject
from flowra.dag.graph.names import name_fault, nearest, shorten
from flowra.dag.graph.places import KeyPath
from flowra.dag.graph.values import Flaw, InputRef, Link, LiteralCopier

__all__ = ["FileValues"]

_FROM, _INPUT, _LITERAL = "$from", "$input", "$literal"
_QUOTE_FIX = 'a literal object with "$" keys is quoted: {"$literal": {…}}'


class FileValues(LiteralCopier):
    """Turns values of a file to those of a graph, and notes in `flaws` what is wrong with them."""

    def __init__(self) -> None:
        super().__init__()
        self._special: Callable[[dict[str, Any], list[str], KeyPath, int], Any] | None = None

    def input(self, value: Any) -> Any:
        """Return the value of an input: a literal, a link, a reference, or a list with any of them."""
        self._special = self._link_or_literal
        return self.copy(value)

    def literal(self, value: Any) -> Any:
        """Return a value where no link may stand; "$literal" quotes in it, too."""
        self._special = self._quoted_only
        return self.copy(value)

    def free(self, value: Any) -> Any:
        """Return a value in which "$" keys mean nothing."""
        self._special = None
        return self.copy(value)

    def copy_object(self, value: dict[Any, Any], path: KeyPath, depth: int) -> Any:
        """Return what an object of the file stands for."""
        if isinstance(value, RepeatedKeysObject):
            self.flaws.extend(Flaw((*path, key), "duplicate key", "rename or remove one") for key in value.repeated)
        if self._special is not None:
            dollar = [key for key in value if isinstance(key, str) and key.startswith("$")]
            if dollar:
                return self._special(value, dollar, path, depth)
        return super().copy_object(value, path, depth)

    def _link_or_literal(self, value: dict[str, Any], dollar: list[str], path: KeyPath, depth: int) -> Any:
        key = dollar[0]
        if key not in (_FROM, _INPUT):
            return self._quoted_only(value, dollar, path, depth)
        if len(value) > 1:
            other = next(each for each in value if each != key)
            what = "a link" if key == _FROM else "a reference to an input"
            self.flaws.append(Flaw((*path, other), f'{what} has the key "{key}" alone', _QUOTE_FIX))
        elif any(isinstance(step, str) for step in path):
            fix = "links stand alone or in lists; give the node a list, or a node that makes the object"
            self.flaws.append(Flaw((*path, key), "a link can't stand inside an object", fix))
        elif key == _FROM:
            return self._link(value[key], (*path, key))
        elif fault := name_fault(value[key]):
            self.flaws.append(Flaw((*path, key), fault, 'write {"$input": "name"} with the name of a graph input'))
        else:
            return InputRef(value[key])
        return None

    def _link(self, text: Any, path: KeyPath) -> Link | None:
        form = 'write {"$from": "node.port"}'
        if not isinstance(text, str):
            self.flaws.append(Flaw(path, f"a link is text, not {shorten(text)}", form))
            return None
        node, dot, port = text.partition(".")
        if not dot or "." in port:
            reason = "names no port" if not dot else 'has more than one "."'
            self.flaws.append(Flaw(path, f"the link {shorten(text)} {reason}", form))
            return None
        for part, name in (("node", node), ("port", port)):
            if fault := name_fault(name):
                self.flaws.append(Flaw(path, f"the {part} of the link {shorten(text)}: {fault}", form))
                return None
        return Link(node, port)

    def _quoted_only(self, value: dict[str, Any], dollar: list[str], path: KeyPath, depth: int) -> Any:
        key = dollar[0]
        if key == _LITERAL and len(value) == 1:
            special, self._special = self._special, None
            # The quote itself is no level of the value: what was written can be read.
            copy = self.copy(value[key], (*path, key), depth)
            self._special = special
            return copy
        if key == _LITERAL:
            reason, fix = '"$literal" stands alone in its object', None
        elif key in (_FROM, _INPUT):
            reason, fix = "links can stand in the inputs of nodes only; this takes a value", _QUOTE_FIX
        else:
            near = nearest(key, (_FROM, _INPUT, _LITERAL))
            reason, fix = f"unknown key {shorten(key)}", f'did you mean "{near}"?' if near else _QUOTE_FIX
        self.flaws.append(Flaw((*path, key), reason, fix))
        return None
