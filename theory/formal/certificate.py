"""Writes a Coq file that proves numbers of a trained model: R_tot (N1), ceiling (L2), X~ (N3).

    python -m theory.formal.certificate MODEL.safetensors OUT.v       (make certificate MODEL=...)

The weights go into the file as the float32 words of the checkpoint. ModelCertificate.v computes the
numbers from them in integers and proves them sound. This module computes the same integers first,
because a theorem must state its numbers, and the completions that certify spectral norms. Nothing
here has to be trusted: Coq refuses a number that is too small and any bad completion.
"""

import os
import sys
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

import numpy as np

from theory.anatomy import needs_bounded_stream
from theory.errors import TheoryError
from theory.formal.fixed_point import (
    Ints,
    K,
    Q,
    S,
    T,
    ceiling,
    centred,
    completion,
    frobenius,
    fuzz,
    integers,
    largest,
    length,
    lift,
    near,
    root,
    side,
    spectral,
    spread,
    vectors,
)
from theory.read import load_weights
from theory.weights import MLP, Attention, Weights, named_arrays


def floats(array: np.ndarray) -> str:
    """A vector, or a list of rows, as float32 words in hexadecimal."""
    if array.ndim == 2:
        return "[" + ";\n  ".join(map(floats, array)) + "]"
    return f"floats 0x{array.astype('>f4').tobytes().hex()}" if array.size else "[]"


def signed(rows: Ints) -> str:
    """A completion, five digits an entry, without the zeros at the ends of its rows."""
    if largest(rows) >= 1 << 19:
        raise TheoryError("a matrix of the model is too large for this certificate (norm >= 128)")
    words = ["".join(f"{x + (1 << 19):05x}" for x in np.trim_zeros(row, "b")) for row in rows]
    terms = [
        f"signed {len(rows)} 0x{word}" if word else f"repeat 0%Z {len(rows)}" for word in words
    ]
    return "[" + ";\n  ".join(terms) + "]"


@dataclass(frozen=True)
class Part:
    """A block: what it can add to |P h| at most, at scale 2^-T, and its Coq terms."""

    top: int
    terms: str


def head(attention: Attention, index: int) -> Part:
    """One OV circuit: its spectral norm from rounded factors, the cost of rounding added."""
    g = vectors(attention.norm.gamma)
    wo, wv = attention.output[index], attention.value[index]
    d, width = wo.shape
    values = vectors(wv)
    rows = near(2 * T, S, values * g)
    left, right = centred(near(K, S, integers(wo))), rows - (rows.sum(1) // d)[:, None]
    circuit = near(2 * S, Q, left @ right)
    extra = completion(circuit)
    fuzziest = max(fuzz(largest(row), largest(g)) for row in values)
    u, v, hd, dh = frobenius(left), frobenius(right), side(width, d), side(d, width)
    top = (
        lift(Q, spectral(circuit, extra))
        + lift(Q + 1, side(d, d))
        + lift(S + 2 * T + 2, u * hd * fuzziest)
        + lift(2 * S + 1, u * hd)
        + lift(2 * S + 1, dh * v)
        + lift(S + 1 + 2 * T + 2, dh * hd * fuzziest)
        + lift(2 * S + 2, dh * hd)
    )
    bias = floats(attention.value_bias[index])
    terms = f"{{| wo := {floats(wo)};\n wv := {floats(wv)};\n bv := {bias} |}}"
    return Part(top, f"{terms}|extra|{signed(extra)}")


def attention_part(attention: Attention) -> Part:
    """An attention: its heads and its constant."""
    heads = [head(attention, index) for index in range(len(attention.value))]
    beta, d = integers(attention.norm.beta), attention.norm.gamma.size
    constant = integers(attention.output_bias) << 2 * K
    for wo, wv, bias in zip(attention.output, attention.value, attention.value_bias, strict=True):
        values = integers(wv) @ beta + (integers(bias) << K)
        constant = constant + integers(wo) @ values
    spherical = sum(part.top for part in heads) * root(d << 2 * T)
    top = lift(2 * T, spherical) + length(near(3 * K, T, constant)) + d
    terms, extras = zip(*(part.terms.split("|extra|") for part in heads), strict=True)
    norm = f"g_a := {floats(attention.norm.gamma)}; b_a := {floats(attention.norm.beta)}"
    rest = f"heads_a := [{'; '.join(terms)}];\n bo := {floats(attention.output_bias)}"
    return Part(top, f"AttnZ {{| {norm};\n {rest} |}}\n [{'; '.join(extras)}]")


def unit_fit(w: Ints, b: Ints, g: Ints, bias: int) -> tuple[int, int]:
    """(h, p) at scale 2^-(T + 2): the activation is u/2 + p - c/2 within h on its interval."""
    centre = near(2 * T, T, w @ b) + near(K, T, bias)
    error = lift(2 * T + 2, len(w) * fuzz(largest(w), largest(b))) + 1
    top = int(abs(centre)) + error + ceiling(w, g)
    return top + 2 * error, top + 2 * int(centre)


def mlp_part(mlp: MLP) -> Part:
    """An MLP with slope 1/2: its linear part, its middle, the image of the box that is left."""
    g, b, d, m = vectors(mlp.norm.gamma), vectors(mlp.norm.beta), mlp.norm.gamma.size, len(mlp.up)
    up, down = vectors(mlp.up), integers(mlp.down)
    units = zip(up, integers(mlp.up_bias), strict=True)
    half, middle = np.array([unit_fit(w, b, g, bias) for w, bias in units], dtype=object).T
    columns, rows = centred(near(2 * T, Q, up * g).T), centred(near(K, Q, down))
    extras = completion(columns), completion(rows)
    fuzziest = max(fuzz(largest(row), largest(g)) for row in up)
    read = lift(2 * T + 2, side(m, d) * fuzziest) + lift(Q + 1, side(m, d))
    read += lift(Q, spectral(columns, extras[0]))
    written = lift(Q, spectral(rows, extras[1])) + lift(Q + 1, side(d, m))
    constant = near(K + T + 2, T, down @ middle + (integers(mlp.down_bias) << (T + 2)))
    top = (
        lift(3 * T + 1, written * read * root(d << 2 * T))
        + length(constant)
        + d
        + lift(2 * T + 2, written * root((half * half).sum()))
    )
    norm = f"g_m := {floats(mlp.norm.gamma)}; b_m := {floats(mlp.norm.beta)}"
    first = f"w1 := {floats(mlp.up)};\n b1_m := {floats(mlp.up_bias)}"
    second = f"w2 := {floats(mlp.down)};\n b2_m := {floats(mlp.down_bias)}"
    beside = "\n ".join(map(signed, extras))
    return Part(top, f"MlpZ {{| {norm};\n {first};\n {second} |}}\n {beside}")


def refusal(weights: Weights) -> str | None:
    """None, or why there is no certificate of this kind."""
    norms = [block.norm for block in weights.blocks] + [weights.final_norm]
    if (reason := needs_bounded_stream(weights)) is not None:
        return reason
    if any(norm.kind != "layernorm" for norm in norms):
        return "the certificate speaks about pre-norm blocks and a final LayerNorm"
    if len({norm.eps for norm in norms}) > 1:
        return "the norms differ in eps"
    for name, array in named_arrays(weights):
        if not name.endswith(("eps", "alpha", "ssa")) and (array != array.astype("f4")).any():
            return f"{name} is not float32"
    return None


@dataclass(frozen=True)
class Certificate:
    """The three numbers at scale 2^-T, and the Coq file that proves them."""

    r_tot: int
    ceiling: int
    x_far: int
    text: str


def certify(weights: Weights, name: str) -> Certificate:
    """The certificate of a model; TheoryError where there is none."""
    if (reason := refusal(weights)) is not None:
        raise TheoryError(f"{name}: {reason}")
    d, final = weights.width, weights.final_norm
    parts = [
        mlp_part(block) if isinstance(block, MLP) else attention_part(block)
        for block in weights.blocks
    ]
    offsets = vectors(weights.positions) + vectors(weights.read_in_bias)
    start = max(length(row) for row in [*offsets, vectors(weights.read_in_bias)]) + 2 * d
    r_tot = start + sum(part.top for part in parts)
    speed = isqrt(spread(vectors(weights.read_in)) // d) - d
    if speed <= 0:
        raise TheoryError(f"{name}: |P w_in| is 0 or too small to certify")
    eps = int(np.ceil(final.eps * 2.0**T))
    x_far = (root(r_tot**2 + (d * eps << T)) << T) // speed + 1
    top = ceiling(vectors(weights.read_out), vectors(final.gamma))
    blocks = "".join(f"Definition block_{i} : block_z := {p.terms}.\n" for i, p in enumerate(parts))
    names = "; ".join(f"block_{i}" for i in range(len(parts)))
    fields = (
        f"w_in_z := {floats(weights.read_in)};\n b_in_z := {floats(weights.read_in_bias)};\n"
        f" pos_z := {floats(weights.positions)};\n blocks_z := [{names}];\n"
        f" w_z := {floats(weights.read_out)};\n g_z := {floats(final.gamma)};\n"
        f" b_z := {floats(final.beta)};\n"
        f" b0_z := nth 0 ({floats(np.array([weights.read_out_bias]))}) 0%Z"
    )
    exact = spread(integers(weights.read_out) * integers(final.gamma))
    digits = isqrt((exact * 10**24) >> 4 * K)
    values = {"R": r_tot, "C": top, "X": x_far, "EPS": eps, "DIGITS": digits}
    text = TEMPLATE.format(
        name=name.replace("*", "_"), blocks=blocks, fields=fields, K=K, T=T, S=S, Q=Q, **values
    )
    return Certificate(r_tot, top, x_far, text)


TEMPLATE = """(* {name}: numbers about the model, written by theory/formal/certificate.py.
   R_tot <= {R} / 2^{T}, |y - centre| <= {C} / 2^{T}, X~ <= {X} / 2^{T}. *)
Require Import Hexadecimal.
From ICL Require Certificate.
From ICL Require Import ModelCertificate Words.
Require Import ZArith List.
Import ListNotations.
Open Scope hex_uint_scope.
{blocks}Definition model : model_z := {{| {fields} |}}.
Close Scope hex_uint_scope.

Lemma checked : certified {K} {T} {S} {Q} model {EPS} {R} {C} {X} = true.
Proof. vm_cast_no_check (eq_refl true). Qed.
Theorem certificate : claims {K} {T} model {EPS} {R} {C} {X}.
Proof. apply (certified_sound {K} {T} {S} {Q}); [lia|exact checked]. Qed.

(* the ceiling's radius to twelve digits after the point *)
Lemma counted : Certificate.cert (w_z model) (g_z model) (2 ^ {K}) (2 ^ {K}) {DIGITS} = true.
Proof. vm_cast_no_check (eq_refl true). Qed.
Theorem ceiling_digits :
  IZR {DIGITS} / IZR (10 ^ 12)
    <= ceil (length (w_z model)) (vl {K} (w_z model)) (vl {K} (g_z model))
    <= IZR ({DIGITS} + 1) / IZR (10 ^ 12).
Proof. exact (Certificate.cert_sound _ _ _ _ _ counted). Qed.
"""


def main(arguments: list[str]) -> int:
    """MODEL.safetensors OUT.v: write the file, print the numbers."""
    if len(arguments) != 2:
        print("usage: python -m theory.formal.certificate MODEL.safetensors OUT.v", file=sys.stderr)
        return 2
    model, out = map(Path, arguments)
    try:
        found = certify(load_weights(model), model.name)
        partial = out.with_suffix(".partial")
        partial.write_text(found.text)
        os.replace(partial, out)
    except (TheoryError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    for name in ("r_tot", "ceiling", "x_far"):
        print(f"{name} <= {getattr(found, name) / 2**T:.9g}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
