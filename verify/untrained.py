"""Weights of models that were never trained, for theorems about all weights."""

import dataclasses

import numpy as np
import torch

from sim.config import Model
from sim.model import Transformer
from sim.philox import normals
from theory import Weights
from theory.read import weights_from_tensors

BIASES = 5000  # Philox streams far from those of the initial values


def untrained(config: Model, seed: int) -> Weights:
    """The initial model of this seed with normal biases, so that nothing is 0 by convention."""
    network = Transformer(config, seed)
    tensors: dict[str, np.ndarray] = {}
    for index, (name, parameter) in enumerate(network.named_parameters()):
        value = parameter.detach()
        if name.endswith("bias"):
            drawn = normals(value.numel(), seed, BIASES + index, 0).reshape(value.shape)
            value = 0.3 * drawn.to(torch.float32)
        tensors[name] = value.numpy()
    return weights_from_tensors(tensors, dataclasses.asdict(config))
