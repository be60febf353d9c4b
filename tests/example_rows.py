"""Made-up rows for every curve of the figures: shaped as the claims write them, no number real."""

import math
from collections.abc import Iterator
from typing import Any

from verify.rows import Row

MODELS = ("small-0", "small-1", "rmsnorm-0")
COMMIT = "made-up"
PRINTED = (0.0, 0.0, 0.3, 1.1, 2.9, 7.9, 11.9, 28.3, 46.9, 73.5)
SCALES = (1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0)


def point(
    curve: str, id_: str, attained: float | None, bound: float | None = None, **more: Any
) -> Row:
    """A point of a curve; what is no field of Row goes to ``at``."""
    fields = {k: more.pop(k) for k in ("model", "seed", "ratio", "device") if k in more}
    if bound and attained is not None:
        fields.setdefault("ratio", attained / bound)
    names: dict[str, Any] = {"model": "", "commit": COMMIT, "note": "made up"} | fields
    at = {"curve": curve, **more}
    return Row(
        id_,
        curve,
        "theorem",
        holds=True,
        bound=bound,
        attained=attained,
        at=at,
        series=True,
        **names,
    )


def failure() -> Iterator[Row]:
    for degree in (1, 2, 3):
        for s in SCALES:
            floor = max(0.0, 1 - 4 / s**degree) ** 2
            model = min(1.0, 0.003 + floor + 0.02 * min(s, 10.0) / 10)
            where: dict[str, Any] = {"degree": degree, "scale": s}
            yield point(
                "failure",
                "P3",
                model,
                floor,
                predictor="model",
                model="small",
                **where,
                low=0.9 * model,
                high=1.1 * model,
                plateau=1.0 if s > 5 else None,
            )
            wrapped = 0.01 * degree
            yield point(
                "failure",
                "W1",
                wrapped,
                predictor="equivariant",
                low=0.8 * wrapped,
                high=1.2 * wrapped,
                **where,
            )
            yield point("failure", "P3", 1e-12, predictor="least-squares", **where)
            yield point("failure", "P3", 0.001 * degree, predictor="1-nn", **where)


def ceiling() -> Iterator[Row]:
    for i, model in enumerate(MODELS):
        for kind, share in (("sampled", 0.9), ("attacked", 0.985 - 0.01 * i), ("witness", 1.0)):
            for end, sign in (("low", -1), ("high", 1)):
                radius = 2.0 + i
                yield point(
                    "ceiling",
                    "L2",
                    0.1 + sign * share * radius,
                    0.1 + sign * radius,
                    model=model,
                    kind=f"{kind} {end}",
                )


def far() -> Iterator[Row]:
    for x in (40.0, 100.0, 300.0, 1e3, 1e4, 1e5, 1e6):
        spread, norm = 1.04 * 20 / x, 74 / x
        for sign, limit in ((1, 0.316), (-1, -0.312)):
            for kind, side in (("min", -1), ("max", 1)):
                yield point(
                    "plateau",
                    "N2",
                    limit + side * 0.3 * spread,
                    limit,
                    x=sign * x,
                    kind=kind,
                    model="small-0",
                    band_low=limit - norm,
                    band_high=limit + norm,
                )
        for kind, share in (("attacked", 0.6), ("sampled", 0.1)):
            yield point(
                "blindness",
                "N9",
                share * spread,
                spread,
                x=x,
                kind=kind,
                norm=norm,
                model="small-0",
            )
        yield point("slope", "N5", 1.6 / x**2, 40 / x**2, x=x, model="small-0")
        yield point("saturation", "N4", 0.4 / x, 900 / x, size=x, model="small-0")
        for model, size in (("small-0", 0.8), ("none-softmax-0", x**2)):
            yield point("extreme", "G3", size, kind="error", size=x, model=model)
            yield point("extreme", "G3", size / 3, kind="shift", size=x, model=model)


def attention() -> Iterator[Row]:
    values = [(0.0, 0.0), (2.0, 0.2), (2.4, 1.5), (1.0, 2.2), (-0.3, 1.2), (1.1, 1.0)]
    u, v = (sum(c) / len(values) for c in zip(*values, strict=True))
    for i, (a, b) in enumerate(values):
        common = {"model": "small-0", "delta": 2.0, "n": len(values)}
        yield point("hull", "S3", None, kind="value", index=i, u=a, v=b, **common)
        inner = {"u": u + 0.45 * (a - u), "v": v + 0.45 * (b - v)}
        if i < 5:
            yield point("hull", "S3", None, kind="reachable", index=i, **inner, **common)
        seen = {"u": u + 0.3 * (a - u), "v": v + 0.3 * (b - v)}
        yield point("hull", "S3", None, kind="output", index=i, **seen, **common)
    for layer in range(3):
        for head in range(2):
            for n in (3, 9, 27, 81):
                bound = 1 / (1 + (n - 1) * math.exp(-3.0 * (layer + 1) - head))
                where = {"n": n, "layer": layer, "head": head, "model": "small-0"}
                yield point("dispersion", "S4", 0.7 * bound + 0.2 / n, bound, **where)


def causes() -> Iterator[Row]:
    norms, scores = ("layernorm", "none"), ("softmax", "linear")
    cells = [f"{norm} x {score}" for norm in norms for score in scores]
    for cell, degree in zip(cells, (0, 0, 1, 9), strict=True):
        for seed in range(3):
            where: dict[str, Any] = {"cell": cell, "seed": seed, "model": f"{cell}-{seed}"}
            yield point("growth", "G5", degree - 0.01 * seed, degree, kind="exponent", **where)
            for t in (1e2, 1e3, 1e4, 1e5):
                y = 0.3 * (1 + seed) * t**degree
                yield point("growth", "G5", y, 0.3 * t**degree, kind="prediction", t=t, **where)
    for id_, ratio in {"L2": 0.98, "N2": 0.4, "N9": 0.61, "S4": 0.69, "N5": 0.16}.items():
        for i, model in enumerate(MODELS):
            yield point("tightness", id_, None, ratio=ratio * (1 - 0.1 * i), model=model, where="x")
    for id_, claim in (("N3", "spread"), ("P2", "floor"), ("F1", "rounding")):
        for model in MODELS:
            names: dict[str, Any] = {"commit": COMMIT, "note": "made up", "must": "<="}
            yield Row(id_, claim, "theorem", model, True, 1.0, 1e-6, 1e-6, **names)


def heat() -> Iterator[Row]:
    for sx in range(1, 11):
        for sf in range(1, 11):
            floor = max(0.0, 1 - 3 / (sx * sf)) ** 2
            kinds = {"model": min(1.0, floor + 0.01), "floor": floor, "least-squares": 1e-12}
            where = {"sigma_x": sx, "sigma_f": sf, "model": "small-0"}
            for kind, value in kinds.items():
                yield point("heat", "P3", value, kind=kind, **where)


def unseen() -> Iterator[Row]:
    for degree in range(1, 7):
        trained = degree % 2 == 1
        for predictor, value in (("model", 0.01 if trained else 0.03), ("1-nn", 0.002)):
            band = {"low": 0.8 * value, "high": 1.3 * value}
            where = {"degree": degree, "trained": trained, "predictor": predictor}
            yield point("unseen", "C-unseen", value, 0.05, **where, **band)


def published() -> Iterator[Row]:
    shares = {"zero": 2.0, "1-nn": 0.12, "least-squares": 1e-9, "small-0": 0.5}
    for law in ("normal", "uniform"):
        for sigma in range(1, 11):
            where: dict[str, Any] = {"law": law, "sigma": sigma, "degree": 1}
            for predictor, share in shares.items():
                error, bound = share * sigma**2, 2.0 * sigma**2 if predictor == "zero" else None
                names: dict[str, Any] = {"predictor": predictor, **where}
                yield point("published", "C-published", error, bound, **names)
            names: dict[str, Any] = {"predictor": "printed:12L8AH", **where}
            yield point("published", "C-published", None, PRINTED[sigma - 1], **names)


def cures() -> Iterator[Row]:
    for degree in (1, 3):
        for s in (1.0, 10.0, 100.0, 1e4):
            errors = {"plain": min(1.0, 0.005 * s), "wrapped": 0.013, "trained inside": 0.006}
            for predictor, value in errors.items():
                where: dict[str, Any] = {"degree": degree, "scale": s}
                where |= {"low": 0.9 * value, "high": 1.1 * value}
                yield point("equivariant", "W1", value, predictor=predictor, **where)
    speeds = {"CPU float32": (900.0, 1500.0, 2500.0), "H100 bf16, 64 models": (1e4, 3e5, 9e5)}
    for what, values in speeds.items():
        for variant, value in zip(("reference", "ours", "limit"), values, strict=True):
            where: dict[str, Any] = {"variant": variant, "what": what, "device": "example"}
            yield point("speed", "C-speed", value, **where)
    for variant, value in (("float32", 0.0024), ("bf16", 0.0022)):
        yield point("precision", "C-precision", value, variant=variant)
    for size, radius in ((1e-6, 1e-6), (1e-4, 1e-4), (1e-2, 1e-2), (6.0, 1.0)):
        for variant, factor in (("ours", 1.1), ("intervals", 100.0), ("auto_LiRPA CROWN", 1.3)):
            where: dict[str, Any] = {"variant": variant, "radius": radius, "points": 4}
            where |= {"model": "small-0", "bound": min(6.0, factor * size), "seconds": factor}
            yield point("boxes", "C-boxes", 0.9 * size, **where)


CLAIMS = {
    "L2": "no attacked prediction leaves the ceiling",
    "N2": "far prediction is the plateau",
    "N9": "spread over contexts",
}
LEDGER = {
    "C-class": ("holds", "models fail beyond certain values", ""),
    "C-cause": ("holds as amended", "caused by LayerNorm and softmax", "either alone fails too"),
    "C-random": ("contradicted", "random beyond the boundary", "one number for each sign"),
    "C-zeros": ("not decidable", "far better than GPT4", "no prompts or answers are public"),
}


def claims() -> Iterator[Row]:
    """Rows of the claim table: theorems on models, a mutant, a ledger row of each verdict."""
    names: dict[str, Any] = {"commit": COMMIT, "note": "made up", "model_hash": "0123456789ab"}
    for id_, text in CLAIMS.items():
        for i, model in enumerate(MODELS):
            ratio = 0.98 - 0.01 * i
            numbers = (2.0, 2 * ratio, ratio)
            at = {"prompts": 1000}
            yield Row(id_, text, "theorem", model, True, *numbers, at=at, seed=i, **names)
    text = "the ceiling is reached by a residual"
    yield Row("L2", text, "theorem", "small-0", False, 1.98, 2.0, 1.01, mutant=True, **names)
    yield Row("L2", text, "theorem", "small-0", True, 2.0, 2.0, 1.0, **names)
    for id_, (verdict, statement, amended) in LEDGER.items():
        at = {"verdict": verdict, "statement": statement, "amended": amended}
        at |= {"source": "arXiv 2502.03503", "low": 0.1, "high": 0.3}
        yield Row(id_, statement, "empirical", "", True, 0.5, 0.2, 0.4, at=at, **names)


def example_rows() -> list[Row]:
    """All of them."""
    parts = (claims, failure, ceiling, far, attention, causes, heat, unseen, published, cures)
    return [row for part in parts for row in part()]
