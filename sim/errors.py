"""Errors whose message says what was found and what to do."""


class UserError(Exception):
    """The input cannot be used; the message is for the user and needs no traceback."""


class CheckpointError(UserError):
    """A checkpoint cannot be read, or does not belong to this run."""
