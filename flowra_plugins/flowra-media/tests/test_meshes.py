from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import trimesh

from flowra_media.errors import MediaError, MediaLimitError
from flowra_media.mesh.editing import face_normals, measure, merge, sample, simplify, transform, vertex_normals
from flowra_media.mesh.files import (
    MESH_FORMATS,
    POINT_FORMATS,
    decode_mesh,
    encode_mesh,
    load_mesh,
    load_points,
    save_mesh,
    save_points,
)
from flowra_media.mesh.rendering import View, render_mesh, render_points
from flowra_media.mesh.shading import corner_normals
from flowra_media.mesh.shapes import Points, TriangleMesh


@pytest.fixture
def cube():
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
    faces += [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
    return TriangleMesh(corners, np.array(faces))


@pytest.fixture
def ball():
    import trimesh

    made = trimesh.creation.icosphere(subdivisions=3)
    return TriangleMesh(made.vertices, made.faces)


@pytest.mark.parametrize("kind", MESH_FORMATS)
def test_every_format_keeps_the_form(tmp_path, ball, kind):
    path = tmp_path / f"ball.{kind}"
    save_mesh(ball, path)
    back = load_mesh(path)
    before, after = measure(ball), measure(back)
    assert len(back.faces) == len(ball.faces)
    assert after.watertight
    assert after.volume == pytest.approx(before.volume, rel=1e-5)
    assert after.area == pytest.approx(before.area, rel=1e-5)
    if kind in ("glb", "ply"):
        assert np.array_equal(back.vertices, ball.vertices)
        assert np.array_equal(back.faces, ball.faces)


def test_our_glb_is_what_the_standard_says(cube):
    # glTF 2.0, section 4.4 (the file) and 3.6 (accessors), read here by hand.
    data = encode_mesh(cube, "glb")
    magic, version, length, json_length = struct.unpack_from("<IIII", data)
    assert (magic, version, length) == (0x46546C67, 2, len(data))
    tree = json.loads(data[20 : 20 + json_length])
    start = 20 + json_length + 8
    [part] = tree["meshes"][0]["primitives"]
    assert part.get("mode", 4) == 4

    def numbers(place, kinds):
        accessor = tree["accessors"][place]
        view = tree["bufferViews"][accessor["bufferView"]]
        begin = start + view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        width = {"SCALAR": 1, "VEC3": 3}[accessor["type"]]
        return np.frombuffer(data, kinds[accessor["componentType"]], accessor["count"] * width, begin)

    places = numbers(part["attributes"]["POSITION"], {5126: "<f4"}).reshape(-1, 3)
    faces = numbers(part["indices"], {5123: "<u2", 5125: "<u4"}).reshape(-1, 3)
    assert np.array_equal(places, cube.vertices)
    assert np.array_equal(faces, cube.faces)


def test_our_stl_and_obj_are_what_their_readers_expect(cube):
    stl = encode_mesh(cube, "stl")
    [count] = struct.unpack_from("<I", stl, 80)
    assert (count, len(stl)) == (12, 84 + 12 * 50)
    first = np.frombuffer(stl, "<f4", 12, 84).reshape(4, 3)
    assert np.array_equal(first[1:], cube.vertices[cube.faces[0]])
    lines = encode_mesh(cube, "obj").decode().splitlines()
    assert sum(line.startswith("v ") for line in lines) == 8
    assert sum(line.startswith("f ") for line in lines) == 12


@pytest.mark.parametrize("kind", POINT_FORMATS)
def test_points_keep_places_and_colours(tmp_path, kind):
    rng = np.random.default_rng(1)
    points = Points(rng.normal(size=(50, 3)), rng.integers(0, 256, (50, 3), np.uint8))
    path = tmp_path / f"points.{kind}"
    save_points(points, path)
    back = load_points(path)
    assert np.allclose(back.places, points.places, atol=1e-6)
    assert np.array_equal(back.colors, points.colors)


def test_a_scene_is_read_with_each_part_in_its_place(tmp_path, cube):
    import trimesh

    scene = trimesh.Scene()
    made = trimesh.Trimesh(cube.vertices, cube.faces, process=False)
    for shift in (0, 5):
        scene.add_geometry(made, transform=trimesh.transformations.translation_matrix([shift, 0, 0]))
    (tmp_path / "two.glb").write_bytes(scene.export(file_type="glb"))
    found = measure(load_mesh(tmp_path / "two.glb"))
    assert (found.low, found.high, found.bodies) == ((0, 0, 0), (6, 1, 1), 2)


def glb(tree, binary=b""):
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    if binary:
        chunks += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks


def laughs(levels):
    """Return a GLB whose nodes each have the next one as a child ten times."""
    nodes = [{"children": [level + 1] * 10} for level in range(levels)] + [{"mesh": 0}]
    mesh = {"primitives": [{"attributes": {"POSITION": 0}}]}
    accessor = {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}
    return glb(
        {
            "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": nodes, "meshes": [mesh],
            "accessors": [accessor], "bufferViews": [{"buffer": 0, "byteLength": 36}], "buffers": [{"byteLength": 36}],
        },
        bytes(36),
    )  # fmt: skip


def from_nothing(count):
    """Return a GLB of a mesh whose numbers are said to be zeros, and are not there."""
    accessor = {"componentType": 5126, "count": count, "type": "VEC3"}
    return glb(
        {
            "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}], "accessors": [accessor],
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("glb", b""), ("glb", b"no glb at all, but long enough"), ("glb", glb({})), ("glb", glb({"nodes": 5})),
        ("glb", laughs(9)), ("glb", from_nothing(2**40)), ("glb", from_nothing(10**6)),
        ("ply", b"ply\nformat binary_little_endian 1.0\nelement vertex 999999999999\nproperty float x\nend_header\n"),
        ("ply", b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nend_header\n1\n2\n3\n"),
        ("ply", b"ply\n"), ("stl", bytes(80) + struct.pack("<I", 2**32 - 1)), ("stl", b"solid x\n"),
        ("stl", bytes(84)), ("obj", b"v 0 0 0\nf 1 2 3\n"), ("obj", b"mtllib /etc/passwd\nv a b c\nf 1 1 1\n"),
        ("obj", b"v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"), ("obj", b"\xff\xfe\x00"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused(kind, data, tmp_path):
    (tmp_path / f"a.{kind}").write_bytes(data)
    with pytest.raises(MediaError):
        load_mesh(tmp_path / f"a.{kind}")


def test_limits_are_errors_of_their_own(tmp_path, ball):
    with pytest.raises(MediaLimitError):
        decode_mesh(from_nothing(2**40), "glb")
    save_mesh(ball, tmp_path / "a.glb")
    with pytest.raises(MediaLimitError, match="larger than"):
        load_mesh(tmp_path / "a.glb", max_megabytes=0.001)
    with pytest.raises(MediaError, match=r"exported again as \.glb"):
        load_mesh(tmp_path / "a.gltf")


def test_a_cube_is_measured(cube):
    found = measure(cube)
    assert (found.area, found.volume, found.watertight, found.bodies) == (6, pytest.approx(1), True, 1)
    opened = measure(TriangleMesh(cube.vertices, cube.faces[1:]))
    assert (opened.volume, opened.watertight) == (None, False)
    assert measure(TriangleMesh(cube.vertices, cube.faces[:, ::-1])).volume == pytest.approx(-1)
    with pytest.raises(MediaError):
        measure(TriangleMesh(cube.vertices, np.zeros((0, 3), int)))


def test_measures_agree_with_trimesh(ball):
    import trimesh

    other = trimesh.Trimesh(ball.vertices, ball.faces, process=False)
    found = measure(ball)
    assert found.area == pytest.approx(other.area, rel=1e-6)
    assert found.volume == pytest.approx(other.volume, rel=1e-5)
    assert np.allclose(face_normals(ball), other.face_normals, atol=1e-5)


def test_meshes_are_scaled_turned_and_moved_in_this_order(cube):
    moved = transform(cube, scale=(2, 1, 1), rotate=(0, 0, 90), translate=(0, 0, 5), center=True)
    found = measure(moved)
    assert found.low == pytest.approx((-0.5, -1, 4.5))
    assert found.high == pytest.approx((0.5, 1, 5.5))
    mirrored = transform(cube, scale=(-1, 1, 1), rotate=(0, 0, 0), translate=(0, 0, 0), center=False)
    assert measure(mirrored).volume == pytest.approx(1)
    with pytest.raises(MediaError, match="three numbers"):
        transform(cube, scale=(1,), rotate=(0, 0, 0), translate=(0, 0, 0), center=False)
    with pytest.raises(MediaError, match="flat"):
        transform(cube, scale=(1, 0, 1), rotate=(0, 0, 0), translate=(0, 0, 0), center=False)


def test_fewer_triangles_keep_the_form(ball):
    small = simplify(ball, 200)
    assert 150 <= len(small.faces) <= 220
    assert measure(small).volume == pytest.approx(measure(ball).volume, rel=0.05)
    assert simplify(small, 10_000) is small


def test_meshes_become_one_and_equal_vertices_too(cube):
    beside = transform(cube, scale=(1, 1, 1), rotate=(0, 0, 0), translate=(1, 0, 0), center=False)
    loose = merge([cube, beside], weld=False)
    assert (len(loose.vertices), len(loose.faces), measure(loose).bodies) == (16, 24, 2)
    welded = merge([cube, beside], weld=True)
    assert (len(welded.vertices), measure(welded).bodies) == (12, 1)
    with pytest.raises(MediaError):
        merge([], weld=False)


def test_normals_are_unit_vectors_that_point_outwards(ball, cube):
    normals = vertex_normals(ball)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    assert (np.einsum("ij,ij->i", normals, ball.vertices) > 0.99).all()
    centers = cube.vertices[cube.faces].mean(axis=1) - 0.5
    assert (np.einsum("ij,ij->i", face_normals(cube), centers) > 0.4).all()
    loose = TriangleMesh(np.zeros((4, 3)), np.array([[0, 1, 2]]))
    assert not face_normals(loose).any()
    assert not vertex_normals(loose).any()


def test_points_are_spread_evenly_and_lie_on_the_surface(cube):
    places = sample(cube, 60_000, 1).places
    on_side = np.isclose(places, 0, atol=1e-6) | np.isclose(places, 1, atol=1e-6)
    assert on_side.any(axis=1).all()
    # A sixth lies on each side, with a standard deviation of 91.
    assert np.isclose(places, 0, atol=1e-6).sum(axis=0) == pytest.approx([10_000] * 3, abs=500)
    assert np.array_equal(sample(cube, 10, 7).places, sample(cube, 10, 7).places)
    assert not np.array_equal(sample(cube, 10, 7).places, sample(cube, 10, 8).places)
    with pytest.raises(MediaError, match="without area"):
        sample(TriangleMesh(np.zeros((3, 3)), np.array([[0, 1, 2]])), 5, 0)


def test_a_ball_is_drawn_as_a_disc_that_is_lit(ball):
    picture = render_mesh(ball, View(200, 200, background=(255, 255, 255)))
    drawn = (picture != 255).any(axis=2)
    assert drawn.sum() == pytest.approx(np.pi * 92**2, rel=0.02)
    assert drawn[100, 100]
    # The light comes from the left and above.
    assert picture[60, 70].sum() > picture[150, 140].sum() + 60


def test_the_sides_of_a_box_are_even_and_its_edges_sharp(cube):
    picture = render_mesh(cube, View(200, 200, azimuth=30, elevation=30))
    colors, counts = np.unique(picture.reshape(-1, 3), axis=0, return_counts=True)
    # The background and three sides; what else there is lies on the lines between them.
    assert (counts > 500).sum() == 4
    assert counts[counts <= 500].sum() < 2000
    assert len(colors) > 4


def test_a_surface_is_smooth_up_to_its_sharp_edges():
    barrel = trimesh.creation.cylinder(1, 2, sections=40)
    mesh = TriangleMesh(barrel.vertices, barrel.faces)
    corners, normals = mesh.vertices[mesh.faces], corner_normals(mesh)
    assert np.linalg.norm(normals, axis=2) == pytest.approx(1)
    side = np.abs(normals[..., 2]) < 0.5
    # On the side as the round that it stands for, on the ends straight up and down.
    assert normals[side][:, :2] == pytest.approx(corners[side][:, :2], abs=0.06)
    assert np.abs(normals[~side][:, 2]) == pytest.approx(1)
    assert side.any(axis=1).sum() == side.all(axis=1).sum() == 80
    many = np.repeat(mesh.faces, 40, axis=0)  # more triangles at a vertex than are compared
    assert np.linalg.norm(corner_normals(TriangleMesh(mesh.vertices, many)), axis=2) == pytest.approx(1)


def test_what_is_nearer_hides_what_is_behind():
    front = np.array([[-1, -1, 1], [1, -1, 1], [0, 1, 1]], float)
    back = np.array([[-2, -2, -1], [2, -2, -1], [0, 2, -1]], float)
    tilted = back - np.array([[0, 0, 0], [0, 0, 0], [0, 0, 3]])
    for order in ((front, tilted), (tilted, front)):
        mesh = TriangleMesh(np.concatenate(order), np.arange(6).reshape(2, 3))
        picture = render_mesh(mesh, View(100, 100, azimuth=0, elevation=0), smooth=False)
        # The one in front faces the eye, and is lit otherwise than the tilted one around it.
        alone = render_mesh(TriangleMesh(front, np.array([[0, 1, 2]])), View(100, 100, azimuth=0, elevation=0))
        assert np.array_equal(picture[50, 50], alone[50, 50])
        assert not np.array_equal(picture[50, 50], picture[90, 50])


def test_groups_of_triangles_draw_what_all_at_once_do(ball, monkeypatch):
    whole = render_mesh(ball, View(64, 48))
    monkeypatch.setattr("flowra_media.mesh.rendering._AT_ONCE", 500)
    assert np.array_equal(render_mesh(ball, View(64, 48)), whole)


def test_odd_things_are_drawn_without_a_crash():
    nothing = TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), int))
    for mesh in (nothing, TriangleMesh(np.zeros((3, 3)), np.array([[0, 1, 2]])),
                 TriangleMesh(np.full((3, 3), 3e38) * [[1], [-1], [0]], np.array([[0, 1, 2]]))):  # fmt: skip
        assert render_mesh(mesh, View(8, 5)).shape == (5, 8, 3)
    assert render_points(Points(np.zeros((0, 3))), View(8, 5)).shape == (5, 8, 3)


def test_points_are_drawn_in_their_colours_the_nearest_on_top():
    places = np.array([[0, 0, 1], [0, 0, -1], [1, 1, 0], [-1, -1, 0]], float)
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 255]], np.uint8)
    picture = render_points(Points(places, colors), View(50, 50, azimuth=0, elevation=0))
    assert picture[25, 25].tolist() == [255, 0, 0]
    assert picture[48, 2].tolist() == [0, 0, 255]
    assert not (picture == [0, 255, 0]).all(axis=2).any()


def test_nodes_take_a_mesh_from_file_to_file(run_node, ball, tmp_path):
    save_mesh(ball, tmp_path / "ball.obj")
    mesh = run_node("media/LoadMesh", path=tmp_path / "ball.obj").mesh
    mesh = run_node("media/TransformMesh", mesh=mesh, scale=[2, 2, 2]).mesh
    mesh = run_node("media/SimplifyMesh", mesh=mesh, faces=400).mesh
    mesh = run_node("media/MergeMeshes", meshes=[mesh], weld=True).mesh
    measures = run_node("media/MeasureMesh", mesh=mesh)
    assert measures.watertight
    assert measures.volume == pytest.approx(8 * 4.19, rel=0.1)
    assert run_node("media/MeshNormals", mesh=mesh).faces.shape == (measures.faces, 3)
    points = run_node("media/SampleMesh", mesh=mesh, count=500).points
    assert run_node("media/RenderMesh", mesh=mesh, width=40, height=30).picture.shape == (30, 40, 3)
    assert run_node("media/RenderPointCloud", points=points, width=40, height=30).picture.shape == (30, 40, 3)
    path = run_node("media/SavePointCloud", points=points, path=tmp_path / "points.ply").path
    assert len(run_node("media/LoadPointCloud", path=path).points.places) == 500
    path = run_node("media/SaveMesh", mesh=mesh, path=tmp_path / "ball.glb").path
    assert len(load_mesh(path).faces) == measures.faces
