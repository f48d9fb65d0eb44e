"""Text in and out, and what can be done to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import FilePicker, JSONEditor, Number, Placeholder, Switch, Text
from flowra.type.value_type import JSON, File
from flowra_media.text.editing import fill, replace, split
from flowra_media.text.files import load_text, save_text

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["FormatText", "JoinText", "LoadText", "ReplaceText", "SaveText", "SplitText"]


class _Words(BaseArgs):
    """A text."""

    text: Annotated[str, Text(multiline=True, description="The text")]


class LoadText(Node):
    """Read a text file; line ends become one character."""

    class InputArgs(BaseArgs):
        """What is read."""

        path: Annotated[Path, FilePicker(value_type=File(), description="Path of the file")]
        encoding: Annotated[
            str, Text(max_length=40, description="auto is what a mark at its beginning says, or UTF-8; else its name")
        ] = "auto"
        max_megabytes: Annotated[
            float, Number(min=0.001, max=1000, unit="MB", advanced=True, description="Refuse larger files")
        ] = 100.0

    OutputArgs = _Words

    def run(self, context: RunContext, args: InputArgs) -> _Words:
        """Read the file."""
        return _Words(text=load_text(args.path, encoding=args.encoding, max_megabytes=args.max_megabytes))


class SaveText(Node):
    """Write a text file in UTF-8, whole or not at all."""

    # The file is what it is run for: a result of an earlier run would leave it out.
    effects = True
    idempotent = True

    class InputArgs(BaseArgs):
        """What is written, and where."""

        text: Annotated[str, Text(multiline=True, description="Any text")]
        path: Annotated[
            Path,
            FilePicker(
                value_type=File(exists=False), description="Where to; a relative path starts at the output folder"
            ),
        ] = Path("text.txt")
        overwrite: Annotated[bool, Switch(description="Replace a file that is there already")] = True

    class OutputArgs(BaseArgs):
        """Where it lies."""

        path: Annotated[Path, FilePicker(description="The file that was written")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Write the file."""
        path = context.output_dir / args.path
        save_text(args.text, path, overwrite=args.overwrite)
        context.log(f"saved {len(args.text):,} characters to {path}")
        return self.OutputArgs(path=path)


class FormatText(Node):
    """Fill a template: `{name}` and `{objects[0].score}` become values, `{{` and `}}` braces."""

    class InputArgs(BaseArgs):
        """The template and the values."""

        template: Annotated[str, Text(multiline=True, description="Text with paths into the values in braces")]
        values: Annotated[
            Any, JSONEditor(value_type=JSON(), description="Texts stand as they are, everything else as JSON")
        ]

    OutputArgs = _Words

    def run(self, context: RunContext, args: InputArgs) -> _Words:
        """Fill the template."""
        return _Words(text=fill(args.template, args.values))


class JoinText(Node):
    """Put texts one after the other, with a separator between them."""

    class InputArgs(BaseArgs):
        """The texts."""

        parts: Annotated[list[str], Placeholder(description="In order")]
        separator: Annotated[str, Text(multiline=True, description="What stands between them")] = "\n"

    OutputArgs = _Words

    def run(self, context: RunContext, args: InputArgs) -> _Words:
        """Join the texts."""
        return _Words(text=args.separator.join(args.parts))


class SplitText(Node):
    """Take a text apart, into lines or at a separator; nodes map over the parts."""

    class InputArgs(BaseArgs):
        """The text, and where it is taken apart."""

        text: Annotated[str, Text(multiline=True, description="Any text")]
        separator: Annotated[str, Text(description="What stands between the parts; empty splits lines")] = ""
        strip: Annotated[bool, Switch(description="Without white space around the parts, and without empty ones")] = (
            True
        )
        max_parts: Annotated[
            int, Number(min=1, max=10_000_000, step=1, advanced=True, description="Refuse texts with more parts")
        ] = 100_000

    class OutputArgs(BaseArgs):
        """The parts."""

        parts: Annotated[list[str], Placeholder(description="In order")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Take the text apart."""
        return self.OutputArgs(parts=split(args.text, args.separator, args.max_parts, strip=args.strip))


class ReplaceText(Node):
    """Replace what is found in a text, by a text or a regular expression that may not take for ever."""

    libraries = ("regex",)

    class InputArgs(BaseArgs):
        """The text, and what is replaced by what."""

        text: Annotated[str, Text(multiline=True, description="Any text")]
        pattern: Annotated[str, Text(min_length=1, description="What is looked for")]
        replacement: Annotated[
            str, Text(description="What stands there then; \\1 and \\g<name> are groups of a regular expression")
        ] = ""
        regex: Annotated[bool, Switch(description="The pattern is a regular expression")] = False
        ignore_case: Annotated[bool, Switch(description="Small and capital letters are the same")] = False
        timeout: Annotated[
            float, Number(min=0.001, max=3600, unit="s", advanced=True, description="How long searching may take")
        ] = 5.0

    class OutputArgs(BaseArgs):
        """The text, and how often."""

        text: Annotated[str, Text(multiline=True, description="The text")]
        count: Annotated[int, Number(description="How often something was replaced")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Replace."""
        text, count = replace(
            args.text,
            args.pattern,
            args.replacement,
            is_regex=args.regex,
            ignore_case=args.ignore_case,
            timeout=args.timeout,
        )
        return self.OutputArgs(text=text, count=count)
