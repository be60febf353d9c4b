"""Prints the axioms that the theorems of the given Coq files rest on.

One term that names them all is asked for once, since each `Print Assumptions` walks the whole
library; it is a chain of `let`, since checking a nested tuple takes quadratic time.
Exit status 1 when an axiom is not one of the standard axioms of Coq's real numbers.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

STANDARD = {
    "ClassicalDedekindReals.sig_forall_dec",
    "ClassicalDedekindReals.sig_not_dec",
    "FunctionalExtensionality.functional_extensionality_dep",
    "Classical_Prop.classic",
}
PROVED = re.compile(r"^\s*(?:Theorem|Lemma|Corollary)\s+([\w']+)", re.M)
HERE = pathlib.Path(__file__).resolve().parent


def proved(source: pathlib.Path) -> list[str]:
    """The theorems and lemmas of one source, as File.name, in the order of the file."""
    return [f"{source.stem}.{name}" for name in PROVED.findall(source.read_text())]


def assumptions(names: list[str], built: pathlib.Path = HERE) -> set[str]:
    """The axioms below all of `names`, by Coq itself; `built` holds the compiled files.

    Raises RuntimeError with Coq's message when one of the names does not exist.
    """
    files = sorted({name.split(".")[0] for name in names})
    uses = " ".join(f"let _ := @ICL.{name} in" for name in names)
    text = f"From ICL Require {' '.join(files)}.\nDefinition all := {uses} tt.\n"
    text += "Print Assumptions all.\n"
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "all.v")
        path.write_text(text)
        command = ["coqc", "-q", "-Q", str(built), "ICL", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return set(re.findall(r"^(\w[\w.']*)\s*(?::|$)", done.stdout, re.M)) - {"Axioms"}


def main() -> int:
    """Report on every theorem of the files named on the command line."""
    names = [name for argument in sys.argv[1:] for name in proved(pathlib.Path(argument))]
    used = assumptions(names)
    print(f"{len(names)} theorems and lemmas; axioms: {', '.join(sorted(used)) or 'none'}")
    if used - STANDARD:
        print(f"not standard: {', '.join(sorted(used - STANDARD))}")
    return bool(used - STANDARD)


if __name__ == "__main__":
    sys.exit(main())
