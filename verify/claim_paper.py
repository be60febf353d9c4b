"""The paper family's own statements about what models learn, on models of the same protocol."""

import numpy as np
import torch

from sim.config import Law, Task
from verify.claims import claim
from verify.ledger import decide, undecidable
from verify.predictors import (
    errors_at_last,
    model_errors,
    over_zero,
    plain,
    prompts_of,
    ratio_of,
    relative,
)

OTHER = "answers to another prompt"
EXCHANGED = "the two exchanged"
CONTINUOUS = Task(kind="continuous")


def learned(models, tasks, twist: str, record, curve=None):
    """The band of the task that is learned worst; with ``twist`` answers are for other prompts."""
    found = {}
    for task in tasks:
        if twist:
            shifted = [errors_at_last(other_prompt(plain(m)), *prompts_of(task)) for m in models]
            found[task] = over_zero(np.stack(shifted), task)
        else:
            found[task] = relative(models, task)
    return max(found.values(), key=lambda band: float(band.mean))


def other_prompt(predictor):
    """The predictor's answers moved on by one prompt."""
    return lambda xs, ys: predictor(xs, ys).roll(1, 0)


def decided(record, id_: str, band, note: str = "") -> None:
    """``decide`` with a band."""
    decide(record, id_, effect=float(band.mean), low=float(band.low), high=float(band.high),
           note=note)  # fmt: skip


@claim("C-poly", "small transformers learn polynomials in context", kind="empirical",
       together=("small",), mutants=(OTHER,))  # fmt: skip
def claim_C_poly_small_transformers_learn_degrees_1_to_3(zoo, record, twist):
    """Degrees 1, 2, 3 on the training law."""
    decided(record, "C-poly", learned(zoo["small"], (1, 2, 3), twist, record))


@claim("C-poly-attention", "two attention layers learn polynomials", kind="empirical",
       together=("attention-only-2",), mutants=(OTHER,))  # fmt: skip
def claim_C_poly_attention_two_layers_learn_degrees_1_to_3(zoo, record, twist):
    """The same without MLPs and with two layers."""
    decided(record, "C-poly-attention", learned(zoo["attention-only-2"], (1, 2, 3), twist, record))


@claim("C-continuous", "polynomials suffice for continuous functions", kind="empirical",
       together=("small", "continuous"), mutants=(OTHER,))  # fmt: skip
def claim_C_continuous_functions_from_polynomials(zoo, record, twist):
    """Trained on polynomials, asked for sines, kinks and cusps; beside it trained on those."""
    trained = relative(zoo["continuous"], CONTINUOUS)
    note = f"trained on continuous functions: {float(trained.mean):.4g}"
    decided(record, "C-continuous", learned(zoo["small"], (CONTINUOUS,), twist, record), note)


@claim("C-unseen", "classes never shown are learned", kind="empirical", together=("unseen",),
       mutants=(OTHER,))  # fmt: skip
def claim_C_unseen_degrees_2_and_4_are_learned(zoo, record, twist):
    """Trained on degrees 1, 3, 5; degrees 2 and 4 decide; all five are drawn, with 1-NN."""
    from sim.baselines import nearest

    if not twist:
        for degree in range(1, 7):
            xs, ys = prompts_of(degree)
            copied = errors_at_last(lambda x, y: nearest(x, y, neighbours=1), xs, ys)
            bands = {
                "model": relative(zoo["unseen"], degree),
                "1-nn": over_zero(copied[None], degree),
            }
            for predictor, band in bands.items():
                at = {"curve": "unseen", "degree": degree, "trained": degree in (1, 3, 5)}
                at |= {"predictor": predictor, "low": float(band.low), "high": float(band.high)}
                record(bound=float(bands["1-nn"].mean), attained=float(band.mean), holds=True,
                       series=True, at=at)  # fmt: skip
    decided(record, "C-unseen", learned(zoo["unseen"], (2, 4), twist, record))


@claim("C-unseen-better", "more classes improve the others", kind="empirical",
       together=("unseen", "small"), mutants=(OTHER,))  # fmt: skip
def claim_C_unseen_better_on_degree_1(zoo, record, twist):
    """Degree 1, seeds paired; the mutant's unseen models answer other prompts."""
    models = list(zip(zoo["unseen"], zoo["small"], strict=False))
    first, second = ([model_errors(pair[i], 1) for pair in models] for i in (0, 1))
    if twist:
        first = [errors_at_last(other_prompt(plain(a)), *prompts_of(1)) for a, _ in models]
    decided(record, "C-unseen-better", ratio_of(first, second))


@claim("C-zeros", "zeros of polynomials are found", kind="empirical", together=("zeros",),
       mutants=(OTHER,))  # fmt: skip
def claim_C_zeros_of_polynomials_are_found(zoo, record, twist):
    """The model trained on the inverse problem, on its own task."""
    task = getattr(zoo["zeros"][0].config, "task")  # noqa: B009
    decided(record, "C-zeros", learned(zoo["zeros"], (task,), twist, record))


@claim("C-gpt4", "far better than GPT4", kind="empirical", modelfree=True)
def claim_C_gpt4_comparison(record):
    """Nothing to measure."""
    undecidable(record, "C-gpt4")


@claim("C-long", "longer prompts break every model", kind="empirical", modelfree=True)
def claim_C_long_prompts(record):
    """Nothing to measure."""
    undecidable(record, "C-long")


@claim("C-shift", "inputs outside the training law are lost", kind="empirical",
       together=("small",), mutants=("at scale 1",))  # fmt: skip
def claim_C_shift_of_the_inputs_is_lost(zoo, record, twist):
    """Inputs ten times as large, degrees 1 and 3: the lesser error."""
    found = [relative(zoo["small"], degree, 1.0 if twist else 10.0) for degree in (1, 3)]
    decided(record, "C-shift", min(found, key=lambda band: float(band.mean)))


@claim("C-degrees", "higher degrees are harder", kind="empirical", together=("small",),
       mutants=(EXCHANGED,))  # fmt: skip
def claim_C_degrees_5_over_3(zoo, record, twist):
    """Degree 5, never shown, over degree 3: relative errors, so in units of their zero models."""
    high, low = (scaled_errors(zoo["small"], degree) for degree in (5, 3))
    decided(record, "C-degrees", ratio_of(low, high) if twist else ratio_of(high, low))


def scaled_errors(models, task, scale: float = 1.0):
    """Squared errors over the mean square of the values, one array a model."""
    size = float(prompts_of(task, scale)[1][:, -1].double().square().mean())
    return [model_errors(m, task, scale) / size for m in models]


@claim("C-nonlinear", "the error rises non-linearly in sigma", kind="empirical",
       together=("small",), mutants=(EXCHANGED,))  # fmt: skip
def claim_C_nonlinear_in_sigma(zoo, record, twist):
    """Coefficients U(-10, 10) over U(-1, 1), degree 1, relative errors."""
    large, small = (
        scaled_errors(zoo["small"], Task(degrees=(1,), coefficients=Law(scale=scale)))
        for scale in (10.0, 1.0)
    )
    decided(record, "C-nonlinear", ratio_of(small, large) if twist else ratio_of(large, small))


@claim("C-wide-out", "a wider training range reaches farther", kind="empirical",
       together=("wide-range", "small"), mutants=(EXCHANGED,))  # fmt: skip
def claim_C_wide_out_at_scale_2(zoo, record, twist):
    """Input scale 2, degree 3."""
    decided(record, "C-wide-out", wide_over_small(zoo, 2.0, twist))


@claim("C-wide-in", "a wider training range costs precision", kind="empirical",
       together=("wide-range", "small"), mutants=(EXCHANGED,))  # fmt: skip
def claim_C_wide_in_at_scale_1(zoo, record, twist):
    """Input scale 1, degree 3."""
    decided(record, "C-wide-in", wide_over_small(zoo, 1.0, twist))


def wide_over_small(zoo, scale: float, twist: str):
    """Ratio of errors, the same prompts; inverted for the mutant."""
    pairs = list(zip(zoo["wide-range"], zoo["small"], strict=False))
    wide = [model_errors(a, 3, scale) for a, _ in pairs]
    small = [model_errors(b, 3, scale) for _, b in pairs]
    return ratio_of(small, wide) if twist else ratio_of(wide, small)


def growing_lines(model, slopes, seed: int = 0) -> torch.Tensor:
    """Mean prediction at x_q = 1 of f(x) = a x over 64 contexts from U(-1, 1), one row a slope."""
    xs, _ = prompts_of(1, count=64)
    xs = xs.clone()
    xs[:, -1] = 1.0
    with torch.no_grad():
        return torch.stack([plain(model)(xs, a * xs)[:, -1].mean() for a in slopes])


@claim("C-boundary", "predictions stop growing with f", kind="empirical", together=("small",),
       mutants=("a model that says B",))  # fmt: skip
def claim_C_boundary_is_flat(zoo, record, twist):
    """How far from its largest value y is at slopes 8, 16, 32, every seed."""
    slopes, ratios = [2.0**k for k in range(7)], []
    for model in zoo["small"]:
        said = torch.ones(7) if twist else growing_lines(model, slopes)
        top = said.max()
        ratios.append(float(((said[3:6] - top).abs() / top).max()))
    spread(record, "C-boundary", ratios)


def spread(record, id_: str, values) -> None:
    """``decide`` on the mean over seeds, with the seeds' own range as interval."""
    decide(record, id_, effect=float(np.mean(values)), low=min(values), high=max(values))


@claim("C-max", "the boundary is the training maximum", kind="empirical", together=("small",),
       mutants=("its own largest prediction",))  # fmt: skip
def claim_C_max_of_training_is_the_boundary(zoo, record, twist):
    """Largest mean prediction over slopes 2 .. 64 against 4 = max |f| in training."""
    largest = [float(growing_lines(m, [2.0**k for k in range(1, 7)]).max()) for m in zoo["small"]]
    spread(record, "C-max", [abs(v - (v if twist else 4)) / 4 for v in largest])
