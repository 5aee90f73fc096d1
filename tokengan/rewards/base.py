"""What every reward is: a judgement of whole sequences.

Axes: B batch, T time.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from tokengan.sequences import Sequences

__all__ = ["Reward"]


class Reward(nn.Module):
    """Judges sequences; higher is better. Holds no network: those it reads are handed over as `players`.

    Attributes:
        needs: Which players it reads (`discriminator`). A method trains no discriminator that nobody reads.
        alone: Whether it judges each sequence by itself, so that one judged before need not be judged again.
    """

    alone: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset()

    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return the judgement [B], float32, without gradient."""
        raise NotImplementedError
