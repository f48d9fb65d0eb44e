"""Meshes and points in and out, and pictures of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Color, FilePicker, Number, Placeholder, Select, Slider, Switch
from flowra.type.value_type import AnyImage, File
from flowra_media.mesh.files import MAX_MEGABYTES, load_mesh, load_points, save_mesh, save_points
from flowra_media.mesh.rendering import View, render_mesh, render_points
from flowra_media.mesh.shapes import Points, TriangleMesh
from flowra_media.nodes.ports import Surface
from flowra_media.types.mesh import MeshHandler
from flowra_media.types.point_cloud import PointCloudHandler

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["LoadMesh", "LoadPointCloud", "RenderMesh", "RenderPointCloud", "SaveMesh", "SavePointCloud"]

_TO = "Where to; a relative path starts at the output folder"
_LARGEST = "Refuse larger files"


class LoadMesh(Node):
    """Read a mesh from a GLB, OBJ, PLY or STL file: all its surfaces as one, each in its place.

    Vertices and triangles are read; materials, textures and animations are not. GLB says metres and y up; the other
    formats don't say, and their numbers are taken as they are.
    """

    libraries = ("trimesh",)

    class InputArgs(BaseArgs):
        """What is read."""

        path: Annotated[Path, FilePicker(value_type=File(), description="Path of the file")]
        max_megabytes: Annotated[float, Number(min=0.001, max=4000, unit="MB", advanced=True, description=_LARGEST)] = (
            MAX_MEGABYTES
        )

    OutputArgs = Surface

    def run(self, context: RunContext, args: InputArgs) -> Surface:
        """Read the file."""
        return Surface(mesh=load_mesh(args.path, max_megabytes=args.max_megabytes))


class SaveMesh(Node):
    """Write a mesh to a GLB, OBJ, PLY or STL file, whole or not at all."""

    # The file is what it is run for: a result of an earlier run would leave it out.
    effects = True
    idempotent = True

    class InputArgs(BaseArgs):
        """What is written, and where."""

        mesh: Annotated[TriangleMesh, Placeholder(description="A mesh with at least one triangle")]
        path: Annotated[Path, FilePicker(value_type=File(exists=False), description=_TO)] = Path("mesh.glb")
        format: Annotated[
            Literal["auto", "glb", "obj", "ply", "stl"],
            Select(description="File format; auto takes it from the ending of the path"),
        ] = "auto"
        overwrite: Annotated[bool, Switch(description="Replace a file that is there already")] = True

    class OutputArgs(BaseArgs):
        """Where it lies."""

        path: Annotated[Path, FilePicker(description="The file that was written")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Write the file."""
        path = context.output_dir / args.path
        save_mesh(args.mesh, path, format=args.format, overwrite=args.overwrite)
        context.log(f"saved {MeshHandler().summarize(args.mesh)} to {path}")
        return self.OutputArgs(path=path)


class RenderMesh(Node):
    """Draw a mesh, fitted into a picture, without a display: one light, no perspective."""

    class InputArgs(BaseArgs):
        """The mesh, and from where it is looked at."""

        mesh: Annotated[TriangleMesh, Placeholder(description="Any mesh")]
        width: Annotated[int, Number(min=1, max=4096, step=1, unit="px", description="Of the picture")] = 640
        height: Annotated[int, Number(min=1, max=4096, step=1, unit="px", description="Of the picture")] = 640
        azimuth: Annotated[
            float, Slider(min=-360, max=360, unit="°", description="Around the y axis: 0 looks along -z, 90 from +x")
        ] = 30.0
        elevation: Annotated[float, Slider(min=-90, max=90, unit="°", description="Above the horizon")] = 20.0
        color: Annotated[str, Color(description="Of the surface")] = "#96b4d7"
        background: Annotated[str, Color(description="Around it")] = "#ffffff"
        smooth: Annotated[bool, Switch(description="Shade across triangles; off shows each of them flat")] = True

    class OutputArgs(BaseArgs):
        """The picture."""

        picture: Annotated[AnyImage, Placeholder(description="RGB uint8")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Draw the mesh."""
        view = View(args.width, args.height, args.azimuth, args.elevation, _rgb(args.color), _rgb(args.background))
        return self.OutputArgs(picture=render_mesh(args.mesh, view, smooth=args.smooth))


class LoadPointCloud(Node):
    """Read points with their colours from a PLY, XYZ or GLB file; of surfaces, the corners."""

    libraries = ("trimesh",)

    class InputArgs(BaseArgs):
        """What is read."""

        path: Annotated[Path, FilePicker(value_type=File(), description="Path of the file")]
        max_megabytes: Annotated[float, Number(min=0.001, max=4000, unit="MB", advanced=True, description=_LARGEST)] = (
            MAX_MEGABYTES
        )

    class OutputArgs(BaseArgs):
        """What was read."""

        points: Annotated[Points, Placeholder(description="The points")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Read the file."""
        return self.OutputArgs(points=load_points(args.path, max_megabytes=args.max_megabytes))


class SavePointCloud(Node):
    """Write points to a PLY, XYZ or GLB file, whole or not at all."""

    # The file is what it is run for: a result of an earlier run would leave it out.
    effects = True
    idempotent = True

    class InputArgs(BaseArgs):
        """What is written, and where."""

        points: Annotated[Points, Placeholder(description="At least one point")]
        path: Annotated[Path, FilePicker(value_type=File(exists=False), description=_TO)] = Path("points.ply")
        format: Annotated[
            Literal["auto", "ply", "xyz", "glb"],
            Select(description="File format; auto takes it from the ending of the path"),
        ] = "auto"
        overwrite: Annotated[bool, Switch(description="Replace a file that is there already")] = True

    class OutputArgs(BaseArgs):
        """Where it lies."""

        path: Annotated[Path, FilePicker(description="The file that was written")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Write the file."""
        path = context.output_dir / args.path
        save_points(args.points, path, format=args.format, overwrite=args.overwrite)
        context.log(f"saved {PointCloudHandler().summarize(args.points)} to {path}")
        return self.OutputArgs(path=path)


class RenderPointCloud(Node):
    """Draw points, fitted into a picture, without a display; far ones darker if without colour."""

    class InputArgs(BaseArgs):
        """The points, and from where they are looked at."""

        points: Annotated[Points, Placeholder(description="Any points")]
        width: Annotated[int, Number(min=1, max=4096, step=1, unit="px", description="Of the picture")] = 640
        height: Annotated[int, Number(min=1, max=4096, step=1, unit="px", description="Of the picture")] = 640
        azimuth: Annotated[
            float, Slider(min=-360, max=360, unit="°", description="Around the y axis: 0 looks along -z, 90 from +x")
        ] = 30.0
        elevation: Annotated[float, Slider(min=-90, max=90, unit="°", description="Above the horizon")] = 20.0
        background: Annotated[str, Color(description="Around them")] = "#ffffff"

    class OutputArgs(BaseArgs):
        """The picture."""

        picture: Annotated[AnyImage, Placeholder(description="RGB uint8")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Draw the points."""
        view = View(args.width, args.height, args.azimuth, args.elevation, background=_rgb(args.background))
        return self.OutputArgs(picture=render_points(args.points, view))


def _rgb(color: str) -> tuple[int, int, int]:
    """Return the red, green and blue of `#rrggbb`; an alpha behind them is not looked at."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
