"""Codes against closed forms: KL, mutual information, and bounds that quadrature knows exactly."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tokengan.errors import UserError
from tokengan.generators.latent import Latent, WordDropout
from tokengan.generators.posterior import LATENT, Gaussian, Inferring, active_units, mutual_information
from tokengan.noise import Noise
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.spec import Spec

WORDS = Spec(vocab_size=9, max_length=5, start=1, end=2, pad=0, unk=3)
TINY = Spec(vocab_size=3, max_length=2)


def noise(seed: int = 0) -> Noise:
    return Noise(torch.Generator().manual_seed(seed))


def batch(rows: list[list[int]]) -> Sequences:
    tokens = torch.tensor(rows)
    return Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool))


# ---- the normal law


def test_kl_to_the_prior() -> None:
    """The card's figures, and the general form by torch."""
    assert Gaussian(torch.zeros(1, 3), torch.zeros(1, 3)).kl().tolist() == [[0.0] * 3]
    assert Gaussian(torch.ones(1, 1), torch.zeros(1, 1)).kl().item() == 0.5
    mean, logvar = torch.randn(4, 5), torch.randn(4, 5)
    q = torch.distributions.Normal(mean, (logvar / 2).exp())
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(Gaussian(mean, logvar).kl(), expected)
    assert (Gaussian(torch.zeros(1, 9), torch.linspace(-1e-4, 1e-4, 9)[None]).kl() >= 0).all()


def test_densities_are_torchs() -> None:
    mean, logvar, z = torch.randn(4, 5), torch.randn(4, 5), torch.randn(2, 4, 5)
    law = torch.distributions.Normal(mean, (logvar / 2).exp())
    torch.testing.assert_close(Gaussian(mean, logvar).log_density(z), law.log_prob(z).sum(-1))
    each = (
        torch.distributions.Normal(mean.double(), (logvar.double() / 2).exp()).log_prob(z[0].double()[:, None]).sum(-1)
    )
    mixture = Gaussian(mean.double(), logvar.double()).log_mixture(z[0].double())
    torch.testing.assert_close(mixture, each.logsumexp(1) - math.log(4))


def test_a_draw_passes_the_gradient_to_mean_and_variance() -> None:
    mean, logvar = torch.zeros(1, 2, requires_grad=True), torch.zeros(1, 2, requires_grad=True)
    Gaussian(mean, logvar).draw(torch.tensor([[2.0, -4.0]])).sum().backward()
    assert mean.grad.tolist() == [[1.0, 1.0]]
    assert logvar.grad.tolist() == [[1.0, -2.0]]


def test_normal_numbers_are_normal_finite_and_a_rows_own() -> None:
    drawn = noise().normals(20_000, 2).flatten()
    assert abs(drawn.mean().item()) < 0.02
    assert abs(drawn.std().item() - 1) < 0.02
    assert abs((drawn < 1).float().mean().item() - 0.8413) < 0.008
    part = Noise(torch.Generator().manual_seed(1), first=2, total=4).normals(2, 3)
    assert torch.equal(noise(1).normals(4, 3)[2:], part)

    class Ends(Noise):
        def uniforms(self, rows: int, length: int, copies: Any = None) -> torch.Tensor:
            return torch.tensor([[0.0, 1 - 2**-24]])

    low, high = Ends(torch.Generator()).normals(1, 2)[0].tolist()
    assert -6 < low < -5
    assert 5 < high < 6


def test_mutual_information_of_far_codes_is_log_b_and_of_one_code_0() -> None:
    """64 distinct narrow codes: log 64 in every batch, since both terms are taken at the same draws."""
    far = Gaussian(1000 * torch.randn(64, 2), torch.full((64, 2), -2.0))
    assert mutual_information(far, torch.randn(64, 2)) == pytest.approx(math.log(64), abs=1e-6)
    one = Gaussian(torch.full((64, 2), 3.0), torch.full((64, 2), -1.0))  # differs from the prior, and not with x
    assert mutual_information(one, torch.randn(64, 2)) == pytest.approx(0, abs=1e-9)
    assert one.kl().sum(1).mean() > 1


def test_mutual_information_between_the_two() -> None:
    """Two equally likely codes a distance d apart, by quadrature."""
    mean = torch.tensor([[-1.0], [1.0]]).repeat(500, 1)
    z = torch.linspace(-9, 9, 20_001, dtype=torch.double)
    one = torch.distributions.Normal(-1.0, 1.0).log_prob(z)
    both = torch.stack([one, torch.distributions.Normal(1.0, 1.0).log_prob(z)]).logsumexp(0) - math.log(2)
    exact = torch.trapezoid(one.exp() * (one - both), z).item()
    estimate = mutual_information(Gaussian(mean, torch.zeros_like(mean)), torch.randn(1000, 1))
    assert estimate == pytest.approx(exact, abs=0.06)


def test_units_are_active_where_their_means_vary() -> None:
    x = torch.randn(1000, 1)
    means = torch.cat([x, 0.15 * x, 0.05 * x, torch.ones(1000, 1)], dim=1)
    assert active_units(means) == 2
    assert active_units(torch.tensor([[0.0], [0.15]])) == 1  # n - 1: .01125, and .0056 with n


# ---- bounds


class LinearGaussian(Inferring):
    """x_d = w_d z_d + noise, the x in place of tokens; an encoder that is right up to `off`."""

    def __init__(self, w: list[float], off: float = 0.0) -> None:
        super().__init__(Spec(vocab_size=2, max_length=len(w)))
        self.w, self.off = torch.tensor(w, dtype=torch.double), off

    def infer(self, x: Sequences) -> Gaussian:
        variance = 1 / (1 + self.w.square())
        mean = x.condition["x"] * self.w * variance + self.off
        return Gaussian(mean, variance.log().expand_as(mean))

    def score(self, x: Sequences, temperature: float = 1.0) -> dict[str, torch.Tensor]:
        mean = self.w * x.condition[LATENT]
        return {"logp": torch.distributions.Normal(mean, mean.new_ones(())).log_prob(x.condition["x"])}

    def exact(self, x: Sequences) -> torch.Tensor:
        deviation = (1 + self.w.square()).sqrt()
        return torch.distributions.Normal(torch.zeros_like(deviation), deviation).log_prob(x.condition["x"]).sum(1)


def test_the_bound_is_the_likelihood_where_the_encoder_is_exact() -> None:
    """At the linear-Gaussian optimum every single draw gives log p(x), whatever the number of draws."""
    law = LinearGaussian([0.5, -2.0])
    x = batch([[0, 0]] * 50).replace(condition={"x": torch.randn(50, 2, dtype=torch.double)})
    for samples in (1, 7):
        torch.testing.assert_close(law.bound(x, noise(), samples), law.exact(x), rtol=1e-6, atol=1e-6)


def test_with_a_wrong_encoder_the_bound_tightens_with_the_draws() -> None:
    law = LinearGaussian([1.0, 1.0], off=0.5)
    x = batch([[0, 0]] * 4000).replace(condition={"x": torch.randn(4000, 2, dtype=torch.double)})
    gaps = [(law.exact(x) - law.bound(x, noise(), samples)).mean().item() for samples in (1, 2, 5, 50)]
    # One draw: KL(q || posterior) = 2 * off² / (2 * 1/2) = .5 nats exactly.
    assert gaps[0] == pytest.approx(0.5, abs=0.06)
    assert all(a > b for a, b in pairwise(gaps))
    assert 0 <= gaps[-1] < 0.02


def test_elbo_and_bounds_of_a_decoder_by_quadrature() -> None:
    """V = 3, T = 2, one unit: ELBO <= bound of two draws <= log p(x), all as finite sums, for all nine sequences."""
    torch.manual_seed(0)
    law = Latent(TINY, latent=1, embedding=4, hidden=6, init_std=0.8).double().eval()
    x = batch([[a, b] for a in range(3) for b in range(3)])
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    nodes = torch.from_numpy(nodes)
    mass = torch.from_numpy(weights / weights.sum())

    def logp(z: torch.Tensor) -> torch.Tensor:
        return law.score(law.given(x, z))["logp"].sum(1)

    with torch.no_grad():
        at_prior = torch.stack([logp(node.expand(9, 1)) for node in nodes])  # [60, 9]
        exact = (at_prior + mass.log()[:, None]).logsumexp(0)
        assert exact.exp().sum().item() == pytest.approx(1, abs=1e-9)
        q = law.infer(x)
        codes = [q.draw(node.expand(9, 1)) for node in nodes]
        recon = torch.stack([logp(z) for z in codes])
        ratio = recon + torch.stack([Gaussian.standard(z).log_density(z) - q.log_density(z) for z in codes])
        elbo = (mass[:, None] * recon).sum(0) - q.kl().sum(1)
        one = (mass[:, None] * ratio).sum(0)
        torch.testing.assert_close(one, elbo, rtol=1e-6, atol=1e-6)  # one importance-weighted draw is the ELBO
        pairs = torch.logaddexp(ratio[:, None], ratio[None]) - math.log(2)
        two = torch.einsum("i,j,ijb->b", mass, mass, pairs)
        assert (elbo < two).all()
        assert (two < exact).all()
        # And `bound` estimates just these; many draws come near the likelihood.
        many = {n: law.bound(x.repeat(1000), noise(), n).view(1000, 9) for n in (1, 2, 30)}
        for n, expected in {1: elbo, 2: two}.items():
            errors = many[n].std(0) / 1000**0.5
            assert ((many[n].mean(0) - expected).abs() < 4.5 * errors).all()
        assert ((exact - many[30].mean(0)).abs() < (exact - two) / 5 + 4 * many[30].std(0) / 1000**0.5).all()


# ---- the decoder and its encoder


def test_the_code_matters_at_the_start_and_at_every_step() -> None:
    law = Latent(WORDS, latent=2, hidden=6, layers=2).eval()
    x = batch([[4, 5, 6, 7, 2]])
    a, b = (law(law.given(x, z))["logits"] for z in (torch.zeros(1, 2), torch.ones(1, 2)))
    assert ((a - b).abs().amax(-1) > 1e-4).all()
    nn.init.zeros_(law.begin.weight)  # without the start, z is still read beside every token
    a, b = (law(law.given(x, z))["logits"] for z in (torch.zeros(1, 2), torch.ones(1, 2)))
    assert ((a - b).abs().amax(-1) > 1e-4).all()


def test_the_encoder_reads_what_is_real_and_nothing_else() -> None:
    law = Latent(WORDS, latent=2, hidden=6).eval()
    x = Sequences(torch.tensor([[4, 5, 2, 0, 0], [4, 5, 6, 7, 2]]), torch.tensor([[1, 1, 1, 0, 0], [1] * 5]).bool())
    q, garbage = law.infer(x), law.infer(x.replace(tokens=x.tokens.masked_fill(~x.mask, 8)))
    torch.testing.assert_close(q.mean, garbage.mean)
    torch.testing.assert_close(law.infer(x.select(slice(0, 1)).trim()).mean, q.mean[:1])
    assert not torch.allclose(q.mean[0], q.mean[1])


def test_samples_are_rows_own_whatever_the_chunks() -> None:
    torch.manual_seed(1)
    law = Latent(WORDS, latent=2, hidden=6, init_std=1.0)
    whole, parts = (write(law, 9, noise(4), cap=cap) for cap in (None, 2))
    assert torch.equal(whole.tokens, parts.tokens)
    assert torch.equal(whole.condition[LATENT], parts.condition[LATENT])
    assert len(whole.condition[LATENT].unique(dim=0)) == 9


def test_word_dropout_hides_inputs_never_targets_nor_the_start() -> None:
    torch.manual_seed(0)
    x = batch([[4, 5, 6, 7, 2]] * 3)
    for spec in (WORDS, Spec(vocab_size=9, max_length=5)):
        law = Latent(spec, latent=2, hidden=6, word_dropout=1.0)
        x = law.given(x, torch.randn(3, 2))
        if spec.unk is None:
            hidden = law.embedding.weight.new_zeros(law.embedding.weight.shape[1])
        else:
            hidden = law.embedding.weight[spec.unk]
        read = law.read(x)
        read[:, 1:] = hidden
        z = x.condition[LATENT]
        expected = law.project(law._through(read, z, law._begun(z))[0])["logits"].log_softmax(-1)
        chosen = expected.gather(2, x.tokens.unsqueeze(2)).squeeze(2)  # the targets are as they were
        torch.testing.assert_close(law.score(x)["logp"], chosen)
        plain = Latent(spec, latent=2, hidden=6)
        plain.load_state_dict(law.state_dict())
        torch.testing.assert_close(law.eval().score(x)["logp"], plain.score(x)["logp"])
    dropped = (WordDropout(0.3)(torch.ones(1, 20_000, 1), torch.zeros(1)) == 0).float().mean().item()
    assert dropped == pytest.approx(0.3, abs=0.015)


def test_without_its_code_there_is_no_likelihood() -> None:
    with pytest.raises(UserError, match="method vae"):
        Latent(WORDS).score(batch([[4, 2]]))
