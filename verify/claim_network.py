"""N1 on trained models: how far the blocks can carry the stream from the query's own ray."""

import torch
from torch import Tensor

from theory.anatomy import centred
from theory.blocks import residual_centre, residual_radius
from verify.attack import attack, begin
from verify.claims import claim
from verify.far import contexts, reference
from verify.passes import SEED
from verify.rounding import double_slack

LARGEST = 1e3


def departure(model, tokens: Tensor) -> Tensor:
    """|Q h_T - Q w_in z_T - k_T| / rho_T at the last token T, float64."""
    weights, position = model.weights, tokens.shape[1] - 1
    w_in = torch.tensor(weights.read_in)
    moved = reference(model).residual(tokens)[:, -1] - tokens[:, -1:] * w_in
    if centred(weights):
        moved = moved - moved.mean(dim=-1, keepdim=True)
    centre = torch.tensor(residual_centre(weights).mid[position])
    return (moved - centre).norm(dim=-1) / float(residual_radius(weights)[position])


@claim(
    "N1",
    "the blocks add no more than their certificate",
    mutants=("block norms skipped", "radius / 10"),
)
def claim_N1_blocks_add_no_more_than_their_certificate(model, record, twist):
    """Sampled and attacked prompts with tokens up to 10^3, every position of short prompts."""
    worst, factor = (0.0, [], 0), 10.0 if twist else 1.0
    points = min(4, (model.context + 1) // 2)
    start = begin(48, points, SEED, reach=LARGEST).double()
    rounds = ((0.3, 10), (0.1, 10))
    found = attack(lambda z: departure(model, z), start, SEED, rounds=rounds, reach=LARGEST)
    for tokens in (*contexts(model), found.tokens):
        with torch.no_grad():
            ratio = factor * departure(model, tokens.clamp(-LARGEST, LARGEST))
        at = int(ratio.nan_to_num(nan=torch.inf).argmax())
        if not float(ratio[at]) <= worst[0]:
            worst = (float(ratio[at]), tokens[at].tolist(), tokens.shape[1] - 1)
    ratio, prompt, position = worst
    radius = float(residual_radius(model.weights)[position])
    # h and w_in z are subtracted: both as large as the largest token
    stream = LARGEST * float(torch.tensor(model.weights.read_in).norm()) + radius
    slack = double_slack(4 * model.weights.width * (len(model.weights.blocks) + 1)) * stream
    holds = ratio * radius <= radius + slack
    at = {"position": position}
    record(bound=radius, attained=ratio * radius, slack=slack, holds=holds, at=at)
    where = {"curve": "tightness", "where": "sampled and attacked prompts"}
    record(bound=radius, attained=ratio * radius, holds=holds, series=True, at=where)
    assert holds, record.violation(prompt, radius, ratio * radius)
