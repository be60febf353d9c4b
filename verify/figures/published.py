"""C-published: the published test set, scored by models of ours and by rules without training."""

from matplotlib.figure import Figure

from verify.figures import figure
from verify.figures.marks import GREY, OPEN, PREDICTORS, at, below, grouped, look, sortable
from verify.rows import Row

LOWEST = 1e-2
# markers of what papers print
PRINTED = "*X1+"


@figure("C-published", curve="published", reads=("C-published",))
def published(rows: list[Row]) -> Figure:
    """A panel a law of x; what the papers print is grey, what was measured here is coloured."""
    laws = grouped(rows, "law")
    drawn = Figure(figsize=(6.7 if len(laws) > 1 else 3.35, 3.0))
    panels = drawn.subplots(1, len(laws), sharey=True, squeeze=False)[0]
    names = sorted({at(row, "predictor") for row in rows}, key=sortable)
    others = [n for n in names if n not in PREDICTORS and not n.startswith("printed:")]
    papers = [n for n in names if n.startswith("printed:")]
    for axes, ((law,), members) in zip(panels, laws.items(), strict=True):
        for (predictor,), mine in grouped(members, "predictor").items():
            printed = predictor.startswith("printed:")
            values = [(at(r, "sigma"), r.bound if printed else r.attained) for r in mine]
            values = sorted((s, v) for s, v in values if v is not None and v >= LOWEST)
            if not values:
                continue
            index = others.index(predictor) if predictor in others else 0
            marker, colour = look(predictor, index)
            label = f"{predictor.removeprefix('printed:')} as printed" if printed else predictor
            if printed:
                marker, colour = PRINTED[papers.index(predictor) % len(PRINTED)], GREY
            axes.plot(*zip(*values, strict=True), marker, color=colour, label=label, **OPEN)
        axes.set(yscale="log", xlabel="σ of the coefficients")
        axes.set_title(f"x {'normal' if law == 'normal' else 'uniform on (−1, 1)'}")
        axes.set_xticks(range(1, 11))
    panels[0].set_ylabel("mean squared error")
    below(drawn, ncols=4)
    return drawn
