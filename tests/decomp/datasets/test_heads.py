import hashlib

import numpy as np
import pytest

from decomp.datasets import heads
from decomp.datasets.renderers import heads_mesh, heads_raster, heads_shape

SHA256_OF_EVERY_1499TH = (
    "70717141b3c835d2df3c41abac46bfafab6771751e51e8fc01db29a0d9a9aeae"
)
CLASSES = heads.factor_classes()
SOME = CLASSES[::1499]


def images(*classes):
    return heads.render(np.array(classes)).reshape(-1, 64, 64)


def mesh(who):
    return heads_mesh.mesh(heads_shape.identity(who))


def test_rendered_bytes_are_pinned_and_do_not_depend_on_the_order():
    pixels = heads.render(SOME)
    assert (pixels.shape, pixels.dtype) == ((85, 4096), np.uint8)
    assert hashlib.sha256(pixels.data).hexdigest() == SHA256_OF_EVERY_1499TH
    order = np.random.default_rng(0).permutation(len(SOME))[:30]
    np.testing.assert_array_equal(heads.render(SOME[order]), pixels[order])
    assert heads.render(SOME[:0]).shape == (0, 4096)


@pytest.mark.slow
def test_the_whole_set_has_the_pinned_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("DECOMP_CACHE", str(tmp_path))
    whole = heads.load()
    assert whole.shape == (heads.NUM_IMAGES, 4096)
    np.testing.assert_array_equal(whole[::1499], heads.render(SOME))


def test_the_grid_has_the_sizes_of_3d_faces():
    assert CLASSES.shape == (50 * 21 * 11 * 11, 4)
    assert CLASSES.shape[0] == heads.NUM_IMAGES
    np.testing.assert_array_equal(CLASSES.max(axis=0), [49, 20, 10, 10])
    np.testing.assert_array_equal(CLASSES[1], [0, 0, 0, 1])


@pytest.mark.parametrize("who", [0, 12, 33])
def test_the_right_half_gets_brighter_as_the_light_moves_to_the_right(who):
    pixels = images(*((who, 10, 5, light) for light in range(11))).astype(int)
    right = pixels[:, :, 32:].sum(axis=(1, 2)) - pixels[:, :, :32].sum(axis=(1, 2))
    assert (np.diff(right) > 0).all()
    np.testing.assert_allclose(right, -right[::-1], atol=0.02 * abs(right).max())


def test_the_opposite_azimuth_and_light_give_the_mirror_image():
    right = [(7, 16, 2, 9), (20, 11, 5, 5), (49, 20, 10, 0)]
    left = [(who, 20 - a, e, 10 - light) for who, a, e, light in right]
    mirrored = images(*right)[:, :, ::-1]
    np.testing.assert_array_equal(images(*left), mirrored)
    # Heads that look to the left agree with the mirror image when rendered directly.
    for (who, azimuth, elevation, light), image in zip(left, mirrored, strict=True):
        (direct,) = heads._lit(mesh(who), azimuth - 10, elevation, np.array([light]))
        assert abs(direct.astype(int) - image).mean() < 0.5


@pytest.mark.parametrize("angle", [-50.0, -20.0, 0.0, 35.0, 60.0])
def test_the_nose_points_where_azimuth_and_elevation_say(angle):
    head = mesh(5)
    nose = head.position[2].argmax()
    x, y, z = head.position[:, nose].astype(float)
    distance = np.square(head.position - head.position[:, [nose]]).sum(axis=0)
    mesh_of_nose = head._replace(albedo=(distance < 0.004).astype(np.float32))
    turn, nod = np.radians(angle), np.radians(angle / 3)
    ahead = z * np.cos(turn) - x * np.sin(turn)
    across = z * np.sin(turn) + x * np.cos(turn)
    up = y * np.cos(nod) - ahead * np.sin(nod)
    view = heads_raster.see(mesh_of_nose, heads._rotation(angle, angle / 3))
    row, column = np.divmod(view.place[view.albedo > 0.5], 128)
    assert len(row) > 10
    assert abs((column.mean() + 0.5) / 2 - (32 + 25 * across)) < 1
    assert abs((row.mean() + 0.5) / 2 - (29.5 - 25 * up)) < 1


def test_classes_of_azimuth_turn_right_and_classes_of_elevation_nod():
    centres = []
    for azimuth, elevation in ((2, 5), (7, 5), (13, 5), (18, 5), (10, 0), (10, 9)):
        image = images((12, azimuth, elevation, 5))[0].astype(float)
        # The hair is dark, so the face pulls the centre of brightness to its direction.
        rows, columns = np.mgrid[:48, :64]
        weight = image[:48] / image[:48].sum()
        centres.append(((weight * rows).sum(), (weight * columns).sum()))
    row, column = np.array(centres).T
    assert (np.diff(column[:4]) > 0.5).all()
    assert row[5] > row[4] + 1


def test_all_heads_differ_and_none_leaves_the_picture():
    front = images(*((who, 13, 5, 6) for who in range(50))).astype(int)
    for who in range(49):
        assert abs(front[who + 1 :] - front[who]).mean(axis=(1, 2)).min() > 1
    edge = [(who, a, e, 5) for who in (1, 3, 18) for a in (0, 10, 20) for e in (0, 10)]
    pixels = images(*edge)
    assert not pixels[:, 0].any()
    assert not pixels[:, :, [0, 63]].any()
    assert (pixels[:, 30] > 0).any(axis=1).all()


def test_a_sample_on_an_edge_belongs_to_one_of_two_triangles():
    corners = np.array([[0, 0, 2048, 2048, 700], [0, 2048, 2048, 0, 900]], np.int32)
    fan = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    owner, place, _ = heads_raster._covered(corners[0], corners[1], fan)
    np.testing.assert_array_equal(np.sort(place), np.arange(128 * 128))
    assert len(np.unique(owner)) == 4
    assert not len(heads_raster._covered(corners[0], corners[1], fan[:, ::-1])[0])


def test_classes_outside_the_grid_are_refused():
    with pytest.raises(ValueError, match=r"expected classes below \(50, 21, 11, 11\)"):
        heads.render(np.array([[0, 21, 0, 0]]))
