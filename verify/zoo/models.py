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
        for planned in seeds(f"factorial-{cell}", 5, f"factorial:{cell}")
    ),
    *seeds("unseen", 5),
    *seeds("attention-only-1", 5),
    *seeds("attention-only-2", 5),
    *seeds("rmsnorm", 3),
    *seeds("dyt", 3),
    *seeds("ssa", 3),
    *seeds("no-final-norm", 3),
    *seeds("equivariant", 5),
    *seeds("wide-range", 5),
    *seeds("unseen-sequential", 1),
    *seeds("post-norm", 1),
    *seeds("no-mlp", 5),
    *seeds("continuous", 1),
    *seeds("zeros", 5),
    *seeds("hardmax", 1),
    *seeds("sigmoid", 1),
)
