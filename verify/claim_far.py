"""N2, N3, N8 on trained models: what a far query leaves of its context."""

import torch

from theory.blindness import plain_spread, spread
from theory.layernorm import readout_radius
from theory.plateau import far_radius, plateau, plateau_band
from verify.claims import claim
from verify.far import ATTACKED, ATTACKED_POINTS, attacked_at, reference, sampled_at, slack
from verify.passes import SEED
from verify.sampling import generator_of, interleave

FAR = (1e3, 1e4, 1e5, 1e6)
EXCHANGED = "limits of +inf and -inf exchanged"


def both_signs(sizes):
    """x and -x for each size."""
    return [sign * x for x in sizes for sign in (1, -1)]


@claim("N2", "far predictions are the plateau", mutants=(EXCHANGED, "bound from other weights"))
def claim_N2_far_predictions_lie_in_the_plateau_band(model, record, twist):
    """Sampled and attacked contexts at |x| = 10^3 .. 10^6: y in the certified band about y_inf."""
    for x in both_signs(FAR):
        side = 1 if (x > 0) != bool(twist) else -1
        band, limit = (
            plateau_band(model.weights, x if not twist else -x),
            plateau(model.weights, side),
        )
        seen = [sampled_at(model, x)] + ([attacked_at(model, x)] if abs(x) == ATTACKED else [])
        low, high = min(s.low for s in seen), max(s.high for s in seen)
        excess, allowed = max(band.excess(low), band.excess(high)), slack(model)
        holds = excess <= allowed
        deviation = max(abs(low - limit.midpoint), abs(high - limit.midpoint))
        width = max(band.high - limit.midpoint, limit.midpoint - band.low)
        record(bound=width, attained=deviation, slack=allowed, holds=holds, at={"x": x})
        for kind, value in (("min", low), ("max", high)):
            at = {"curve": "plateau", "x": x, "kind": kind}
            at |= {"band_low": band.low, "band_high": band.high}
            record(bound=limit.midpoint, attained=value, holds=holds, at=at, series=True)
        worst = max(seen, key=lambda s: max(band.excess(s.low), band.excess(s.high)))
        prompt = worst.low_prompt if band.excess(worst.low) > 0 else worst.high_prompt
        assert holds, record.violation(prompt, band, low if band.excess(low) > 0 else high)


@claim("N3", "contexts move a far prediction less than D(x)", mutants=("D(x) at 1000 x",))
def claim_N3_spread_over_contexts_is_below_the_norm_bound(model, record, twist):
    """max - min over sampled (10^2 .. 10^6) and attacked (10^3) contexts."""
    for x in (1e2, *FAR):
        position = 2 * ATTACKED_POINTS - 2
        seen = sampled_at(model, x)
        widths: dict[str, tuple[float, int | None]] = {"sampled": (seen.high - seen.low, None)}
        if x == ATTACKED:
            found = attacked_at(model, x)
            widths["attacked"] = (found.high - found.low, position)
        for kind, (width, where) in widths.items():
            at_x = 1000 * x if twist else x
            bound = min(float(spread(model.weights, at_x, where)), plain(model, at_x))
            holds, allowed = width <= bound + 2 * slack(model), 2 * slack(model)
            at = {"x": x, "kind": kind}
            record(bound=bound, attained=width, slack=allowed, holds=holds, at=at)
            assert holds, record.violation(seen.high_prompt, f"[y, y + {bound}]", seen.high)


def plain(model, x: float) -> float:
    """2 R min(1, X~/|x|), from three numbers of the model."""
    return float(plain_spread(model.weights, x).upper())


@claim("N8", "range has its price", mutants=("blindness radius 0.1",))
def claim_N8_two_functions_are_told_apart_only_at_the_price(model, record, twist):
    """f = A Σ x^i and -f, each with its context: R >= W/2 - err and R X~ >= |x|(W/2 - err).

    W = |f(x) - (-f(x))|, err the larger of the two errors at x: the two-function case, so that
    an error seen on two prompts is the error of the class.
    """
    radius = float(readout_radius(model.weights).upper())
    far = 0.1 if twist else float(far_radius(model.weights).upper())
    points = min(21, (model.context + 1) // 2)
    generator = generator_of(SEED, 11)
    unit = 2 * torch.rand(1, points, generator=generator, dtype=torch.float64) - 1
    for degree in (1, 3):
        for x in (0.5, 1.0, 2.0, 5.0, 10.0, 100.0):
            xs = x * unit
            xs[:, -1] = x
            f = sum((xs**i for i in range(degree + 1)), torch.zeros_like(xs))
            prompts = torch.cat([interleave(xs, sign * f) for sign in (1, -1)])
            with torch.no_grad():
                y = reference(model).tokens(prompts)[:, -1]
            value = float(f[0, -1])
            error = max(abs(float(y[0]) - value), abs(float(y[1]) + value))
            gained = value - error
            bound = min(radius, radius * far / x)
            allowed = slack(model) + abs(value) * torch.finfo(torch.float64).eps
            at = {"degree": degree, "x": x, "W/2": value, "err": error}
            record(
                bound=bound, attained=gained, slack=allowed, holds=gained <= bound + allowed, at=at
            )
            assert gained <= bound + allowed, record.violation(prompts[0], bound, gained)
