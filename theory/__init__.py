"""The bounds as theorems: `from theory import theorems, Weights, Interval`; numpy, sympy, arb."""

from theory.errors import TheoryError
from theory.interval import Interval
from theory.theorem import Theorem, theorems
from theory.weights import MLP, Attention, Norm, Weights

__all__ = ["MLP", "Attention", "Interval", "Norm", "Theorem", "TheoryError", "Weights", "theorems"]
