"""What every reward is: a judgement of sequences.

Axes: B batch, T time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tokengan.errors import UserError
from tokengan.modes import evaluating
from tokengan.rewards.notes import Noting
from tokengan.sequences import Sequences

__all__ = ["Reward", "judgement"]


class Reward(Noting):
    """Judges sequences; higher is better. Holds no network: those it reads are handed over as `players`.

    A class says what holds for all its instances; a reward made of other rewards says it anew for each instance.

    Attributes:
        needs: What it reads of the players: `discriminator`, or `oracle`, the known law of the data. A method trains no
            discriminator that nobody reads.
        reads: What the discriminator's judgement must mean, as a loss `gives` it: `log_odds`, `score` or `ranks`.
        outputs: Which of the discriminator's outputs it reads (`logits`, `features`, `logp`, `token_logits`).
        alone: Whether it judges each sequence by itself, so that one judged before need not be judged again.
            Otherwise a sequence is judged among the rows of its own copy (`x.copies` blocks of rows).
        per_step: Whether it gives a judgement of every token [B,T], which is then summed by the credit.
    """

    alone: bool = True
    per_step: bool = False
    needs: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self.register_forward_hook(_in_floats)

    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return the judgement [B], or [B,T] where it is `per_step`: floating point, without gradient.

        Whoever calls the reward gets counts and truth values as float32: baselines and ranks of whole numbers would be
        cut to whole numbers.
        """
        raise NotImplementedError


def _in_floats(reward: Reward, asked: Any, values: Tensor) -> Tensor:
    del reward, asked
    return values if values.is_floating_point() else values.float()


@torch.no_grad()
def judgement(x: Sequences, players: Any, output: str = "logits") -> Tensor:
    """Return one output of the discriminator, dropout off, without gradient, float32 (float64 stays).

    Raises UserError where the discriminator has no such output.
    """
    with evaluating(players.discriminator):
        outputs = players.judge(x).outputs
    if output not in outputs:
        name = type(players.discriminator).__name__
        raise UserError(
            f"the reward reads '{output}' of the discriminator, and {name} gives {', '.join(sorted(outputs))}: choose "
            "another discriminator or another reward"
        )
    value = outputs[output]
    return value if value.dtype == torch.float64 else value.float()
