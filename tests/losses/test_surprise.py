"""A language model's game against the card (methods/dpgan.md)."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import Tensor

from tokengan.discriminators.base import Judged
from tokengan.discriminators.language_model import LanguageModelDiscriminator
from tokengan.errors import UserError
from tokengan.generators.ensemble import Ensemble
from tokengan.generators.recurrent import LSTM
from tokengan.losses.base import AdversarialLoss
from tokengan.losses.surprise import Surprise, surprise
from tokengan.losses.wasserstein import Wasserstein
from tokengan.sequences import Sequences, pad_lists
from tokengan.spec import Spec

MASK = torch.tensor([[True, True, True], [True, True, False], [True, False, False]])
SPEC = Spec(vocab_size=7, max_length=3, start=1, end=2, pad=0)


def judged(logp: Tensor) -> Judged:
    """Return these log-probabilities as a judgement, and as the score that the discriminator makes of them."""
    x = Sequences(torch.zeros(3, 3, dtype=torch.long), MASK)
    score = -torch.where(MASK, logp, 0.0).sum(1) / MASK.sum(1) - math.log(7)
    return Judged({"logp": logp, "logits": score}, x)


def drawn(seed: int) -> Tensor:
    """Return log-probabilities whose padding would spoil any mean that counted it."""
    logp = -torch.rand(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return torch.where(MASK, logp, -1e3).requires_grad_()


def test_by_hand():
    """Word by word and sentence by sentence, padding in neither."""
    real, fake = drawn(0), drawn(1)
    means = [[-sum(row[:n]) / n for row, n in zip(logp.tolist(), (3, 2, 1), strict=True)] for logp in (real, fake)]
    fakes = sum(means[1]) / 3
    lacking = sum(max(0.0, 0.3 - (s - fakes)) for s in means[0]) / 3
    loss, logged = Surprise(repulsion=0.5, margin=0.3).discriminator(judged(real), judged(fake))
    assert loss.item() == pytest.approx(fakes + 0.5 * lacking)
    assert lacking > 0
    assert any(s - fakes > 0.3 for s in means[0])
    assert logged["nll_real"].item() == pytest.approx(sum(means[0]) / 3)
    assert logged["nll_fake"].item() == pytest.approx(fakes)
    assert Surprise().generator(judged(fake))[0].item() == pytest.approx(-fakes)


def test_within_the_margin_it_moves_d_as_the_papers_loss():
    """L_D = E_fake s - E_real s: with repulsion 1 the same gradient, as long as no sentence is beyond the margin."""
    slopes = []
    for loss in (Surprise(repulsion=1.0, margin=1e3), Wasserstein()):
        real, fake = drawn(0), drawn(1)
        slopes.append(torch.autograd.grad(loss.discriminator(judged(real), judged(fake))[0], (real, fake)))
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-14)


def test_d_sees_real_text_and_is_done_with_it_beyond_the_margin():
    """The released code's negative weights were cut to the integer 0: D never saw any. Here only repulsion 0 does."""
    fake = drawn(1)
    for loss, logp, moved in (
        (Surprise(repulsion=0.1), drawn(0), True),
        (Surprise(repulsion=0.0), drawn(0), False),
        (Surprise(repulsion=0.1, margin=1.0), (drawn(0).detach() - 5).requires_grad_(), False),
    ):
        value, _ = loss.discriminator(judged(logp), judged(fake))
        (slope,) = torch.autograd.grad(value, logp)
        assert bool((slope != 0).any()) == moved
        assert value >= 0
    with pytest.raises(ValueError, match="at least 0"):
        Surprise(repulsion=-1e-4)


def taught(loss: AdversarialLoss, steps: int = 40) -> tuple[float, float]:
    """Return D's surprise at real and at generated text, taught with one batch of each."""
    torch.manual_seed(0)
    d = LanguageModelDiscriminator(SPEC, partial(LSTM, hidden=8, embedding=8))
    real = Sequences(*pad_lists([[5, 4, 2], [5, 5, 2]], pad=0))
    fake = Sequences(*pad_lists([[6, 4, 2], [3, 2]], pad=0))
    optimiser = torch.optim.Adam(d.parameters(), lr=3e-2)
    for _ in range(steps):
        value, _ = loss.discriminator(Judged(d(real), real), Judged(d(fake), fake))
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    with torch.no_grad():
        return surprise(Judged(d(real), real)).mean().item(), surprise(Judged(d(fake), fake)).mean().item()


def test_real_text_runs_away_without_a_bound():
    """A peer's -mean(real NLL) + mean(fake NLL) has no minimum: D's surprise at real text grows with every step."""
    free, bounded = taught(Wasserstein()), taught(Surprise(repulsion=1.0, margin=1.0))
    assert free[0] > 15
    assert free[1] + 1 < free[0]
    assert bounded[1] < 0.6
    assert bounded[1] + 1 < bounded[0] < 7


def test_d_that_sees_no_real_text_is_a_language_model_of_fakes():
    """Repulsion 0: D settles at the law of the fakes' words, each sentence counted as one whatever its length.

    Of the first words 6 stands in a sentence of three and 3 in one of two: p = (1/3) / (1/3 + 1/2) = .4.
    """
    _, fake = taught(Surprise(repulsion=0.0), 80)
    assert fake == pytest.approx(-(math.log(0.4) / 3 + math.log(0.6) / 2) / 2, abs=0.01)


# ---- the discriminator


def test_scores_are_the_networks_own_log_probabilities():
    """Of each word, 0 after the end; the score is their mean, 0 for what is as surprising as a uniform law."""
    d = LanguageModelDiscriminator(SPEC, partial(LSTM, init_std=1.0)).double()
    x = Sequences(*pad_lists([[5, 4, 2], [6, 2]], pad=0))
    outputs = d(x)
    law = d.model(x)["logits"].log_softmax(-1)
    for i, row in enumerate([[5, 4, 2], [6, 2]]):
        words = [law[i, t, token].item() for t, token in enumerate(row)]
        assert outputs["logp"][i].tolist() == pytest.approx(words + [0.0] * (3 - len(row)))
        assert outputs["logits"][i].item() == pytest.approx(-sum(words) / len(words) - math.log(7))
    for parameter in d.parameters():
        parameter.data.zero_()
    # Two ids may never be written, so a uniform law is one over five.
    torch.testing.assert_close(d(x)["logits"], torch.full((2,), math.log(5 / 7), dtype=torch.float64))


def test_it_reads_no_condition():
    """D has no access to the input: the same words score the same, whatever they were written for."""
    d = LanguageModelDiscriminator(SPEC)
    x = Sequences(*pad_lists([[5, 4, 2], [6, 2]], pad=0))
    source = x.select(torch.tensor([1, 0]))
    assert torch.equal(d(x.replace(condition={"source": source}))["logp"], d(x)["logp"])


def test_a_network_without_hidden_states_is_refused():
    with pytest.raises(UserError, match="reads hidden states, and Ensemble gives none"):
        LanguageModelDiscriminator(SPEC, Ensemble)
