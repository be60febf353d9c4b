"""N9 on trained models: the functional that decides what a far query keeps of its context."""

from theory.bands import functional_band
from theory.blindness import plain_spread
from verify.claims import claim
from verify.far import ATTACKED, attacked_at, kept_at, slack


@claim("N9", "contexts move a far prediction less than the functional", mutants=("D(x) at 10 x",))
def claim_N9_spread_over_contexts_is_below_the_functional_bound(model, record, twist):
    """max - min at 10^2 .. 10^4, both signs, over attacked contexts and kept ones; all in the band.

    A band is that of the contexts' length, or of any if the two ends have two; the row is the pair
    of ends that comes nearest to its band.
    """
    allowed = slack(model)
    for x in (1e2, ATTACKED, -ATTACKED, 1e4):
        norm = float(plain_spread(model.weights, abs(x)).upper())
        nearest = (0.0, 0.0)
        for seen in (attacked_at(model, x), *kept_at(model, x)):
            alike = len(seen.low_prompt) == len(seen.high_prompt)
            position = len(seen.low_prompt) - 1 if alike else None
            band = functional_band(model.weights, 10 * x if twist else x, position)
            width, low = seen.high - seen.low, band.excess(seen.low) > 0
            excess = max(band.excess(seen.low), band.excess(seen.high))
            holds = excess <= allowed and width <= band.width + 2 * allowed
            at = {"x": x, "position": position}
            record(bound=band.width, attained=width, slack=allowed, holds=holds, at=at)
            prompt, y = (seen.low_prompt, seen.low) if low else (seen.high_prompt, seen.high)
            assert holds, record.violation(prompt, band, y)
            nearest = max(nearest, (width, band.width), key=lambda pair: pair[0] / (pair[1] or 1))
        width, bound = nearest
        at = {"curve": "blindness", "x": x, "kind": "attacked", "norm": norm}
        record(bound=bound, attained=width, slack=allowed, holds=True, at=at, series=True)
        where = {"curve": "tightness", "where": f"attacked contexts, x = {x:g}"}
        record(bound=bound, attained=width, holds=True, at=where, series=True)
