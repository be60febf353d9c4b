"""W1, W2: what removes the limit: the equivariant wrapper, and an architecture that has it."""

from dataclasses import replace

import numpy as np
import torch

from theory.homogeneous import answer, example
from theory.layernorm import needs_bounded_readout, readout_ceiling
from verify.claims import claim
from verify.predictors import points_of, prompts_of, relative, wrapped_last
from verify.rounding import readout_slack_at

SCALES = (1.0, 3.0, 10.0, 100.0, 1e4)


@claim("W1", "the wrapped model is homogeneous bit for bit", mutants=("multiplied back by S",),
       must="=")  # fmt: skip
def claim_W1_wrapper_is_exactly_homogeneous(model, record, twist):
    """Inputs times 2^10 or 2^-20, values times 2^7 or 2^-9: the answer times the latter."""
    points = points_of(model)
    xs, ys = prompts_of(3, count=32, points=points)
    predict = wrapped_last(model)
    with torch.no_grad():
        once = predict(xs, ys)
        for of_x, of_y in ((10, 7), (-20, -9), (10, -9)):
            scaled = predict(xs * 2.0**of_x, ys * 2.0**of_y)
            expected = once * 2.0 ** (of_x if twist else of_y)
            same = torch.equal(scaled, expected)
            moved = float((scaled - expected).abs().max())
            record(bound=0.0, attained=moved, holds=same, at={"x": of_x, "y": of_y})
            assert same, f"inputs · 2^{of_x}, values · 2^{of_y}: off by {moved}"


@claim(
    "W1",
    "the ceiling moves with the largest value seen",
    needs=needs_bounded_readout,
    mutants=("Q forgotten",),
)
def claim_W1_wrapped_answers_obey_the_relative_ceiling(model, record, twist):
    """|F~| <= Q max|B±| at scales 1 .. 10^4, degrees 1 and 3."""
    ceiling, worst, slack = readout_ceiling(model.weights), 0.0, 0.0
    points = points_of(model)
    for degree in (1, 3):
        for scale in SCALES:
            xs, ys = prompts_of(degree, scale, count=32, points=points)
            with torch.no_grad():
                said = wrapped_last(model)(xs, ys)[:, 0].double()
            size = ys[:, :-1].double().abs().amax(1)
            worst = max(worst, float((said.abs() / (1 if twist else size)).max()))
    # on normalised prompts the residual is far from constant: condition below the width
    slack = readout_slack_at(model.weights, model.weights.width**0.5)
    bound = ceiling.magnitude
    record(bound=bound, attained=worst, slack=slack, holds=worst <= bound + slack)
    assert worst <= bound + slack, f"|F~|/Q = {worst} > {bound}"


@claim(
    "W1",
    "wrapped, the same weights no longer fail at scale",
    kind="empirical",
    together=("small",),
    mutants=("not wrapped",),
)
def claim_W1_wrapped_errors_do_not_grow_with_the_scale(zoo, record, twist):
    """Preregistered: at scale 10^4 at most 10 times the plain error at scale 1 (degrees 1, 3).

    The margin is what leaving the training prior costs: normalised prompts are another law.
    """
    for degree in (1, 3):
        start = relative(zoo["small"], degree)
        for scale in SCALES:
            plain = relative(zoo["small"], degree, scale)
            wrapped = plain if twist else relative(zoo["small"], degree, scale, wrapped=True)
            for name, found in (("plain", plain), ("wrapped", wrapped)):
                at = {"curve": "equivariant", "degree": degree, "scale": scale, "predictor": name}
                at |= {"low": float(found.low), "high": float(found.high)}
                record(attained=float(found.mean), holds=True, series=True, at=at, model="small")
        bound, reached = 10 * float(start.mean), float(wrapped.mean)
        at = {"degree": degree, "low": float(wrapped.low), "high": float(wrapped.high)}
        record(bound=bound, attained=reached, holds=reached <= bound, at=at)
        assert reached <= bound, f"degree {degree}: {reached} at scale 10^4, {start.mean} at 1"


@claim(
    "W1",
    "trained inside the wrapper, no scale fails",
    kind="empirical",
    together=("equivariant",),
    mutants=("not wrapped",),
)
def claim_W1_trained_inside_errors_do_not_grow(zoo, record, twist):
    """Preregistered: relative error below 0.1 at every scale 1 .. 10^4, degrees 1 and 3."""
    for degree in (1, 3):
        for scale in SCALES:
            found = relative(zoo["equivariant"], degree, scale, wrapped=not twist)
            at = {"curve": "equivariant", "degree": degree, "scale": scale}
            at |= {"low": float(found.low), "high": float(found.high)}
            at |= {"predictor": "trained inside"}
            record(attained=float(found.mean), holds=True, series=True, at=at)
            reached = float(found.mean)
            holds = reached <= 0.1
            record(bound=0.1, attained=reached, holds=holds, at={"degree": degree, "scale": scale})
            assert holds, f"degree {degree}, scale {scale}: relative error {reached}"


@claim("W2", "a homogeneous transformer scales with its prompt", modelfree=True, must="=",
       mutants=("additive positions",))  # fmt: skip
def claim_W2_homogeneous_transformer_scales_exactly(record, twist):
    """F(tz)/t against F(z) for t = 2^-20 .. 2^40 (equal bit for bit), four layers, eight seeds."""
    for seed in range(8):
        network = example(seed)
        if twist:
            network = replace(network, offset=network.offset + 0.1)
        rng = np.random.default_rng(seed)
        tokens = rng.normal(size=len(network.offset))
        once = answer(network, tokens)
        for power in (-20, 7, 40):
            scaled = answer(network, 2.0**power * tokens) / 2.0**power
            record(bound=once, attained=scaled, holds=scaled == once, at={"log2 t": power})
            assert scaled == once, f"F(tz)/t = {scaled}, F(z) = {once} at t = 2^{power}"
