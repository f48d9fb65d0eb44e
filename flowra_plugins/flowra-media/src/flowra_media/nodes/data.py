"""JSON in and out, and parts of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import FilePicker, JSONEditor, Number, Switch, Text
from flowra.type.value_type import JSON, File
from flowra_media.errors import MediaError
from flowra_media.text.files import load_json, parse_json, save_json
from flowra_media.text.paths import MISSING, pick

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["LoadJson", "ParseJson", "PickJson", "SaveJson"]


class _Data(BaseArgs):
    """Some data."""

    data: Annotated[Any, JSONEditor(value_type=JSON(), description="Null, boolean, number, text, list or object")]


class LoadJson(Node):
    """Read a JSON file."""

    class InputArgs(BaseArgs):
        """What is read."""

        path: Annotated[Path, FilePicker(value_type=File(), description="Path of the file")]
        max_megabytes: Annotated[
            float, Number(min=0.001, max=1000, unit="MB", advanced=True, description="Refuse larger files")
        ] = 100.0

    OutputArgs = _Data

    def run(self, context: RunContext, args: InputArgs) -> _Data:
        """Read the file."""
        return _Data(data=load_json(args.path, max_megabytes=args.max_megabytes))


class ParseJson(Node):
    """Make data of a JSON text."""

    class InputArgs(BaseArgs):
        """The text."""

        text: Annotated[str, Text(multiline=True, description="JSON")]

    OutputArgs = _Data

    def run(self, context: RunContext, args: InputArgs) -> _Data:
        """Parse the text."""
        return _Data(data=parse_json(args.text))


class SaveJson(Node):
    """Write data to a JSON file, whole or not at all."""

    # The file is what it is run for: a result of an earlier run would leave it out.
    effects = True
    idempotent = True

    class InputArgs(BaseArgs):
        """What is written, where and how."""

        data: Annotated[Any, JSONEditor(value_type=JSON(), description="Any data that JSON has")]
        path: Annotated[
            Path,
            FilePicker(
                value_type=File(exists=False), description="Where to; a relative path starts at the output folder"
            ),
        ] = Path("data.json")
        indent: Annotated[
            int, Number(min=0, max=8, step=1, description="Spaces by which what is inside moves right; 0 is one line")
        ] = 2
        overwrite: Annotated[bool, Switch(description="Replace a file that is there already")] = True

    class OutputArgs(BaseArgs):
        """Where it lies."""

        path: Annotated[Path, FilePicker(description="The file that was written")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Write the file."""
        path = context.output_dir / args.path
        save_json(args.data, path, indent=args.indent, overwrite=args.overwrite)
        return self.OutputArgs(path=path)


class PickJson(Node):
    """Take a part out of data by its path: `objects[0].box`, `objects[*].name`, `["a key.with dots"]`."""

    class InputArgs(BaseArgs):
        """The data, and which part."""

        data: Annotated[Any, JSONEditor(value_type=JSON(), description="Any data")]
        path: Annotated[
            str, Text(description="Keys with dots, items in brackets from 0, the last one is [-1], [*] is every one")
        ]
        required: Annotated[bool, Switch(description="Fail where the part is not there; off gives the default")] = True
        default: Annotated[Any, JSONEditor(value_type=JSON(), description="What there is then")] = None

    OutputArgs = _Data

    def run(self, context: RunContext, args: InputArgs) -> _Data:
        """Follow the path."""
        found = pick(args.data, args.path)
        if found is MISSING:
            if args.required:
                raise MediaError(
                    f"there is nothing at {args.path!r}", fix="correct the path, or switch required off for a default"
                )
            found = args.default
        return _Data(data=found)
