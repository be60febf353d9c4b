"""The numbers that the paper's prose quotes, by name: which rows each is picked from."""

from collections.abc import Callable, Iterator
from functools import partial

from verify.rows import Row
from verify.values import Found, Rounding, Rows, Value, best, curve, first, measured

FAR = (100, 1000, 10_000)
ENDS: tuple[tuple[Callable, str, Rounding], ...] = ((min, "least", "down"), (max, "most", "up"))


def models(rows: Rows) -> float | None:
    """How many models the rows speak of."""
    return float(len({row.model for row in rows if row.model})) or None


def run_claims(rows: Rows) -> float | None:
    """How many different claims ran."""
    return float(len({(row.id, row.claim) for row in rows if not row.series})) or None


def prompts(rows: Rows) -> float | None:
    """Sampled prompts of L2 over all models."""
    counts = [row.at["prompts"] for row in rows if row.id == "L2" and "prompts" in row.at]
    return float(sum(counts)) if counts else None


def ceiling_shares(rows: Rows, kind: str) -> list[float]:
    """max |y - c| / R of each model, over prompts of one kind."""
    shares: dict[str, float] = {}
    for name in dict.fromkeys(row.model for row in curve(rows, "ceiling")):
        ends = {
            end: first([r for r in curve(rows, "ceiling", kind=f"{kind} {end}") if r.model == name])
            for end in ("low", "high")
        }
        low, high = ends["low"], ends["high"]
        if low is None or high is None or None in (low.bound, high.bound):
            continue
        middle = ((low.bound or 0.0) + (high.bound or 0.0)) / 2
        radius = (high.bound or 0.0) - middle
        reach = max((high.attained or 0.0) - middle, middle - (low.attained or 0.0))
        shares[name] = reach / radius
    return list(shares.values())


def attacked_share(rows: Rows, choose: Callable) -> float | None:
    """Largest or least share of the ceiling that gradient ascent over prompts reached."""
    return best(ceiling_shares(rows, "attacked"), choose)


def radii(rows: Rows) -> list[float]:
    """R of each model."""
    highs = {r.model: r.bound for r in curve(rows, "ceiling") if "high" in r.at["kind"]}
    lows = {r.model: r.bound for r in curve(rows, "ceiling") if "low" in r.at["kind"]}
    return [
        (high - low) / 2
        for name, high in highs.items()
        if high is not None and (low := lows.get(name)) is not None
    ]


def nearest(rows: Rows, id_: str, field: str) -> float | None:
    """A field of the claim's row that is nearest to its bound."""
    mine = [row for row in rows if row.id == id_ and not row.series and row.ratio is not None]
    return getattr(max(mine, key=lambda row: row.ratio or 0.0), field) if mine else None


def tightest(rows: Rows, id_: str) -> float | None:
    """Largest attained / certified over models."""
    return best(row.ratio for row in curve(rows, "tightness") if row.id == id_)


def spread(rows: Rows, x: float, what: Callable[[Row], float | None]) -> float | None:
    """Of the first model's attacked contexts at x."""
    there = [r for r in curve(rows, "blindness", kind="attacked") if r.at["x"] == x]
    row = first([r for r in there if r.model.startswith("small")] or there)
    return what(row) if row else None


def looseness(rows: Rows, x: float) -> float | None:
    """Largest certified / attacked spread over models at x."""
    found = [r for r in curve(rows, "blindness", kind="attacked") if r.at["x"] == x]
    return best(r.bound / r.attained for r in found if r.bound and r.attained)


def farthest_error(rows: Rows) -> float | None:
    """Largest distance to the plateau at the largest query."""
    far = best(abs(r.at["x"]) for r in curve(rows, "plateau"))
    found = [r for r in curve(rows, "plateau") if abs(r.at["x"]) == far]
    return best(abs(r.attained - r.bound) for r in found if None not in (r.attained, r.bound))  # type: ignore[operator]


def point(rows: Rows, name: str, **where: object) -> Found:
    """What was measured at one point of a curve."""
    return measured(first(curve(rows, name, **where)))


def floor(rows: Rows, share: bool, **where: object) -> float | None:
    """Certified relative floor at one point of the failure curve; or its share of the error."""
    row = first(curve(rows, "failure", predictor="model", **where))
    if row is None or row.bound is None or not row.attained:
        return None
    return row.bound / row.attained if share else row.bound


def weight(rows: Rows, field: str, choose: Callable = max) -> float | None:
    """Largest or least observed weight (or its bound) over heads, at the longest prompt."""
    longest = best(row.at["n"] for row in curve(rows, "dispersion"))
    there = [row for row in curve(rows, "dispersion") if row.at["n"] == longest]
    return best((getattr(row, field) for row in there), choose)


def exponents(rows: Rows, cell: str) -> Found:
    """Mean, least and largest fitted exponent over the seeds of a cell."""
    found = [r.attained for r in curve(rows, "growth", kind="exponent", cell=cell)]
    there = [value for value in found if value is not None]
    return (sum(there) / len(there), min(there), max(there)) if there else None


def overtaken(rows: Rows, law: str) -> float | None:
    """Least sigma from which on the nearest neighbour beats every printed model."""
    sigmas = sorted({r.at["sigma"] for r in curve(rows, "published", law=law)})
    for sigma in sigmas:
        later = [r for r in curve(rows, "published", law=law) if r.at["sigma"] >= sigma]
        if later and all(beaten(later, s) for s in sigmas if s >= sigma):
            return float(sigma)
    return None


def beaten(rows: Rows, sigma: float) -> bool:
    """Whether 1-nn has a smaller error than each printed model at sigma."""
    there = [row for row in rows if row.at["sigma"] == sigma]
    mine = best(r.attained for r in there if r.at["predictor"] == "1-nn")
    theirs = best((r.bound for r in there if r.at["predictor"].startswith("printed:")), min)
    return mine is not None and theirs is not None and mine < theirs


def speedup(rows: Rows, choose: Callable) -> float | None:
    """Least or largest ours / reference over the settings measured."""
    ours = {r.at["what"]: r.attained for r in curve(rows, "speed", variant="ours")}
    theirs = {r.at["what"]: r.attained for r in curve(rows, "speed", variant="reference")}
    pairs = ((ours[what], theirs.get(what)) for what in ours)
    return best((a / b for a, b in pairs if a and b), choose)


def trained_in(rows: Rows, precision: str, choose: Callable) -> float | None:
    """Least or largest final error over the seeds of one preset, trained in a precision."""
    return best((r.attained for r in curve(rows, "precision", variant=precision)), choose)


def beside_crown(rows: Rows, what: str, choose: Callable) -> float | None:
    """Least or largest CROWN / ours, of widths or seconds, over the boxes where CROWN answered."""
    found: dict[tuple, dict[str, Row]] = {}
    for row in curve(rows, "boxes"):
        box = (row.model, row.at["points"], row.at.get("radius"))
        found.setdefault(box, {})[row.at["variant"]] = row

    def of(row: Row) -> float | None:
        return row.bound if what == "width" else row.at.get("seconds")

    pairs = [(of(f["auto_LiRPA CROWN"]), of(f["ours"])) for f in found.values()
             if "auto_LiRPA CROWN" in f and f["auto_LiRPA CROWN"].bound is not None]  # fmt: skip
    return best((a / b for a, b in pairs if a and b), choose)


VERDICTS = {
    "holds": "holds",
    "amended": "holds as amended",
    "contradicted": "contradicted",
    "undecided": "not decidable",
}


def verdicts(rows: Rows, word: str) -> float | None:
    """How many published statements have this verdict."""
    found = {row.id: row.at["verdict"] for row in rows if not row.series and "verdict" in row.at}
    return float(list(found.values()).count(word)) if found else None


def listed() -> Iterator[Value]:
    """Every named value; names read claim.what.where."""
    yield Value("models", "L2", models, digits=6)
    yield Value("claims", "L2", run_claims, digits=6)
    for name, word in VERDICTS.items():
        yield Value(f"verdicts.{name}", "C-published", partial(verdicts, word=word))
    yield Value("L2.prompts", "L2", prompts, "down", 3)
    for choose, word, way in ENDS:
        yield Value(f"L2.attacked.{word}", "L2", partial(attacked_share, choose=choose), "inward")
        yield Value(f"L2.R.{word}", "L2", lambda r, c=choose: best(radii(r), c), way)
    yield Value("N2.distance", "N2", farthest_error, "up", 2)
    for x in FAR:
        yield Value(f"N9.certified.{x}", "N9", partial(spread, x=x, what=lambda r: r.bound), "up")
        attacked = partial(spread, x=x, what=lambda r: r.attained)
        yield Value(f"N9.attacked.{x}", "N9", attacked, "inward")
        yield Value(f"N9.looseness.{x}", "N9", partial(looseness, x=x), "up")
    yield from points()
    yield Value("S4.observed", "S4", partial(weight, field="attained"), "inward")
    yield Value("S4.bound.least", "S4", partial(weight, field="bound", choose=min), "up", 6)
    yield Value("S4.bound.most", "S4", partial(weight, field="bound"), "up", 6)
    for norm in ("layernorm", "none"):
        for score in ("softmax", "linear"):
            cell = partial(exponents, cell=f"{norm} x {score}")
            yield Value(f"G5.exponent.{norm}.{score}", "G5", cell)
    for law in ("normal", "uniform"):
        yield Value(f"published.overtaken.{law}", "C-published", partial(overtaken, law=law))
    for choose, word, _ in ENDS:
        yield Value(f"speed.{word}", "C-speed", partial(speedup, choose=choose), "inward", 2)
        for precision in ("float32", "bf16"):
            ended = partial(trained_in, precision=precision, choose=choose)
            yield Value(f"precision.{precision}.{word}", "C-precision", ended, "nearest", 2)
        for what in ("width", "seconds"):
            crown = partial(beside_crown, what=what, choose=choose)
            yield Value(f"boxes.{what}.{word}", "C-boxes", crown, "inward", 2)


def points() -> Iterator[Value]:
    """Errors relative to the zero model, at named scales and degrees."""
    for degree in (1, 3):
        for scale in (1, 10, 1000):
            where = {"degree": degree, "scale": scale}
            name = f"{degree}.{scale}"
            error = partial(point, name="failure", predictor="model", **where)
            yield Value(f"P3.error.{name}", "P3", error)
            if scale == 10:
                yield Value(f"P3.floor.{name}", "P3", partial(floor, share=False, **where), "down")
            if scale > 1:
                yield Value(f"P3.share.{name}", "P3", partial(floor, share=True, **where), "inward")
        for scale in (1, 10, 10_000):
            for kind in ("plain", "wrapped"):
                where = {"degree": degree, "scale": scale, "predictor": kind}
                error = partial(point, name="equivariant", **where)
                yield Value(f"W1.{kind}.{degree}.{scale}", "W1", error)
    for degree in range(1, 7):
        unseen = partial(point, name="unseen", degree=degree, predictor="model")
        yield Value(f"unseen.{degree}", "C-unseen", unseen)


VALUES = tuple(listed())
