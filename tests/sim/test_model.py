"""The transformer against Hugging Face's, against itself, and against what its formulas say."""

from dataclasses import replace
from itertools import cycle, product

import pytest
import torch
from torch import nn

from sim.attention import causal_mask, mixing
from sim.config import Model, Train
from sim.errors import UserError
from sim.model import Transformer
from sim.norms import norm
from sim.presets import PRESETS
from sim.trainer import Trainer

NORMS = ("layernorm", "rmsnorm", "dyt", "none")
SCORES = ("softmax", "hardmax", "ssa", "sigmoid", "linear")
SMALL = Model(width=8, layers=2, points=5)


def prompt(batch=3, points=5, scale=1.0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    drawn = scale * torch.randn(2, batch, points, generator=generator, dtype=torch.float64)
    return drawn.to(dtype).unbind(0)


def roughened(config, seed=0):
    """A model whose biases and norms are not at their initial zeros and ones."""
    model = Transformer(config, seed)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def hugging_face(model):
    """GPT2Model with the same weights, between the same read-in and read-out."""
    transformers = pytest.importorskip("transformers", reason="the oracle of this test only")
    config = model.config
    gpt = transformers.GPT2Model(
        transformers.GPT2Config(
            n_positions=model.rows, n_embd=config.width, n_layer=config.layers,
            n_head=config.heads, layer_norm_epsilon=config.eps, vocab_size=1, use_cache=False,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, attn_implementation="eager",
        )
    )  # fmt: skip
    state = {"wpe.weight": model.positions.weight, "wte.weight": torch.zeros(1, config.width)}
    for kind in ("weight", "bias"):
        state[f"ln_f.{kind}"] = getattr(model.final_norm, kind)
        for i, block in enumerate(model.blocks):
            attention, mlp = block.attention, block.mlp
            maps = (attention.query, attention.key, attention.value)
            parts = {
                "ln_1": getattr(block.norm1, kind), "ln_2": getattr(block.norm2, kind),
                "attn.c_attn": torch.cat([getattr(m, kind) for m in maps]),
                "attn.c_proj": getattr(attention.output, kind),
                "mlp.c_fc": getattr(mlp.up, kind), "mlp.c_proj": getattr(mlp.down, kind),
            }  # fmt: skip
            for name, value in parts.items():
                turned = kind == "weight" and not name.startswith("ln")
                state[f"h.{i}.{name}.{kind}"] = value.T if turned else value
    gpt.load_state_dict({name: value.detach().float() for name, value in state.items()})
    return gpt.eval()


@torch.no_grad()
def test_the_reference_case_is_gpt2_to_rounding():
    model = roughened(Model(width=32, layers=3, heads=4, points=6))
    gpt = hugging_face(model)
    tokens = torch.stack(prompt(points=6, scale=2.0), dim=-1).flatten(1)[:, :-1]

    def theirs(net, tokens):
        hidden = gpt(inputs_embeds=net.read_in(tokens.unsqueeze(-1))).last_hidden_state
        return net.read_out(hidden).squeeze(-1)

    ours32, theirs32 = model.tokens(tokens), theirs(model, tokens)
    model, gpt = model.double(), gpt.double()
    ours, reference = model.tokens(tokens.double()), theirs(model, tokens.double())
    size = reference.abs().max()
    assert (ours - reference).abs().max() < 2.0**-44 * size
    # neither rounds more than the other, up to a factor 4
    error, allowed = (ours32 - reference).abs().max(), (theirs32 - reference).abs().max()
    assert error < 4 * allowed + 2.0**-20 * size


def trimmed_and_whole(model, dtype):
    """Predictions with what nobody reads left out of the last block, and with everything."""
    xs, ys = prompt(points=model.config.points, dtype=dtype)
    whole = model.to(dtype).tokens(torch.stack([xs, ys], dim=-1).flatten(1)[:, :-1])
    return model.plain(xs, ys), whole[:, ::2]


@pytest.mark.parametrize(
    "change",
    [{}, {"width": 64, "points": 41}, {"layers": 1, "mlp": False}, {"norm_position": "post"},
     {"score": "ssa"}, {"score": "hardmax"}, {"block_norm": "none"}, {"residual": False}],
    ids=str,
)  # fmt: skip
@torch.no_grad()
def test_what_is_trimmed_is_what_nobody_reads(change):
    model = roughened(replace(SMALL, **change))
    # not bit for bit: products of other shapes are summed in another order (on some CPUs)
    for dtype, allowed in ((torch.float64, 2.0**-44), (torch.float32, 2.0**-15)):
        trimmed, whole = trimmed_and_whole(model, dtype)
        assert (trimmed - whole).abs().max() < allowed * whole.abs().max()


@torch.no_grad()
def test_the_trim_changes_nothing_at_all_where_arithmetic_is_exact():
    config = replace(
        SMALL, score="linear", activation="relu", block_norm="none", final_norm="none", layers=1
    )
    model = Transformer(config)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.copy_(torch.randint(-4, 5, parameter.shape, generator=generator) / 4)
    xs, ys = torch.randint(-4, 5, (2, 9, 5), generator=generator).double() / 4
    model.double()
    whole = model.tokens(torch.stack([xs, ys], dim=-1).flatten(1)[:, :-1])
    assert torch.equal(model.plain(xs, ys), whole[:, ::2])
    assert whole.unique().numel() > 20


def every_architecture():
    """Norms x scores x pre/post x packed; the other switches take turns."""
    turns = cycle(product((True, False), (True, False), ("learned", "none"), NORMS))
    for block, score, place, packed in product(NORMS, SCORES, ("pre", "post"), (False, True)):
        mlp, residual, positions, final = next(turns)
        yield replace(
            SMALL, block_norm=block, score=score, norm_position=place, packed=packed, mlp=mlp,
            residual=residual, positions=positions, final_norm=final,
        )  # fmt: skip


def test_every_architecture_runs_is_causal_and_learns():
    xs, ys = prompt()
    later = torch.cat([xs[:, :3], 9 * xs[:, 3:]], 1), torch.cat([ys[:, :2], 9 * ys[:, 2:]], 1)
    for config in every_architecture():
        trainer = Trainer(Train(model=config, batch=3, steps=4))
        with torch.no_grad():
            out, other = trainer.model(xs, ys), trainer.model(*later)
        assert out.shape == ys.shape and torch.isfinite(out).all(), config
        assert torch.equal(out[:, :3], other[:, :3]), config
        before = {name: p.detach().clone() for name, p in trainer.named.items()}
        assert torch.isfinite(trainer.advance(0)), config
        for name, parameter in trainer.named.items():
            # a hard maximum has no slope; a bias of the keys shifts all scores of a query alike
            still = config.score == "hardmax" and ("query" in name or "key" in name)
            if config.score == "softmax" and name.endswith("key.bias"):
                continue
            assert torch.equal(parameter, before[name]) == still, (name, config)


def test_scores_are_what_their_formulas_say():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 4, 4, generator=generator, dtype=torch.float64)
    visible = causal_mask(4)
    b, n = torch.tensor(1.7, dtype=torch.float64), torch.tensor(2.3, dtype=torch.float64)
    weight = {
        "softmax": scores.exp(),
        "ssa": (1 + b * scores.abs()) ** (n * scores.sign()),
        "sigmoid": 1 / (1 + (-scores).exp()),
        "linear": scores,
    }
    for kind, value in weight.items():
        expected = value * visible
        if kind in ("softmax", "ssa"):
            expected = expected / expected.sum(-1, keepdim=True)
        torch.testing.assert_close(mixing(kind, scores, visible, (b, n)), expected)
    # the hard maximum is where softmax goes as the scores grow; ties are shared
    hard = mixing("hardmax", scores, visible)
    torch.testing.assert_close(hard, mixing("softmax", 1e6 * scores, visible))
    shared = mixing("hardmax", torch.zeros(1, 3, 3), causal_mask(3))
    torch.testing.assert_close(shared[0, 2], torch.full((3,), 1 / 3))
    assert torch.equal(causal_mask(5, 2), causal_mask(5)[::2])


def test_norms_are_what_their_formulas_say():
    h = torch.randn(7, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    centred = h - h.mean(-1, keepdim=True)
    expected = {
        "layernorm": centred / (centred.square().mean(-1, keepdim=True) + 1e-3).sqrt(),
        "rmsnorm": h / (h.square().mean(-1, keepdim=True) + 1e-3).sqrt(),
        "dyt": torch.tanh(0.5 * h),
        "none": h,
    }
    for kind in NORMS:
        torch.testing.assert_close(norm(kind, 8, 1e-3).double()(h), expected[kind])
    # all scales are one to LayerNorm, and DyT is bounded: what the theory is about
    bare = norm("layernorm", 8, 0.0).double()
    assert torch.equal(bare(2 * h), bare(h))
    assert norm("dyt", 8, 0.0).double()(1e9 * h).abs().max() <= 1


@torch.no_grad()
def test_a_model_without_blocks_reads_out_what_it_read_in():
    model = roughened(replace(SMALL, layers=0, final_norm="none", positions="none")).double()
    xs, ys = prompt(dtype=torch.float64)
    slope = (model.read_out.weight @ model.read_in.weight).item()
    offset = (model.read_out.weight @ model.read_in.bias + model.read_out.bias).item()
    torch.testing.assert_close(model(xs, ys), slope * xs + offset)


@torch.no_grad()
def test_the_equivariant_model_scales_by_powers_of_two_exactly():
    model = roughened(replace(SMALL, equivariant=True))
    xs, ys = prompt()
    scaled = model(2.0**7 * xs, 2.0**-9 * ys)
    assert torch.equal(scaled, 2.0**-9 * model(xs, ys))
    assert not torch.equal(model.plain(xs, 4 * ys), 4 * model.plain(xs, ys))


def test_initial_values_are_a_function_of_the_seed():
    config = Model(width=64, layers=2)
    one, same, other = Transformer(config, 1), Transformer(config, 1), Transformer(config, 2)
    for (name, a), b, c in zip(
        one.named_parameters(), same.parameters(), other.parameters(), strict=True
    ):
        assert torch.equal(a, b)
        drawn = name.endswith("weight") and "norm" not in name
        assert torch.equal(a, c) != drawn
        if drawn and a.numel() > 1000:
            less = 10 if name.endswith(("output.weight", "down.weight")) else 1
            expected = a.shape[1] ** -0.5 / less
            # five standard errors of a standard deviation
            assert abs(a.std() / expected - 1) < 5 / (2 * a.numel()) ** 0.5


def test_the_paper_preset_is_as_large_as_the_paper_says(monkeypatch):
    monkeypatch.setattr(Transformer, "initialise", lambda self, seed: None)
    # 9,530,113 with the 202 positions of the authors' code
    model = Transformer(replace(PRESETS["paper"].model, context=202))
    assert sum(parameter.numel() for parameter in model.parameters()) == 9_530_113


def test_a_prompt_longer_than_the_positions_is_refused_and_context_makes_room():
    xs, ys = prompt(points=7)
    with pytest.raises(UserError, match=r"13 tokens, but the model has 9 .* --model.context"):
        Transformer(SMALL)(xs, ys)
    assert Transformer(replace(SMALL, context=13))(xs, ys).shape == (3, 7)
    assert Transformer(replace(SMALL, packed=True)).rows == 5
    assert isinstance(Transformer(SMALL).read_in, nn.Linear)
