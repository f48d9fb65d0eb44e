"""What can be done to meshes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Number, Placeholder, Seed, Switch
from flowra.type.value_type import Tensor
from flowra_media.mesh.editing import face_normals, measure, merge, sample, simplify, transform, vertex_normals
from flowra_media.mesh.shapes import Points, TriangleMesh
from flowra_media.nodes.ports import Surface

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["MeasureMesh", "MergeMeshes", "MeshNormals", "SampleMesh", "SimplifyMesh", "TransformMesh"]


class TransformMesh(Node):
    """Scale, then turn, then move a mesh."""

    class InputArgs(BaseArgs):
        """The mesh, and how it is moved."""

        mesh: Annotated[TriangleMesh, Placeholder(description="Any mesh")]
        scale: Annotated[
            list[float] | None, Placeholder(description="Factors along x, y, z; negative ones mirror; empty is 1, 1, 1")
        ] = None
        rotate: Annotated[
            list[float] | None, Placeholder(description="Degrees around x, then y, then z; empty is 0, 0, 0")
        ] = None
        translate: Annotated[list[float] | None, Placeholder(description="Metres along x, y, z; empty is 0, 0, 0")] = (
            None
        )
        center: Annotated[bool, Switch(description="First move the middle of its bounds to the origin")] = False

    OutputArgs = Surface

    def run(self, context: RunContext, args: InputArgs) -> Surface:
        """Move the vertices."""
        return Surface(
            mesh=transform(
                args.mesh,
                scale=[1.0] * 3 if args.scale is None else args.scale,
                rotate=[0.0] * 3 if args.rotate is None else args.rotate,
                translate=[0.0] * 3 if args.translate is None else args.translate,
                center=args.center,
            )
        )


class SimplifyMesh(Node):
    """Give a mesh fewer triangles, keeping its form as well as that goes."""

    libraries = ("fast-simplification",)

    class InputArgs(BaseArgs):
        """The mesh, and how many triangles are wanted."""

        mesh: Annotated[TriangleMesh, Placeholder(description="Any mesh; one with fewer triangles stays as it is")]
        faces: Annotated[int, Number(min=4, step=1, description="About how many triangles are left")] = 1000

    OutputArgs = Surface

    def run(self, context: RunContext, args: InputArgs) -> Surface:
        """Collapse edges."""
        return Surface(mesh=simplify(args.mesh, args.faces))


class MergeMeshes(Node):
    """Make one mesh of several."""

    class InputArgs(BaseArgs):
        """The meshes."""

        meshes: Annotated[list[TriangleMesh], Placeholder(description="At least one")]
        weld: Annotated[bool, Switch(description="Make one of vertices that lie at the very same place")] = False

    OutputArgs = Surface

    def run(self, context: RunContext, args: InputArgs) -> Surface:
        """Put the meshes together."""
        return Surface(mesh=merge(args.meshes, args.weld))


class MeshNormals(Node):
    """Work out which way a mesh's vertices and triangles face."""

    class InputArgs(BaseArgs):
        """The mesh."""

        mesh: Annotated[TriangleMesh, Placeholder(description="Any mesh")]

    class OutputArgs(BaseArgs):
        """The normals."""

        vertices: Placeholder(  # type: ignore[valid-type]  # the shape can't be said to a type checker
            value_type=Tensor(shape=(None, 3), dtype="float32"),
            description="Unit vectors, one a vertex: the mean of its triangles', weighted by area; 0 where it has none",
        )
        faces: Placeholder(  # type: ignore[valid-type]  # likewise
            value_type=Tensor(shape=(None, 3), dtype="float32"),
            description="Unit vectors, one a triangle, outwards; 0 for one without area",
        )

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Work them out."""
        return self.OutputArgs(vertices=vertex_normals(args.mesh), faces=face_normals(args.mesh))


class MeasureMesh(Node):
    """Measure a mesh: area, volume, bounds, and whether it is closed."""

    class InputArgs(BaseArgs):
        """The mesh."""

        mesh: Annotated[TriangleMesh, Placeholder(description="A mesh with at least one triangle")]

    class OutputArgs(BaseArgs):
        """The measures."""

        vertices: Annotated[int, Number(description="How many vertices it has")]
        faces: Annotated[int, Number(description="How many triangles it has")]
        area: Annotated[float, Number(unit="m²", description="Of all triangles")]
        volume: Annotated[
            float | None,
            Number(unit="m³", description="Enclosed; empty if it is not closed, below 0 if it is inside out"),
        ]
        low: Annotated[list[float], Placeholder(description="The least x, y and z, in metres")]
        high: Annotated[list[float], Placeholder(description="The greatest x, y and z, in metres")]
        watertight: Annotated[
            bool, Switch(description="Each edge belongs to two triangles that run along it in opposite directions")
        ]
        bodies: Annotated[int, Number(description="How many parts hang together by edges")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Measure it."""
        found = measure(args.mesh)
        return self.OutputArgs(
            vertices=len(args.mesh.vertices),
            faces=len(args.mesh.faces),
            area=found.area,
            volume=found.volume,
            low=list(found.low),
            high=list(found.high),
            watertight=found.watertight,
            bodies=found.bodies,
        )


class SampleMesh(Node):
    """Draw points at random from a mesh's surface, each place as likely as any other."""

    class InputArgs(BaseArgs):
        """The mesh, and how many points."""

        mesh: Annotated[TriangleMesh, Placeholder(description="A mesh with an area")]
        count: Annotated[int, Number(min=1, max=100_000_000, step=1, description="How many points")] = 10_000
        seed: Annotated[int, Seed(description="The same one gives the same points")] = 0

    class OutputArgs(BaseArgs):
        """The points."""

        points: Annotated[Points, Placeholder(description="Without colours")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Draw them."""
        return self.OutputArgs(points=sample(args.mesh, args.count, args.seed))
