"""Kept prompts: each belongs to a model of the zoo and says there what the search saw."""

import json
from dataclasses import replace

import pytest
import torch

from verify.kept import PROMPTS, kept, read
from verify.subject import answer, load_subject
from verify.zoo import FOLDER, entries
from verify.zoo import search as zoo_search
from verify.zoo.search import keep, main


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty file in place of the zoo's."""
    path = tmp_path / "prompts.jsonl"
    monkeypatch.setattr(zoo_search, "PROMPTS", path)
    monkeypatch.setattr(zoo_search, "read", lambda: read(path))
    return path


def test_every_kept_prompt_is_of_a_model_as_it_is_committed():
    hashes = {entry.name: entry.sha256 for entry in entries()}
    assert read()
    for prompt in read():
        assert hashes[prompt.model].startswith(prompt.model_hash), prompt.model
        assert len(prompt.tokens) % 2 == 1


def test_a_kept_prompt_says_again_what_the_search_saw():
    model = load_subject(FOLDER / "attention-only-1-0.safetensors")
    for bound, double in (("L2", False), ("N9", True)):
        seen = [k.reached for k in read() if k.model == model.name and k.bound == bound]
        prompts = kept(model, bound)
        assert prompts and len(prompts) == len(seen)
        network = model.reference() if double else model.network
        for tokens, reached in zip(prompts, seen, strict=True):
            with torch.no_grad():
                y = float(answer(network, tokens if double else tokens.float()))
            # float32 sums differ from machine to machine; the prompts' nine digits move y less
            assert y == pytest.approx(reached, rel=1e-4)


def test_other_models_have_none():
    model = load_subject(FOLDER / "attention-only-1-0.safetensors")
    assert kept(replace(model, hash="another"), "L2") == []


def test_prompts_of_a_model_take_the_place_of_its_old_ones(elsewhere):
    first, other = read(PROMPTS)[0], read(PROMPTS)[-1]
    assert first.model != other.model
    keep([other])
    keep([first])
    keep([replace(first, reached=7.0)])
    kept_now = [json.loads(line) for line in elsewhere.read_text().splitlines()]
    assert [(k["model"], k["reached"]) for k in kept_now] == [
        (first.model, 7.0),
        (other.model, other.reached),
    ]


def test_an_unknown_model_is_one_line_and_exit_2(capsys):
    assert main(["nobody"]) == 2
    assert "no zoo model 'nobody'" in capsys.readouterr().err
