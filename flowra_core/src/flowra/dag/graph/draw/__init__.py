"""Drawings of graphs: text for a terminal, Mermaid, DOT and SVG; none needs a pack or a program."""

from flowra.dag.graph.draw.dot import draw_dot
from flowra.dag.graph.draw.mermaid import draw_mermaid
from flowra.dag.graph.draw.svg import draw_svg
from flowra.dag.graph.draw.terminal import draw_terminal

__all__ = ["draw_dot", "draw_mermaid", "draw_svg", "draw_terminal"]
