"""F1, F2: what float32 adds to the exact network, and where it gives out."""

import torch
from flint import arb

from theory.interval import Interval
from theory.layernorm import readout_centre, readout_radius
from theory.plateau import needs_plateau, plateau, plateau_band
from theory.rounding import enclose_prediction, float32_domain
from verify.claims import claim
from verify.far import reference
from verify.passes import SEED, read_queries
from verify.rounding import condition_of, readout_slack_at
from verify.sampling import FAMILIES, generator_of

PROMPTS = 2
POINTS = 3


def small_prompts(model) -> torch.Tensor:
    """A few float32 prompts of every family."""
    generator = generator_of(SEED, 50)
    points = min(POINTS, (model.context + 1) // 2)
    drawn = torch.cat([family(PROMPTS, points, generator) for family in FAMILIES])
    return drawn.clamp(-1e6, 1e6).float()


@claim("F1", "the float32 readout errs by less than its slack", mutants=("slack / 10^6",))
def claim_F1_readout_errors_are_below_the_slack(model, record, twist):
    """float32 and float64 readouts of the same residuals, each with its own slack."""
    _, residual = read_queries(model.network, small_prompts(model))
    residual = residual.flatten(0, 1)
    with torch.no_grad():
        single = model.network.readout(residual).double()
        double = reference(model).readout(residual.double())
    conditions = condition_of(model.weights, residual).tolist()
    worst = (0.0, 0.0, 1.0)
    for error, condition in zip((single - double).abs().tolist(), conditions, strict=True):
        slack = readout_slack_at(model.weights, condition) / (10**6 if twist else 1)
        worst = max(worst, (error / slack, error, slack))
    ratio, error, slack = worst
    record(bound=slack, attained=error, ratio=ratio, holds=ratio <= 1)
    assert ratio <= 1, f"float32 readout off by {error}, slack {slack}"


@claim(
    "F1",
    "the network that runs is the network of the weights",
    mutants=("readout sign flipped", "softmax not normalised", "mask off by one"),
)
def claim_F1_predictions_agree_with_the_exact_network(model, record):
    """float64 and float32 predictions against the enclosure of the exact one.

    Both errors are sums of the same roundings, so float64's is 2^-29 of float32's; preregistered
    margin: 2 width, for unlucky signs.
    """
    tokens = small_prompts(model)[::2]
    with torch.no_grad():
        single = model.network.tokens(tokens)[:, -1].double().tolist()
        double = reference(model).tokens(tokens.double())[:, -1].tolist()
    errors = []
    for prompt, y32, y64 in zip(tokens.tolist(), single, double, strict=True):
        exact = enclose_prediction(model.weights, prompt)
        width = exact.width
        errors.append((exact.excess(y32) - width, max(0.0, exact.excess(y64) - width), prompt))
    float32 = max(error for error, _, _ in errors)
    worst = max(errors, key=lambda entry: entry[1])
    bound = 2 * model.weights.width * 2.0**-29 * max(float32, 2.0**-24)
    holds = worst[1] <= bound
    record(bound=bound, attained=worst[1], holds=holds, at={"float32 error": float32})
    assert holds, record.violation(worst[2], f"exact ± {bound}", worst[1])


@claim("F2", "up to X32 float32 keeps the plateau", needs=needs_plateau, mutants=("X32 · 2^16",))
def claim_F2_plateau_holds_in_float32_up_to_its_domain(model, record, twist):
    """Query ±X32 after an ordinary context, float32: y_inf, to the rounding of the residual."""
    x = float32_domain(model.weights) * (2.0**16 if twist else 1.0)
    tokens = small_prompts(model)[:, :3].repeat(2, 1)
    tokens[:, -1] = torch.cat([torch.full((len(tokens) // 2,), s * x) for s in (1.0, -1.0)])
    y, residual = read_queries(model.network, tokens)
    half = len(tokens) // 2
    radius = float(readout_radius(model.weights))
    # storing the sums of the stream turns it by at most gam_n of the condition
    turned = (len(model.weights.blocks) + 4) * 2.0**-23
    for sign, said, h in (
        (1, y[:half, -1], residual[:half, -1]),
        (-1, y[half:, -1], residual[half:, -1]),
    ):
        condition = float(condition_of(model.weights, h).max())
        assert condition < float("inf"), f"the residual of the query {sign * x} overflowed"
        slack = readout_slack_at(model.weights, condition) + radius * turned * condition
        band = plateau_band(model.weights, sign * 2.0**60)
        band = Interval(band.low - slack, band.high + slack)
        excess = max(band.excess(v) for v in said.double().tolist())
        limit = plateau(model.weights, sign).midpoint
        reached = float((said.double() - limit).abs().max())
        record(
            bound=band.radius, attained=reached, slack=slack, holds=excess == 0, at={"x": sign * x}
        )
        assert excess == 0, f"query {sign * x}: y = {said.tolist()}, plateau {limit} ± {slack}"


@claim("F2", "beyond X32 float32 says something else", kind="empirical", needs=needs_plateau,
       mutants=("X32 itself",), must="!=")  # fmt: skip
def claim_F2_overflow_is_what_ends_the_plateau(model, record, twist):
    """At the largest float the network says c or NaN, not y_inf."""
    x = float32_domain(model.weights) if twist else float(torch.finfo(torch.float32).max)
    tokens = small_prompts(model)[:1, :3].clone()
    tokens[:, -1] = x
    with torch.no_grad():
        y = float(model.network.tokens(tokens)[0, -1])
    limit, centre = plateau(model.weights, 1).midpoint, float(arb(readout_centre(model.weights)))
    apart = abs(y - limit) if y == y else float("inf")
    at = {"x": x, "y": str(y), "centre": centre}
    holds = apart > 2.0**-10 * float(readout_radius(model.weights))
    record(bound=limit, attained=y if y == y else None, holds=holds, at=at)
    assert holds, f"at {x} the model still says its plateau {limit}"
