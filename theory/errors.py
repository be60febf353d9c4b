"""The one error that theory raises for input it must refuse."""


class TheoryError(ValueError):
    """Input that a theorem does not cover: says what was found and what to do instead."""
