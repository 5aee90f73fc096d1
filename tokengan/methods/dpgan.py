"""DPGAN: a diversity-promoting GAN (Xu, Ren, Lin & Sun, EMNLP 2018): novelty is what a language model did not expect.

Axes: B batch, T time.
"""

from __future__ import annotations

from typing import Any

import torch

from tokengan.discriminators.base import Discriminator
from tokengan.discriminators.language_model import LanguageModelDiscriminator
from tokengan.estimators.credit import Credit, Discounted
from tokengan.losses.base import AdversarialLoss
from tokengan.losses.surprise import Surprise
from tokengan.methods.base import Moves
from tokengan.methods.pool import Pool
from tokengan.methods.presets_dpgan import DPGAN_PRESETS, DPGAN_USUAL
from tokengan.methods.seqgan import SeqGAN
from tokengan.optimiser import Optimiser
from tokengan.rewards.base import Reward
from tokengan.rewards.language_model import LanguageModel, Words
from tokengan.sampling.decoding import Decoding
from tokengan.sequences import Sequences
from tokengan.spec import Net, New
from tokengan.tasks.base import Task

__all__ = ["DPGAN"]


class DPGAN(SeqGAN):
    """D is a language model of G's text; what it finds surprising is rewarded, word by word and as a whole.

    Each policy step on samples is followed by a step on the real rows of the same batch (for pairs: the real replies to
    the same messages), each token weighed by its surprise: a reward-weighted likelihood, which holds G at the data.
    """

    presets = DPGAN_PRESETS
    usual = DPGAN_USUAL

    def __init__(
        self,
        task: Task,
        discriminator: Net[Discriminator] = LanguageModelDiscriminator,
        reward: New[Reward] = LanguageModel,
        credit: New[Credit] = Discounted,
        loss: New[AdversarialLoss] = Surprise,
        teacher: New[Reward] = Words,
        teacher_steps: int = 1,
        pool: int | None = None,
        drawn: int | None = None,
        d_rounds: int = 5,
        d_steps: int = 1,
        d_epochs: int = 5,
        teacher_optimiser: Optimiser = Optimiser(lr=1e-3),
        discriminator_optimiser: Optimiser = Optimiser(lr=1e-3),
        **rest: Any,
    ) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            discriminator: Factory of the language model D.
            reward: What words and sentences are worth: `reward.level` word, sentence or their product.
            credit: What each token is worth: the discounted sum of what is to come, `credit.gamma`.
            loss: The game D plays.
            teacher: What a real token weighs in the steps on real sequences: its word reward; `constant` for plain
                likelihood.
            teacher_steps: Steps on real sequences after each policy step; 0 for none.
            pool: Most samples, of all rounds so far, that D learns from; None for all of them.
            drawn: How many first tokens are drawn, the rest being the likeliest ones (the released code: 1); None draws
                all, as the policy gradient assumes.
            d_rounds: Rounds of D alone before the game.
            d_steps: Times in a round that D is trained, with as many new samples as there are data each time.
            d_epochs: Epochs over data and pool each time.
            teacher_optimiser: How G moves in the steps on real sequences.
            discriminator_optimiser: How D moves.
            rest: What `SeqGAN` takes.
        """
        super().__init__(
            task,
            discriminator=discriminator,
            reward=reward,
            credit=credit,
            loss=loss,
            d_rounds=d_rounds,
            d_steps=d_steps,
            d_epochs=d_epochs,
            discriminator_optimiser=discriminator_optimiser,
            **rest,
        )
        self.teacher, self.teacher_steps = teacher(), teacher_steps
        self.negatives, self.drawn = Pool(pool, self.spec.pad or 0), drawn
        self.moves = {**self.moves, "teacher": teacher_optimiser}
        self.adopted["teacher"] = list(self.generator.parameters())

    def moves_in_rounds(self) -> tuple[Moves, Moves]:
        """Return that they are not the same in all rounds: D's grow with the pool."""
        return None, None

    def step_generator(self, i: int) -> None:
        """Move G along the policy gradient at samples for a real batch's conditions, then on that batch itself."""
        del i
        x = self.real()
        self.step_policy(self.sampled(x))
        for k in range(self.teacher_steps):
            self.step_teacher(x if k == 0 else self.real())

    def sampled(self, x: Sequences) -> Sequences:
        """Return as many samples as there are rows, under their conditions."""
        rows = len(x) * self.world.size
        y = self.write(rows, self.decoding, x.condition)
        if self.drawn is None:
            return y
        where = y.mask & (torch.arange(y.length, device=y.mask.device) < self.drawn)
        y = self.write(rows, Decoding(greedy=True), x.condition, force=(y.tokens, where))
        return y.replace(chosen=y.mask, logp=None)

    def step_teacher(self, x: Sequences) -> None:
        """Move G up the likelihood of real tokens, each times its weight w: -(1/n) sum_t w_t log G(x_t | x_<t)."""
        weight = self.teacher(x, self)
        weight = weight.unsqueeze(1) if weight.dim() == 1 else weight
        loss = self.world.mean(-weight * self.generator.score(x)["logp"], x.mask)
        self.update(teacher=(loss, {"weight": self.world.mean(weight.expand_as(x.mask), x.mask)}))

    def teach_discriminator(self, i: int) -> None:
        """Train D on data and on all samples so far, newly written ones among them."""
        del i
        if "discriminator" not in self.reward.needs | (self.teacher.needs if self.teacher_steps else frozenset()):
            return
        self.negatives.add(self.write(len(self.judge_rows), self.decoding).map(self.world.gather))
        held = self.negatives.held
        own = held.select(self.world.share(len(held) - len(held) % self.world.size)).to(self.device)
        for real, fake in self.pairs(own, self.batch_size, self.d_epochs):
            self.step_discriminator(self.loss, self.constraint, real, fake)
