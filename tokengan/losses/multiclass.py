"""K real classes and one of fakes: LabelGAN, AM-GAN and SentiGAN's discriminator.

Axes: B batch, K real classes. Class K, the last, is "generated".
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, logsigmoid

from tokengan.discriminators.base import Judged, real_logit
from tokengan.losses.base import AdversarialLoss, output_of, verdict

__all__ = ["Multiclass", "Target", "labels_of", "target_logp"]

Target = Literal["given", "dynamic", "any"]


def labels_of(judged: Judged, classes: int) -> Tensor:
    """Return the labels [B], `x.condition["label"]`, each below `classes`. Raises ValueError where there are none."""
    labels = judged.x.condition.get("label")
    if labels is None:
        raise ValueError('the multi-class loss reads labels, x.condition["label"], and these sequences have none')
    # One label too many would be the class of fakes.
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        span = f"{int(labels.min())} to {int(labels.max())}"
        raise ValueError(f"labels go from {span}, but the discriminator has {classes} real classes, from 0")
    return labels


def target_logp(judged: Judged, target: Target) -> Tensor:
    """Return log p of the class [B] that each sequence should look like; `any` is log D_r, of any real one.

    >>> from tokengan.sequences import Sequences
    >>> x = Sequences(torch.ones(1, 1).long(), torch.ones(1, 1).bool(), condition={"label": torch.tensor([0])})
    >>> judged = Judged({"class_logits": torch.tensor([[0.3, 0.2, 0.5]]).log()}, x)
    >>> [round(target_logp(judged, target).exp().item(), 2) for target in ("given", "dynamic", "any")]
    [0.3, 0.3, 0.5]
    """
    logits = output_of(judged, "class_logits")
    if target == "any":
        return logsigmoid(real_logit(logits))
    # The fake class is never the target, however likely it is.
    labels = labels_of(judged, logits.shape[1] - 1) if target == "given" else logits[:, :-1].argmax(1)
    return logits.log_softmax(1).gather(1, labels.unsqueeze(1)).squeeze(1)


class Multiclass(AdversarialLoss):
    """D minimises (E_real -log p_y + E_fake -log p_fake) / 2, p the softmax over K + 1 classes; G has three choices.

    Salimans et al. 2016 (section 5), Zhou et al. 2018 (AM-GAN), Wang & Wan 2018 (SentiGAN). With
    K = 1 it is the two-class game, `NonSaturating` with the same smoothing.

    >>> from tokengan.sequences import Sequences
    >>> ones = torch.ones(2, 1)
    >>> x = Sequences(ones.long(), ones.bool(), condition={"label": torch.tensor([0, 1])})
    >>> undecided = Judged({"class_logits": torch.zeros(2, 3)}, x)
    >>> [round(Multiclass().discriminator(undecided, undecided)[0].item(), 4)]       # log 3
    [1.0986]
    """

    needs: ClassVar[frozenset[str]] = frozenset({"class_logits"})
    gives: ClassVar[frozenset[str]] = frozenset({"classes"})

    def __init__(self, target: Target = "given", penalty: bool = False, smoothing: float = 0.0) -> None:
        """Keep the settings.

        Args:
            target: Which class G's sequences should look like. `given`: their label (AM-GAN, predefined labelling);
                `dynamic`: the real class that D finds likeliest (AM-GAN, dynamic labelling), which needs no labels;
                `any` real one, -log D_r (LabelGAN), neither.
            penalty: G minimises 1 - p of its target, SentiGAN's penalty, in place of -log p.
            smoothing: A real sequence's class gets the target 1 - smoothing, the K others share the rest; fakes keep
                theirs.
        """
        super().__init__()
        if not 0 <= smoothing < 0.5:
            raise ValueError(f"smoothing must lie in [0, 0.5), not be {smoothing}")
        self.target: Target = target
        self.penalty, self.smoothing = penalty, smoothing

    def discriminator(self, real: Judged, fake: Judged) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean cross-entropy, the accuracy of real against fake, and that of the labels of real ones."""
        reals, fakes = output_of(real, "class_logits"), output_of(fake, "class_logits")
        classes = reals.shape[1] - 1
        labels = labels_of(real, classes)
        written = torch.full((len(fakes),), classes, device=fakes.device)
        # PyTorch's smoothing gives a share to the right class too.
        spread = self.smoothing * (classes + 1) / classes
        loss = (cross_entropy(reals, labels, label_smoothing=spread) + cross_entropy(fakes, written)) / 2
        right = reals[:, :-1].argmax(1) == labels
        accuracy = verdict(real_logit(reals.detach()), real_logit(fakes.detach()))
        return loss, accuracy | {"class_accuracy": right.float().mean()}

    def generator(self, fake: Judged, real: Judged | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return E -log p of the target class, or its penalty, and the mean of D_r."""
        del real
        logp = target_logp(fake, self.target)
        loss = -logp.expm1().mean() if self.penalty else -logp.mean()
        return loss, {"D_fake": real_logit(output_of(fake, "class_logits").detach()).sigmoid().mean()}
