"""Reading anyone's checkpoint: what it is, which theorems speak about it, and its readout."""

from verify.formats.recognised import Readout, Recognised
from verify.formats.sniff import KNOWN, recognise

__all__ = ["KNOWN", "Readout", "Recognised", "recognise"]
