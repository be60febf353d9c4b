import pytest
import torch

from sim.philox import normals, philox, uniforms, words

# Known answers of Random123 (kat_vectors, philox4x32 with 10 rounds).
ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip


def hexadecimal(text):
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize("counter, key, answer", ANSWERS)
def test_known_answers(counter, key, answer):
    found = philox(
        torch.tensor(hexadecimal(counter))[:, None], (int(key[:8], 16), int(key[9:], 16))
    )
    assert found.flatten().tolist() == hexadecimal(answer)


def test_streams_differ_in_every_argument_and_also_beyond_32_bits():
    places = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (2**32, 0, 0), (0, 0, 2**32)]
    streams = torch.stack([words(64, *place) for place in places])
    assert len(streams.unique()) == streams.numel()
    assert torch.equal(words(10, 3, 1, 7), words(64, 3, 1, 7)[:10])
    assert torch.equal(words(10, 3, 1, torch.tensor(7)), words(10, 3, 1, 7))


def test_uniforms_and_normals_have_their_moments():
    count = 200_000
    u, z = uniforms(count, 0, 0, 0), normals(count, 0, 0, 0)
    assert 0 < u.min() and u.max() < 1
    # Five standard errors of each mean.
    for sample, mean, variance in [(u, 1 / 2, 1 / 12), (z, 0, 1), (z**2, 1, 2), (z**4, 3, 96)]:
        assert abs(sample.mean() - mean) < 5 * (variance / count) ** 0.5
    assert abs((z[: count // 2] * z[count // 2 :]).mean()) < 5 / (count // 2) ** 0.5
