"""Which format a path is in: each is asked in turn, the first that knows it reads it.

A format is a module with FORMAT and read(place) -> Recognised | None, listed in FORMATS. None
says "not mine"; CheckpointError says "mine, and this is what is wrong with it".
"""

from pathlib import Path

from sim.errors import CheckpointError, UserError
from theory import TheoryError
from verify.formats import encoder, garg, hf_gpt2, mapped, own
from verify.formats.recognised import Place, Recognised, open_tensors
from verify.formats.tensors import quoted

# a mapping is the user's own word: it comes before what a folder says about itself
FORMATS = (own, mapped, garg, hf_gpt2, encoder)
KNOWN = (
    "a run's folder or step-N.safetensors of this project; a folder with config.yaml and state.pt "
    "or model_N.pt; a Hugging Face folder with config.json and model.safetensors or "
    "pytorch_model.bin; a file of tensors with a mapping NAME.json beside it"
)


def recognise(path: Path, mapping: Path | None = None, heads: int | None = None) -> Recognised:
    """What the path is, and what can be certified of it. Nothing in the files is executed.

    Raises:
        CheckpointError: one line that says what is wrong, for any file whatever.
    """
    place = Place(Path(path), mapping, heads)
    try:
        formats = (mapped,) if mapping else FORMATS
        for format_ in formats:
            if (found := format_.read(place)) is not None:
                return found
        raise CheckpointError(nothing(place))
    except CheckpointError:
        raise
    except (TheoryError, UserError) as error:
        raise CheckpointError(f"{place.path}: {error}") from error
    except OSError as error:
        raise CheckpointError(f"{place.path}: cannot be read ({error.strerror})") from error


def nothing(place: Place) -> str:
    """Why no format fits."""
    if place.kind == "folder" and place.mapping:
        return f"{place.path}: a mapping goes with a file of tensors, this is a folder"
    if place.kind == "folder":
        return f"{place.path}: no checkpoint in this folder. Known are: {KNOWN}"
    tensors, _ = open_tensors(place.path)
    names = ", ".join(quoted(name) for name in list(tensors)[:3])
    return (
        f"{place.path}: {len(tensors)} tensors ({names}, ..) in no known layout: say in "
        f"{place.path.with_suffix('.json').name} which is what, see verify/formats/mapped.py"
    )
