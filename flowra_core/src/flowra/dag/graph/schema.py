"""The published JSON Schema of graph files, for editors, front ends and other languages."""

from __future__ import annotations

from typing import Any

from flowra.dag.graph.model import FORMAT
from flowra.dag.graph.names import NAME_PATTERN, TYPE_PATTERN

__all__ = ["SCHEMA_ID", "graph_schema"]

#: What identifies the schema; it names the format, not a place to fetch it from.
SCHEMA_ID = "urn:flowra:graph:1"

_PART = NAME_PATTERN.strip("^$")


def graph_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a graph file.

    It says what the reader asks of a file but for what a schema can't say: keys are there once, values are nested at
    most 64 levels deep, links lead to nodes of the graph, and there is no cycle.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Flowra graph",
        "description": f"A graph of the format {FORMAT}: typed nodes, the links between them, and literal values.",
        "type": "object",
        "properties": {
            "$schema": {"type": "string", "description": "Where an editor finds this schema."},
            "format": {"const": FORMAT},
            **_graph_properties(),
        },
        "required": ["format", "nodes"],
        "additionalProperties": False,
        "$defs": _definitions(),
    }


def _graph_properties() -> dict[str, Any]:
    return {
        "name": {"type": "string", "description": "Name of the graph, for people."},
        "description": {"type": "string", "description": "What the graph does, for people."},
        "inputs": _by_name("graphInput", "Inputs of the graph by name."),
        "nodes": _by_name("node", "Nodes by id."),
        "outputs": _by_name("link", "Outputs of the graph by name: each is the output of a node."),
        "subgraphs": _by_name("subgraph", "Graphs that stand as nodes of type graph/NAME."),
        "ui": _ui(),
    }


def _by_name(definition: str, description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "propertyNames": {"$ref": "#/$defs/name"},
        "additionalProperties": {"$ref": f"#/$defs/{definition}"},
    }


def _ui() -> dict[str, Any]:
    return {"type": "object", "description": "Whatever a front end keeps here; Flowra keeps and ignores it."}


def _definitions() -> dict[str, Any]:
    return {
        "name": {"type": "string", "pattern": NAME_PATTERN},
        "graphInput": {
            "type": "object",
            "properties": {
                "type": {
                    "type": ["string", "object"],
                    "description": 'Value type: a name, or an object with its name and constraints: "File".',
                },
                "default": {"$ref": "#/$defs/literal", "description": "The value when a run gives none."},
                "description": {"type": "string"},
            },
            "required": ["type"],
            "additionalProperties": False,
        },
        "node": {
            "type": "object",
            "properties": {
                "type": {
                    "type": "string",
                    "pattern": TYPE_PATTERN,
                    "maxLength": 400,
                    "description": "pack/Node, or graph/NAME for a subgraph.",
                },
                "version": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "Version of the node class that the values were written for.",
                },
                "init": _by_name("literal", "Values of InitArgs, set once for each instance."),
                "inputs": _by_name("input", "What each input port gets."),
                "ui": _ui(),
            },
            "required": ["type"],
            "additionalProperties": False,
        },
        "subgraph": {
            "type": "object",
            "properties": _graph_properties(),
            "required": ["nodes"],
            "additionalProperties": False,
        },
        "input": {
            "description": "A literal, a link, a reference to a graph input, or a list with any of them.",
            "anyOf": [
                {"$ref": "#/$defs/link"},
                {"$ref": "#/$defs/inputReference"},
                {"type": "array", "items": {"$ref": "#/$defs/input"}},
                {"$ref": "#/$defs/literal"},
            ],
        },
        "link": {
            "type": "object",
            "description": "The output of a node.",
            "properties": {"$from": {"type": "string", "pattern": rf"^{_PART}\.{_PART}$"}},
            "required": ["$from"],
            "additionalProperties": False,
        },
        "inputReference": {
            "type": "object",
            "description": "An input of the graph.",
            "properties": {"$input": {"$ref": "#/$defs/name"}},
            "required": ["$input"],
            "additionalProperties": False,
        },
        "literal": {
            "description": "Any JSON value; an object with keys that start with $ is quoted.",
            "anyOf": [
                {"type": ["string", "number", "boolean", "null"]},
                {"type": "array", "items": {"$ref": "#/$defs/literal"}},
                {
                    "type": "object",
                    "propertyNames": {"not": {"pattern": r"^\$"}},
                    "additionalProperties": {"$ref": "#/$defs/literal"},
                },
                {
                    "type": "object",
                    "properties": {"$literal": True},
                    "required": ["$literal"],
                    "additionalProperties": False,
                },
            ],
        },
    }
