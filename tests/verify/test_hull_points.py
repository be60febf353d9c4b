"""The hull figure's points: one head where the score range leaves something to see."""

import pytest
import torch

from tests.verify.tiny import tiny_checkpoint
from verify.cases import Candidate, subject_of
from verify.figures.hull import convex_hull, turn
from verify.heads import HeadsSeen
from verify.hull_points import RANGE, hull_points, legible


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    model = subject_of(Candidate(tiny_checkpoint(tmp_path_factory.mktemp("tiny"))))
    found = {}
    for at, point in hull_points(model):
        found.setdefault(at["kind"], []).append(tuple(point))
    return found


def inside(point, corners) -> bool:
    """Left of every edge of an anticlockwise polygon, to rounding."""
    edges = zip(corners, corners[1:] + corners[:1], strict=True)
    return all(turn(a, b, point) >= -1e-9 for a, b in edges)


def test_output_and_reachable_lie_inside_what_bounds_them(points):
    hull = convex_hull(points["value"])
    assert len(points["output"]) == 1
    assert inside(points["output"][0], convex_hull(points["reachable"]))
    assert all(inside(point, hull) for point in points["reachable"])


def test_the_head_whose_range_is_nearest_is_taken():
    def seen(layer, *ranges):
        scores = torch.zeros(1, len(ranges), 2, 2)
        scores[0, :, 1, 0] = torch.tensor(ranges)
        return HeadsSeen(layer, scores, scores.softmax(-1), torch.zeros(1, len(ranges), 2, 3))

    layer, prompt, head = legible([seen(0, 30.0, 0.1), seen(1, 20.0, RANGE + 0.1)])
    assert (layer.layer, prompt, head) == (1, 0, 1)
