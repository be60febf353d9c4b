"""Which models the zoo holds, and what each is for: plain data, read by the builder and the tests.

A role names a set of models that a claim compares: "small" are the seeds of the headline figure,
"factorial:<norm>-<score>" the cells of E2, "unseen" the models that never saw degrees 2 and 4.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Planned:
    """`name` is the file's; `preset` and `seed` decide its config."""

    name: str
    preset: str
    seed: int
    roles: tuple[str, ...]


def seeds(preset: str, count: int, *roles: str) -> list[Planned]:
    """`count` seeds of one preset."""
    return [Planned(f"{preset}-{seed}", preset, seed, (preset, *roles)) for seed in range(count)]


MODELS: tuple[Planned, ...] = (
    *seeds("small", 5),
    *(
        planned
        for cell in ("layernorm-softmax", "none-softmax", "layernorm-linear", "none-linear")
        for planned in seeds(f"factorial-{cell}", 3, f"factorial:{cell}")
    ),
    *seeds("unseen", 5),
    *seeds("attention-only-1", 1),
    *seeds("attention-only-2", 1),
    *seeds("rmsnorm", 1),
    *seeds("dyt", 1),
    *seeds("ssa", 1),
    *seeds("no-final-norm", 1),
    *seeds("equivariant", 1),
    *seeds("wide-range", 5),
    *seeds("unseen-sequential", 1),
    *seeds("post-norm", 1),
    *seeds("no-mlp", 1),
    *seeds("continuous", 1),
    *seeds("zeros", 1),
    *seeds("hardmax", 1),
    *seeds("sigmoid", 1),
)
