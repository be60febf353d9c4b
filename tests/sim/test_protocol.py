from functools import partial

import numpy as np
import pytest
import torch

from sim import protocol
from sim.baselines import nearest, zero
from sim.errors import UserError

# The rows "REF y=0" of Tables 2 and 1 of arXiv 2411.11465, sigma = 1 .. 10, as printed.
PRINTED = {
    "normal": "2.19 7.05 19.22 33.94 52.23 73.08 86.02 127.43 165.27 199.31",
    "uniform": "1.52 4.43 13.55 19.94 30.81 44.75 52.71 76.11 105.43 128.52",
}


def digits(row):
    return " ".join(f"{value:.2f}" for value in row)


@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_the_printed_rows_of_the_zero_model_to_every_digit(law):
    assert digits(protocol.score(zero, 1, x=law)) == PRINTED[law]


@pytest.mark.parametrize(
    "law, neighbours, row",
    [
        ("normal", 1, "0.10 0.42 0.83 1.97 3.26 3.96 5.24 7.32 8.80 11.97"),
        ("normal", 3, "0.19 0.81 1.59 3.78 6.24 7.57 10.02 14.00 16.85 22.91"),
        ("uniform", 1, "0.02 0.08 0.17 0.39 0.65 0.79 1.05 1.46 1.76 2.39"),
        ("uniform", 3, "0.04 0.19 0.37 0.87 1.44 1.75 2.31 3.23 3.89 5.28"),
    ],
)
def test_nearest_neighbour_rows(law, neighbours, row):
    rule = partial(nearest, neighbours=neighbours)
    assert digits(protocol.score(rule, 1, x=law)) == row


def test_the_seeds_collide_and_the_global_generator_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    xs = protocol.points("normal")
    assert torch.equal(torch.rand(1), expected)
    assert xs.unique().numel() == 670
    assert torch.equal(xs[1, :-10], xs[0, 10:])


@pytest.mark.parametrize("law", ["normal", "uniform"])
@pytest.mark.parametrize("degree", [1, 2, 3, 6])
def test_blocks_of_coefficients_and_the_error_of_zero(law, degree):
    generator = torch.Generator().manual_seed(4)
    count = 100 * (degree + 1)
    stream = {
        "normal": lambda: torch.randn(count, generator=generator) * 4,
        "uniform": lambda: -4 + 2 * 4 * torch.rand(count, generator=generator),
    }[law]()
    c = protocol.coefficients(law, 4, degree)
    assert torch.equal(c[:, 1], stream[:100]) and torch.equal(c[:, 0], stream[100:200])
    assert torch.equal(c[:, -1], stream[count - 100 :]) or degree == 1
    xs = protocol.points("uniform", 2.0).double().numpy()
    wanted = np.stack([np.polynomial.polynomial.polyval(xs, row) for row in c.double().numpy()])
    found = protocol.squared_errors(zero, degree, 4, coefficient=law, sigma_x=2.0)
    # float32 evaluation of degree + 1 terms: relative to the largest term, not to the sum.
    size = np.abs(c.double().numpy()).max() * 2.0**degree * (degree + 1)
    rounding = 8 * (degree + 1) * 2.0**-24 * size**2
    np.testing.assert_allclose(found, wanted[:, :, 2:] ** 2, rtol=0, atol=rounding)


def test_what_the_test_set_does_not_hold_is_refused():
    with pytest.raises(UserError, match="bimodal"):
        protocol.points("bimodal")
    with pytest.raises(UserError, match="degree 1"):
        protocol.coefficients("normal", 1, 0)
