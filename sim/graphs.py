"""A whole step as one CUDA graph: the GPU gets one launch instead of some hundred.

NOT MEASURED: written without a GPU at hand, and tested on a CPU only as far as that goes.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from sim.trainer import Trainer

WARM_UP = 3  # steps before a capture: lazy initialisations, compilation, the choice of algorithms


class Graphs:
    """trainer.update, captured once for every length of the prompts and replayed.

    The rate is a tensor that the graph reads, the prompts are copied to where it expects them. One
    graph at a time: lengths only grow, and all graphs share one pool of memory.
    """

    def __init__(self, trainer: Trainer) -> None:
        """Nothing is captured before the first step."""
        self.trainer, self.pool = trainer, torch.cuda.graph_pool_handle()
        self.replay: Callable[[], None] | None = None
        self.prompts = (torch.empty(0), torch.empty(0))
        self.loss = torch.empty(0)

    def __call__(
        self, xs: Float[Tensor, "*k b n"], ys: Float[Tensor, "*k b n"]
    ) -> Float[Tensor, "*k"]:
        """The step on these prompts."""
        if self.replay is None or self.prompts[0].shape != xs.shape:
            self.prompts = (xs.clone(), ys.clone())
            self.capture()
        for here, new in zip(self.prompts, (xs, ys), strict=True):
            here.copy_(new)
        assert self.replay is not None
        self.replay()
        return self.loss.clone()

    def capture(self) -> None:
        """Warm up, put the state back as it was, record."""
        state = self.trainer.tensors()
        before = {name: tensor.detach().clone() for name, tensor in state.items()}
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                self.trainer.update(*self.prompts)
        torch.cuda.current_stream().wait_stream(side)
        with torch.no_grad():
            for name, tensor in state.items():
                tensor.copy_(before[name])
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            self.loss = self.trainer.update(*self.prompts)
        self.replay = graph.replay
