"""The theorems' plain statements as runs of type: letters italic, indices down, powers up.

A statement is written to be read in a terminal ("|y - c| ≤ R = sqrt(d)|P(gamma*w)|"); here it
becomes a list of [kind, text] with kind "roman", "italic", "sub" or "super", which Typst sets
without having to parse anything.
"""

import re

GREEK = {
    "alpha": "α", "al": "α", "beta": "β", "gamma": "γ", "delta": "δ", "del": "δ", "eps": "ε",
    "theta": "θ", "th": "θ", "kappa": "κ", "kap": "κ", "lam": "λ", "lambda": "λ", "mu": "μ",
    "pi": "π", "rho": "ρ", "sig": "σ", "sigma": "σ", "tau": "τ", "phi": "φ", "psi": "ψ",
    "Gamma": "Γ", "Psi": "Ψ", "Phi": "Φ", "Sigma": "Σ",
}  # fmt: skip
# a letter, without the powers ² and ³, which Unicode counts among them
L = r"[^\W\d_²³]"
ALONE = rf"(?<!{L})({L}\d?)"
BEFORE_GREEK = (
    (r"\bgamma\*(\w)", r"γ∘\1"),
    (r"->", "→"),
    (r"<=", "≤"),
    (r">=", "≥"),
    (r"(?<=→ )([±+-]?)inf\b", r"\1∞"),
    (r"(?<=[_^±])inf\b", "∞"),
    (r"\bsqrt\(([^\W_])\)", r"√\1"),
    (r"\bsqrt\(", "√("),
    (r"\bsqrt ", "√"),
    (r"\bBm\b", "B_m"),
    (r"\bB([+±-])(?=[\s,.;:)|\]]|$)", r"B_\1"),
)
AFTER_GREEK = (
    (rf"({L})~", "\\1\u0303"),
    (rf"{ALONE}\^(?=[\s,.;:)|]|$)", "\\1\u0302"),
    (rf"{ALONE}\.(?={L})", r"\1·"),
    (r"\)\.\(", ")·("),
    (r"(?<=[\s(|\[^,=±_])-(?=[\w(|∞√{])", "−"),
    (r"(?<=\s)-(?=\s)", "−"),
    (r"(?<=[\w)|\]])-(?=\d)", "−"),
    (r"(?<=[)\]])-(?=[\w(])", "−"),
    (rf"{ALONE}-(?={L}\d?(?!{L}))", r"\1−"),
    (r"(?<=B_)-", "−"),
    (r"(?<=[\w)]) \* (?=[\w(])", " · "),
)
# an index or a power: a bracket, or signs, letters and digits
SCRIPT = re.compile(
    rf"([_^])(\((?:[^()]|\([^()]*\))*\)|[−+±]?(?:{L}|\d)+(?:,[a-z]\b)?(?:_[a-z]\b)?[−+]?|[−+±∞])"
)
TOKEN = re.compile(rf"{L}+[\u0302\u0303]?|.", re.DOTALL)
ID = re.compile(r"\b[LSNGWPF]\d+\b'*")
PRODUCTS = re.compile(r"P[a-z]|ΓP|tv|tz|kr|zz|λu")
ROMAN = frozenset("ℓΣΠ")
LOWERED = dict(zip("0123456789aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))


def signs(text: str) -> str:
    """ASCII spellings as the signs that they mean."""
    for pattern, replacement in BEFORE_GREEK:
        text = re.sub(pattern, replacement, text)
    text = re.sub(rf"(?<!{L})[A-Za-z]+(?!{L})", lambda m: GREEK.get(m[0], m[0]), text)
    for pattern, replacement in AFTER_GREEK:
        text = re.sub(pattern, replacement, text)
    return text


def is_variable(text: str, start: int, token: str) -> bool:
    """A single letter that is no article, no label such as (a), no genitive s, no Σ."""
    if PRODUCTS.fullmatch(token):
        return True
    before, after = text[:start], text[start + len(token) :]
    if len(token.strip("\u0302\u0303")) != 1 or not token[0].isalpha() or token in ROMAN:
        return False
    article = token in "aAI" and re.match(rf" {L}{{2,}}", after)
    label = after.startswith(")") and re.search(r"\s\($", before)
    return not (article or label or before.endswith("'"))


def letters(text: str) -> list[list[str]]:
    """Runs of one level: variables italic, a0 with an index, ids and all else roman."""
    found: list[list[str]] = []

    def add(kind: str, piece: str) -> None:
        if found and found[-1][0] == kind:
            found[-1][1] += piece
        elif piece:
            found.append([kind, piece])

    end = 0
    for id_ in [*ID.finditer(text), None]:
        part = text[end : id_.start() if id_ else len(text)]
        for match in TOKEN.finditer(part):
            token, last = match[0], found[-1][0] if found else ""
            if is_variable(part, match.start(), token):
                add("italic", token)
            elif token in "²³":
                add("super", str("²³".index(token) + 2))
            elif token.isdigit() and last == "italic" and part[match.start() - 1 :][:1].isalpha():
                add("sub", token)
            else:
                add("roman", token)
        if id_:
            add("roman", id_[0])
            end = id_.end()
    return found


def runs(text: str) -> list[list[str]]:
    """The statement as [kind, text] runs."""
    # a blank in front, so that a piece that begins with "(" is told from a statement that does
    text, found, end = " " + signs(text), [], 0
    for match in SCRIPT.finditer(text):
        found += letters(text[end : match.start()])
        script = match[2]
        inner = script[1:-1] if script.startswith("(") else script
        inner = re.sub("_([0-9a-z])", lambda m: LOWERED.get(m[1], m[0]), inner)
        found.append(["sub" if match[1] == "_" else "super", inner])
        end = match.end()
    found += letters(text[end:])
    return [["roman", found[0][1].lstrip()], *found[1:]]
