"""N6, N7 on trained models: what a growing prompt comes to, with and without a final norm."""

import numpy as np
import torch

from theory.collapse import odds, odds_error
from theory.fixed_slope import offset_band, slope
from theory.plateau import plateau, plateau_band
from verify.claims import claim
from verify.far import attacked_at, reference, sampled_at, slack
from verify.heads import watch
from verify.passes import SEED
from verify.predictors import points_of
from verify.rounding import double_slack
from verify.sampling import generator_of, signs

EXCHANGED = "limits of the two signs exchanged"


def growing_prompts(model, size: float) -> torch.Tensor:
    """Tokens of random sign, |z| from size to 10 size: no token is 0."""
    generator, points = generator_of(SEED, 70), points_of(model, 6)
    shape = (48, 2 * points - 1)
    spread = 10 ** torch.rand(shape, generator=generator, dtype=torch.float64)
    return size * signs(shape, generator) * spread


@claim("N6", "scaled prompts shrink to their signs", mutants=(EXCHANGED,))
def claim_N6_scaled_prompts_are_answered_by_their_signs(model, record, twist):
    """y(t z) in the plateau band of its query, t = 10^4 .. 10^12, tokens of both signs."""
    allowed = slack(model)
    for size in (1e4, 1e8, 1e12):
        prompts = growing_prompts(model, size)
        with torch.no_grad():
            y = reference(model).tokens(prompts)[:, -1]
        for sign in (1, -1):
            mine = prompts[:, -1].sign() == sign
            asked = -sign if twist else sign
            band = plateau_band(model.weights, asked * size)
            limit = plateau(model.weights, asked).midpoint
            excess = torch.tensor([band.excess(v) for v in y[mine].tolist()])
            reached = float((y[mine] - limit).abs().max())
            holds = float(excess.max()) <= allowed
            at = {"size": size, "sign": sign}
            record(bound=band.radius, attained=reached, slack=allowed, holds=holds, at=at)
            prompt = prompts[mine][int(excess.argmax())]
            assert holds, record.violation(prompt, band, float(y[mine][int(excess.argmax())]))


@claim("N6", "attention forgets all but the signs", mutants=(EXCHANGED,))
def claim_N6_log_odds_tend_to_two_numbers_a_head(model, record, twist):
    """Score of a positive less that of a negative token, every pair, against its limit."""
    size = 1e6
    prompts = growing_prompts(model, size)
    with torch.no_grad():
        layers = watch(model, prompts)
    for seen, attention in zip(layers, model.weights.attentions, strict=True):
        scores = seen.scores[:, :, -1]
        for head in range(scores.shape[1]):
            error = float(odds_error(model.weights, seen.layer, head, size).upper())
            rounding = double_slack(8 * model.weights.width) * float(scores[:, head].abs().max())
            for sign in (1, -1):
                limit = odds(model.weights, attention, head, -sign if twist else sign)
                mine = prompts[:, -1].sign() == sign
                off = farthest_odds(scores[mine, head], prompts[mine], limit.midpoint)
                holds = off <= error + limit.radius + rounding
                at = {"layer": seen.layer, "head": head, "sign": sign}
                record(bound=error, attained=off, slack=rounding, holds=holds, at=at)
                assert holds, f"layer {seen.layer} head {head}: log odds off by {off} > {error}"


def farthest_odds(scores: torch.Tensor, prompts: torch.Tensor, limit: float) -> float:
    """Largest |s_j - s_k - limit| over prompts, positive tokens j and negative tokens k."""
    worst = 0.0
    for row, tokens in zip(scores, prompts, strict=True):
        gaps = row[tokens > 0][:, None] - row[tokens < 0][None]
        if gaps.numel():
            worst = max(worst, float((gaps - limit).abs().max()))
    return worst


@claim("N7", "without the final norm there is one slope", mutants=("slope of P w_in",))
def claim_N7_far_predictions_have_one_slope(model, record, twist):
    """y - (w.w_in) x_q in its certified band, sampled (10^3, 10^6) and attacked (10^3) contexts."""
    weights = model.weights
    w_in = weights.read_in - weights.read_in.mean() if twist else weights.read_in
    steep = float(np.dot(weights.read_out, w_in)) if twist else float(slope(weights).mid())
    stream = float(np.linalg.norm(weights.read_out) * np.linalg.norm(weights.read_in))
    for x in (1e3, -1e3, 1e6, -1e6):
        band = offset_band(weights, x)
        seen = [sampled_at(model, x)] + ([attacked_at(model, x)] if abs(x) == 1e3 else [])
        low, high = min(s.low for s in seen) - steep * x, max(s.high for s in seen) - steep * x
        allowed = double_slack(8 * weights.width * (len(weights.blocks) + 1)) * stream * abs(x)
        excess = max(band.excess(low), band.excess(high))
        reached = max(abs(low - band.midpoint), abs(high - band.midpoint))
        holds = excess <= allowed
        at = {"x": x, "slope": steep}
        record(bound=band.radius, attained=reached, slack=allowed, holds=holds, at=at)
        worst = max(seen, key=lambda s: s.high)
        assert holds, record.violation(worst.high_prompt, f"{steep} x + {band}", worst.high)
