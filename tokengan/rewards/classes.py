"""The probability of a class under a discriminator with one for each label (LabelGAN, AM-GAN, SentiGAN).

Axes: B batch, K labels.
"""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor

from tokengan.discriminators.base import Judged
from tokengan.losses.multiclass import Target, target_logp
from tokengan.rewards.base import Reward, judgement
from tokengan.sequences import Sequences

__all__ = ["ClassProbability", "LabelProbability"]

Form = Literal["probability", "log"]


class ClassProbability(Reward):
    """R(x) = p_y(x), y the class that a sequence should look like, or log p_y(x); p the softmax over K + 1 classes.

    1 - p_y also counts that a sequence looks like another label: SentiGAN's penalty (Wang & Wan 2018). With the
    logarithm the expected policy gradient is that of the losses of LabelGAN (`any`: p_y is D_r, the sum of all real
    classes) and AM-GAN (Zhou et al. 2018).
    """

    needs = frozenset({"discriminator"})
    reads = frozenset({"classes"})
    outputs = frozenset({"class_logits"})

    def __init__(self, target: Target = "any", form: Form = "probability", limit: float = 5.0) -> None:
        """Set the reward.

        Args:
            target: `any` real class; `dynamic`: the real class that D finds likeliest; `given`: the label that the
                sequence was written for (predefined labelling).
            form: The probability, or its logarithm.
            limit: The logarithm goes no further down than this: a D that is sure would make one sequence the update.
        """
        super().__init__()
        self.target: Target = target
        self.form: Form = form
        self.limit = limit

    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return p_y or log p_y [B]."""
        logits = judgement(x, players, "class_logits")
        logp = target_logp(Judged({"class_logits": logits}, x), self.target)
        likeliest = logits[:, :-1].argmax(1)
        for k in range(logits.shape[1] - 1):  # where one class takes all, dynamic labels have collapsed
            self.note(f"share_of_class_{k}", (likeliest == k).float())
        return logp.exp() if self.form == "probability" else logp.clamp(min=-self.limit)


class LabelProbability(ClassProbability):
    """R(x) = p_y(x) of the label that x was written for: one minus SentiGAN's penalty."""

    def __init__(self, form: Form = "probability", limit: float = 5.0) -> None:
        """Set the form (`ClassProbability`)."""
        super().__init__("given", form, limit)
