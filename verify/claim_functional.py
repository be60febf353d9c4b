"""N9 on trained models: the functional that decides what a far query keeps of its context."""

from theory.bands import functional_band
from theory.blindness import plain_spread
from verify.claims import claim
from verify.far import ATTACKED_POINTS, attacked_at, slack

ATTACKED = 1e3


@claim("N9", "contexts move a far prediction less than the functional", mutants=("D(x) at 10 x",))
def claim_N9_spread_over_contexts_is_below_the_functional_bound(model, record, twist):
    """max - min at 10^2 .. 10^4, both signs, sampled and attacked; and every y in the band."""
    position = 2 * ATTACKED_POINTS - 2
    for x in (1e2, ATTACKED, -ATTACKED, 1e4):
        band = functional_band(model.weights, 10 * x if twist else x, position)
        norm = plain_spread(model.weights, abs(x)).upper()
        seen = attacked_at(model, x)
        width = seen.high - seen.low
        excess, allowed = max(band.excess(seen.low), band.excess(seen.high)), slack(model)
        holds = excess <= allowed and width <= band.width + 2 * allowed
        at = {"curve": "blindness", "x": x, "kind": "attacked", "norm": float(norm)}
        record(bound=band.width, attained=width, slack=allowed, holds=holds, at=at, series=True)
        record(bound=band.width, attained=width, slack=allowed, holds=holds, at={"x": x})
        where = {"curve": "tightness", "where": f"attacked contexts, x = {x:g}"}
        record(bound=band.width, attained=width, holds=holds, at=where, series=True)
        low = band.excess(seen.low) > 0
        prompt = seen.low_prompt if low else seen.high_prompt
        assert holds, record.violation(prompt, band, seen.low if low else seen.high)
