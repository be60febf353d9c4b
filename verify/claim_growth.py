"""G1-G6 on trained and on untrained models: how the answer grows when the prompt does."""

from dataclasses import replace

import torch

from sim.config import Model
from theory import Weights
from theory.envelope import envelope
from theory.extreme import extreme_form
from theory.growth import derive
from verify.attack import attack, begin
from verify.claims import claim
from verify.far import reference
from verify.network import WeightsNetwork
from verify.passes import SEED
from verify.predictors import points_of
from verify.rounding import double_slack
from verify.sampling import generator_of, interleave
from verify.untrained import untrained

NEAR, FAR = 40, 60


def lines(count: int, points: int, seed: int) -> torch.Tensor:
    """Prompts of f(x) = a x, x and a from U(-1, 1), in float64."""
    generator = generator_of(SEED, seed)
    xs = 2 * torch.rand(count, points, generator=generator, dtype=torch.float64) - 1
    slopes = 2 * torch.rand(count, 1, generator=generator, dtype=torch.float64) - 1
    return interleave(xs, slopes * xs)


def exponents(model, variable: str, degree: int) -> torch.Tensor:
    """Slope of log|y| against log t between t = 2^40 and 2^60 (less where 2^1000 is near)."""
    near, far = (min(p, int(p * 15 / max(1, degree))) for p in (NEAR, FAR))
    prompts, y = lines(32, points_of(model, 6), 30), []
    for power in (near, far):
        scaled = prompts.clone()
        part = slice(None) if variable == "the whole prompt" else slice(-1, None)
        scaled[:, part] *= 2.0**power
        with torch.no_grad():
            y.append(reference(model).tokens(scaled)[:, -1].abs().log2())
    return (y[1] - y[0]) / (far - near)


@claim("G1", "no answer grows faster than its degree", mutants=("degree - 1",))
def claim_G1_exponents_are_at_most_the_degree(model, record, twist):
    """Fitted exponents, read to the nearest integer: degrees are integers."""
    for variable in ("the whole prompt", "the query alone"):
        degree = derive(model.weights, variable).degree
        bound = degree - 1 if twist else degree
        fitted = exponents(model, variable, degree).max()
        # + 0.0: no -0
        reached = float(fitted.round()) + 0.0
        at = {"variable": variable, "fitted": float(fitted)}
        record(bound=bound, attained=reached, holds=reached <= bound, at=at)
        assert reached <= bound, f"{variable}: exponent {float(fitted)}, degree {bound}"


@claim("G2", "no answer leaves the affine envelope", mutants=("slope 0",))
def claim_G2_answers_stay_in_the_affine_envelope(model, record, twist):
    """|y| / (a0 + kap max|z|) over scaled lines and attacked prompts of sizes 1, 10^3, 10^6."""
    bound = envelope(model.weights)
    bound = replace(bound, slope=0.0) if twist else bound
    network, worst = reference(model), (0.0, [], 0.0, 0.0)
    for size in (1.0, 1e3, 1e6):
        lengths = points_of(model, 6), points_of(model, 4)
        prompts = [size * lines(64, lengths[0], 31)]
        prompts.append(begin(64, lengths[1], SEED, reach=size).double())
        found = attack(
            lambda tokens: (
                network.tokens(tokens)[:, -1].abs()
                / (bound.intercept + bound.slope * tokens.detach().abs().amax(-1))
            ),
            prompts[1],
            SEED,
            rounds=((0.3, 10), (0.1, 10)),
            reach=size,
        )
        for tokens in (*prompts, found.tokens):
            with torch.no_grad():
                y = network.tokens(tokens)[:, -1].abs()
            limits = torch.tensor([bound.at(v) for v in tokens.abs().amax(-1).tolist()])
            ratio = y / limits
            at = int(ratio.argmax())
            if float(ratio[at]) > worst[0]:
                worst = (float(ratio[at]), tokens[at].tolist(), float(limits[at]), float(y[at]))
    ratio, prompt, limit, reached = worst
    slack = double_slack(4 * model.weights.width * (len(model.weights.blocks) + 1)) * limit
    holds = reached <= limit + slack
    record(bound=limit, attained=reached, slack=slack, holds=holds)
    assert holds, record.violation(prompt, limit, reached)


ONE_LAYER = Model(
    width=16, layers=1, heads=2, points=6, mlp=False, block_norm="none", final_norm="none"
)


@claim("G3", "one layer answers with its extreme tokens", modelfree=True, mutants=("max <-> min",))
def claim_G3_one_layer_answers_with_its_extreme_tokens(record, twist):
    """y of a random one-layer model inside the enclosure, tokens scaled by 1 .. 2^20."""
    worst = (0.0, 0.0, 0.0)
    for seed in range(4):
        weights = untrained(ONE_LAYER, seed)
        network, prompts = WeightsNetwork(weights).double(), lines(4, 6, 32 + seed)
        for power in (0, 5, 10, 20):
            tokens = prompts * 2.0**power
            with torch.no_grad():
                y = network.tokens(tokens)[:, -1]
            for row, said in zip(tokens, y.tolist(), strict=True):
                asked = mirrored(weights) if twist else weights
                band = extreme_form(asked, row.numpy())
                slack = double_slack(200) * float(row.abs().max()) * float(abs(band.magnitude))
                excess = band.excess(said)
                assert excess <= slack, f"y = {said} is outside {band} at {row.tolist()}"
                middle, half = band.midpoint, band.radius
                ratio = abs(said - middle) / half if 0 < half < float("inf") else 0.0
                worst = max(worst, (ratio, half, abs(said - middle)))
    record(bound=worst[1], attained=worst[2], holds=True)


def mirrored(weights: Weights) -> Weights:
    """The same layer with queries of the other sign: it picks the other extreme."""
    block = weights.blocks[0]
    flipped = replace(block, query=-block.query, query_bias=-block.query_bias)  # type: ignore[union-attr]
    return replace(weights, blocks=(flipped,))


@claim(
    "G6",
    "one layer without positions is blind to pairing",
    together=("attention-only-1",),
    mutants=("two layers",),
    must=">=",
)
def claim_G6_one_layer_cannot_tell_a_from_minus_a(zoo, record, twist):
    """x_i = ±1 balanced, y = ±a x: the trained layer, positions removed, says the same to both."""
    for model in zoo["attention-only-1"]:
        worst = pairing_error(model.weights, layers=2 if twist else 1)
        slack = double_slack(8 * model.weights.width) * 10
        holds = worst >= 1 - slack
        record(bound=1.0, attained=worst, ratio=1 / worst, slack=slack, holds=holds,
               model=model.name)  # fmt: skip
        assert holds, f"{model.name}: the error on a x and -a x is only {worst} |a x_q|"


def pairing_error(weights: Weights, layers: int) -> float:
    """The least over slopes of the larger error on a x and -a x, in units of |a x_q|; no positions,
    the one block ``layers`` times.
    """
    weights = replace(weights, positions=0 * weights.positions, blocks=weights.blocks * layers)
    network = WeightsNetwork(weights).double()
    xs = torch.tensor([[1.0, -1.0, 1.0, -1.0, 0.5]], dtype=torch.float64)
    worst = float("inf")
    for slope in (0.25, 1.0, 3.0):
        prompts = torch.cat([interleave(xs, sign * slope * xs) for sign in (1, -1)])
        with torch.no_grad():
            y = network.tokens(prompts)[:, -1].tolist()
        target = slope * 0.5
        worst = min(worst, max(abs(y[0] - target), abs(y[1] + target)) / target)
    return worst
