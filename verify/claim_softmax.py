"""S1-S6 on trained heads: what the scores of real prompts leave of the values."""

import torch
from flint import arb

from theory.dispersion import score_ranges
from theory.hull import expectile
from theory.scores import largest_score, ssa_ratio
from theory.softmax import largest_weight
from theory.weights import Attention
from verify.attack import attack, begin
from verify.claims import SMALLER, claim
from verify.heads import HeadsSeen, watch, watched
from verify.hull_points import hull_rows
from verify.passes import SEED
from verify.rounding import double_slack
from verify.sampling import generator_of


def every_layer(model, kinds=("softmax",)):
    """(prompts, layer) of the watched prompts, layers of these scores only."""
    for tokens, layers in watched(model, SEED):
        for seen, attention in zip(layers, model.weights.attentions, strict=True):
            if attention.score in kinds:
                yield tokens, seen, attention


def worst_prompt(values: torch.Tensor, tokens: torch.Tensor) -> list[float]:
    """The prompt, cut at its query, of the largest entry of (B, H, T) values."""
    b, _, t = torch.unravel_index(values.argmax(), values.shape)
    return tokens[int(b), : int(t) + 1].tolist()


def counts(seen: HeadsSeen) -> torch.Tensor:
    """Visible tokens of each query."""
    return torch.arange(1, seen.scores.shape[-1] + 1, dtype=torch.float64)


@claim("S1", "weights stay in the range of their scores", mutants=(SMALLER,))
def claim_S1_weights_lie_in_the_range_of_their_scores(model, record, shrink):
    """1/(1 + (n-1) e^del) <= w <= 1/(1 + (n-1) e^-del), del the scores' own range; n = 2: equal."""
    worst, found = -torch.inf, ([], 0.0, 0.0)
    for tokens, seen, _ in every_layer(model):
        bound = 1 / (1 + (counts(seen) - 1) * (-seen.range).exp())
        # the full weight of a lone token is no test
        ratio = (seen.weights.amax(-1) / bound)[..., 1:]
        if float(ratio.max()) > worst:
            worst = float(ratio.max())
            at = torch.unravel_index(ratio.argmax(), ratio.shape)
            where = (*at[:2], at[2] + 1)
            prompt = tokens[int(at[0]), : int(at[2]) + 2].tolist()
            found = (prompt, float(bound[where]), float(seen.weights.amax(-1)[where]))
    prompt, bound, weight = found
    slack = double_slack(8) * weight
    holds = weight <= (1 - shrink) * bound + slack
    record(bound=(1 - shrink) * bound, attained=weight, slack=slack, holds=holds)
    assert holds, record.violation(prompt, bound, weight)


@claim(
    "S2", "outputs stay in the hull of their values", mutants=(SMALLER, "softmax not normalised")
)
def claim_S2_outputs_lie_in_the_hull(model, record, shrink):
    """l(o) <= max_j l(v_j) along o itself, along the axes and along random directions."""
    generator, worst = generator_of(SEED, 21), (-torch.inf, [], 0.0, 1.0, 0.0)
    for tokens, seen, _ in every_layer(model, ("softmax", "hardmax", "ssa")):
        outputs, values = seen.outputs, seen.values
        width = values.shape[-1]
        random = torch.randn(8, width, generator=generator, dtype=torch.float64)
        random = random / random.norm(dim=-1, keepdim=True)
        fixed = torch.cat([torch.eye(width, dtype=torch.float64), random])
        own = outputs / outputs.norm(dim=-1, keepdim=True)
        seen_by_own = torch.einsum("bhte,bhje->bhtj", own, values)
        along = [(seen_by_own, outputs.norm(dim=-1))]
        along += [((values @ u)[:, :, None].expand_as(seen_by_own), outputs @ u) for u in fixed]
        slack = double_slack(4 * (width + values.shape[2])) * float(values.norm(dim=-1).max())
        for of_values, of_output in along:
            top = of_values.masked_fill(~seen.visible, -torch.inf).amax(-1)
            excess = of_output - top * (1 - shrink * top.sign()) - slack
            where = torch.unravel_index(excess.argmax(), excess.shape)
            if float(excess[where]) > worst[0]:
                prompt = worst_prompt(excess, tokens)
                worst = (
                    float(excess[where]),
                    prompt,
                    float(of_output[where]),
                    float(top[where]),
                    slack,
                )
    excess, prompt, reached, top, slack = worst
    record(bound=top * (1 - shrink), attained=reached, slack=slack, holds=excess <= 0)
    assert excess <= 0, record.violation(prompt, top, reached)


def largest_averages(values: torch.Tensor, ratio: torch.Tensor) -> torch.Tensor:
    """S3's maximum in float64: max_k (r Σ_(j<=k) l_(j) + Σ_(j>k) l_(j))/(k r + n - k), last axis n.

    Written with 1/r, so that r = inf is allowed.
    """
    falling = values.sort(dim=-1, descending=True).values
    top, total = falling.cumsum(-1), falling.sum(-1, keepdim=True)
    n = values.shape[-1]
    k, inverse = torch.arange(1, n + 1, dtype=values.dtype), (1 / ratio)[..., None]
    return ((top + inverse * (total - top)) / (k + inverse * (n - k))).amax(-1)


@claim("S3", "outputs stay in the shrunken hull", mutants=(SMALLER,))
def claim_S3_outputs_lie_in_the_shrunken_hull(model, record, shrink):
    """l(o) <= the sigmoid(del)-expectile of l(v_j), random l, at the last query of each prompt."""
    generator, worst = generator_of(SEED, 22), (-torch.inf,)
    for tokens, seen, _ in every_layer(model):
        n, width = seen.values.shape[2:]
        u = torch.randn(width, generator=generator, dtype=torch.float64)
        size = float(seen.values.norm(dim=-1).max() * u.norm())
        for count in {2, n}:
            values = seen.values[:, :, :count] @ u
            spread = seen.range[:, :, count - 1]
            bound, mean = largest_averages(values, spread.exp()), values.mean(-1)
            reached = seen.outputs[:, :, count - 1] @ u
            # constant values: nothing to average, and only rounding to divide by
            rounding = double_slack(8 * (count + width)) * size
            share = (reached - mean - rounding) / (bound - mean)
            share = torch.where(bound - mean > rounding, share, 0.0)
            where = torch.unravel_index(share.argmax(), share.shape)
            if float(share[where]) > worst[0]:
                point = [values[where], spread[where], reached[where], mean[where], rounding]
                worst = (float(share[where]), tokens[int(where[0]), :count].tolist(), point)
    _, prompt, (values, spread, reached, mean, slack) = worst  # type: ignore[misc]
    certified = expectile([arb(v) for v in values.tolist()], arb(float(spread)).exp())
    bound = float(mean) + (1 - shrink) * (float(certified.upper()) - float(mean))
    holds = float(reached) <= bound + slack
    record(bound=bound - float(mean), attained=float(reached - mean), slack=slack, holds=holds)
    if not shrink and (not model.roles or ("small" in model.roles and model.seed == 0)):
        hull_rows(model, record)
    assert holds, record.violation(prompt, bound, float(reached))


@claim("S4", "score ranges stay below their certificate", mutants=("certificate / 100",))
def claim_S4_score_ranges_are_certified(model, record, twist):
    """Sampled and attacked prompts: del_h of every head, and the weights that it allows."""
    certified = {key: value.high for key, value in score_ranges(model.weights).items()}
    certified = {key: value / (100 if twist else 1) for key, value in certified.items()}
    attacked = attack_ranges(model, certified)
    found = {key: (0.0, []) for key in certified}
    for tokens, layers in [*watched(model, SEED), *attacked]:
        for seen in layers:
            for head in range(seen.scores.shape[1]):
                spread = seen.range[:, head]
                if float(spread.max()) > found[seen.layer, head][0]:
                    prompt = worst_prompt(seen.range[:, head : head + 1], tokens)
                    found[seen.layer, head] = (float(spread.max()), prompt)
    for (layer, head), (reached, prompt) in found.items():
        bound = certified[layer, head]
        slack = double_slack(8 * model.weights.width) * bound
        at = {"layer": layer, "head": head}
        record(bound=bound, attained=reached, slack=slack, holds=reached <= bound + slack, at=at)
        assert reached <= bound + slack, record.violation(prompt, bound, reached)
    if not twist:
        dispersion_rows(model, record, certified)


def attack_ranges(model, certified) -> list[tuple[torch.Tensor, list[HeadsSeen]]]:
    """Ascent on all score ranges of the last query at once, each in units of its certificate."""

    def objective(tokens):
        terms = [
            seen.range[:, head, -1] / certified[seen.layer, head]
            for seen in watch(model, tokens)
            for head in range(seen.scores.shape[1])
        ]
        return torch.stack(terms).amax(0) + torch.stack(terms).mean(0)

    found = attack(objective, begin(32, 3, SEED).double(), SEED, rounds=((0.3, 10), (0.1, 5)))
    with torch.no_grad():
        return [(found.tokens, watch(model, found.tokens))]


def dispersion_rows(model, record, certified) -> None:
    """The largest observed weight against the number of visible tokens, beside its bound."""
    lengths = [n for n in (3, 9, 27, 81) if n <= model.context]
    for _, layers in watched(model, SEED)[-1:]:
        for seen in layers:
            for head in range(seen.scores.shape[1]):
                for n in lengths:
                    weight = float(seen.weights[:, head, n - 1].max())
                    limit = largest_weight(n, arb(certified[seen.layer, head]).exp())
                    bound = float(limit.upper())
                    at = {"curve": "dispersion", "layer": seen.layer, "head": head, "n": n}
                    holds = weight <= bound * (1 + double_slack(8))
                    record(bound=bound, attained=weight, holds=holds, at=at, series=True)
                    assert holds, f"weight {weight} of {n} tokens is above {bound}"


@claim("S5", "weights sum to what their scores allow", mutants=("softmax not normalised",))
def claim_S5_weights_sum_to_what_the_score_function_allows(model, record):
    """Σ|w| <= 1 (softmax, hardmax, SSA), n sigmoid(max s), n max|s|; SSA's ratio by its range."""
    for tokens, seen, attention in every_layer(
        model, ("softmax", "hardmax", "ssa", "sigmoid", "linear")
    ):
        totals, n = seen.weights.abs().sum(-1), counts(seen)
        for head in range(totals.shape[1]):
            ratio = totals[:, head] / allowed(attention, head, n)
            slack = double_slack(8 * len(n))
            at = {"layer": seen.layer, "head": head, "score": attention.score}
            reached = float(ratio.max())
            record(bound=1.0, attained=reached, slack=slack, holds=reached <= 1 + slack, at=at)
            prompt = worst_prompt(ratio[:, None], tokens)
            assert reached <= 1 + slack, record.violation(prompt, "1 of the sum allowed", reached)
        if attention.score == "ssa":
            ssa_weights_obey_their_ratio(seen, attention, record)


def allowed(attention: Attention, head: int, n: torch.Tensor) -> torch.Tensor:
    """Bound of Σ|w| over n tokens."""
    if attention.score in ("sigmoid", "linear"):
        largest = largest_score(attention, head)
        limit = 1 / (1 + (-largest).exp()) if attention.score == "sigmoid" else largest
        return float(limit.upper()) * n
    return torch.ones_like(n)


def ssa_weights_obey_their_ratio(seen, attention, record) -> None:
    """The largest SSA weight at the largest score range seen (S1 with rho in place of e^del)."""
    spread = float(seen.range.max())
    n = seen.scores.shape[-1]
    bound = float(largest_weight(n, ssa_ratio(arb(spread), *map(arb, attention.ssa))).upper())
    reached = float(seen.weights[:, :, -1].max())
    holds = reached <= bound * (1 + double_slack(8 * n))
    record(bound=bound, attained=reached, holds=holds, at={"layer": seen.layer, "score": "ssa"})
    assert holds, f"SSA weight {reached} of {n} tokens at score range {spread} is above {bound}"


@claim("S6", "outputs stay within sinh(del/2) deviations of the mean", mutants=("sinh -> tanh",))
def claim_S6_outputs_obey_the_sinh_bound(model, record, twist):
    """|l(o) - mean| <= std sinh(del/2) for random l, every visible prefix of every prompt."""
    generator, worst = generator_of(SEED, 23), (-torch.inf, [], 0.0, 0.0, 0.0)
    for tokens, seen, _ in every_layer(model):
        u = torch.randn(seen.values.shape[-1], generator=generator, dtype=torch.float64)
        along, n = seen.values @ u, counts(seen)
        mean = along.cumsum(-1) / n
        centred = (along[:, :, None] - mean[..., None]).masked_fill(~seen.visible, 0.0)
        deviation = (centred.square().sum(-1) / n).sqrt()
        half = seen.range / 2
        bound = deviation * (half.tanh() if twist else half.sinh())
        reached = (seen.outputs @ u - mean).abs()
        size = float(seen.values.norm(dim=-1).max() * u.norm())
        slack = double_slack(8 * (len(n) + len(u))) * size
        ratio = ((reached - slack) / bound).nan_to_num(nan=0.0, posinf=0.0)
        where = torch.unravel_index(ratio.argmax(), ratio.shape)
        if float(ratio[where]) > worst[0]:
            point = (float(bound[where]), float(reached[where]), slack)
            worst = (float(ratio[where]), worst_prompt(ratio, tokens), *point)
    ratio, prompt, bound, reached, slack = worst
    record(bound=bound, attained=reached, slack=slack, holds=ratio <= 1)
    assert ratio <= 1, record.violation(prompt, bound, reached)
