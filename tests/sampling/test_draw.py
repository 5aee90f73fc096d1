"""The draw: the same law as plain sampling for every decoding, from one uniform number a row."""

import pytest
import torch

from tokengan.errors import UserError
from tokengan.noise import Noise, seeded
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.draw import draw, restrict

ROWS = 30_000


def counts(logits: torch.Tensor, decoding: Decoding, seed: int = 0) -> torch.Tensor:
    uniform = torch.rand(ROWS, generator=torch.Generator().manual_seed(seed))
    tokens, _ = draw(logits.expand(ROWS, -1), uniform, decoding)
    return tokens.bincount(minlength=logits.shape[-1]).double()


def chi_square(observed: torch.Tensor, law: torch.Tensor) -> float:
    """Pearson's statistic over its degrees of freedom: about 1 when the law is right."""
    expected, open_ = law.double() * ROWS, law > 0
    assert observed[~open_].sum() == 0, "a token of probability 0 was drawn"
    return (((observed - expected) ** 2)[open_] / expected[open_]).sum().item() / (open_.sum().item() - 1)


@pytest.mark.parametrize("size", [5, 63, 64, 65, 200])  # around and across the blocks of the two-level sum
@pytest.mark.parametrize(
    "decoding",
    [Decoding(), Decoding(temperature=0.5), Decoding(top_k=4), Decoding(top_p=0.7), Decoding(top_k=200, top_p=1.0)],
)
def test_the_drawn_tokens_follow_the_law(size: int, decoding: Decoding) -> None:
    logits = torch.randn(1, size, generator=torch.Generator().manual_seed(size))
    law = restrict(logits, decoding).softmax(-1)[0]
    assert chi_square(counts(logits, decoding), law) < 1 + 6 * (2 / max((law > 0).sum().item() - 1, 1)) ** 0.5


def test_restricting_is_what_the_card_says() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    kept = lambda decoding: (restrict(logits, decoding) > -torch.inf)[0].tolist()  # noqa: E731
    assert kept(Decoding(top_k=2)) == [True, True, False, False]
    assert kept(Decoding(top_p=0.5)) == [True, False, False, False]  # .5 reaches .5 exactly
    assert kept(Decoding(top_p=0.51)) == [True, True, False, False]  # the token that crosses is kept
    assert kept(Decoding(top_p=1e-9)) == [True, False, False, False]  # at least one stays
    assert kept(Decoding(top_k=3, top_p=0.99)) == [True, True, True, False]
    assert kept(Decoding(forbid=(0,), top_k=1)) == [False, True, False, False]


def test_ties_keep_exactly_k() -> None:
    assert (restrict(torch.zeros(1, 10), Decoding(top_k=3)) > -torch.inf).sum() == 3


@pytest.mark.parametrize("decoding", [Decoding(greedy=True), Decoding(temperature=0)])
def test_greedy_is_the_likeliest(decoding: Decoding) -> None:
    logits = torch.randn(50, 130)
    tokens, logp = draw(logits, torch.rand(50), decoding)
    assert torch.equal(tokens, logits.argmax(-1))
    assert torch.equal(logp, torch.zeros(50))


def test_low_temperature_tends_to_greedy() -> None:
    logits = torch.randn(200, 30)
    tokens, _ = draw(logits, torch.rand(200), Decoding(temperature=1e-4))
    assert torch.equal(tokens, logits.argmax(-1))


def test_the_extreme_uniforms_never_pick_a_token_of_probability_zero() -> None:
    logits = torch.full((3, 300), -torch.inf)
    logits[:, 100:200] = torch.randn(3, 100)
    uniform = torch.tensor([0.0, 1 - 2**-24, 0.5])
    tokens, _ = draw(logits, uniform, Decoding())
    assert tokens.min() >= 100
    assert tokens.max() < 200


def test_logp_is_that_of_the_restricted_law() -> None:
    logits, uniform = torch.randn(40, 90), torch.rand(40)
    decoding = Decoding(temperature=0.7, top_k=10)
    tokens, logp = draw(logits, uniform, decoding)
    expected = restrict(logits, decoding).log_softmax(-1).gather(1, tokens[:, None]).squeeze(1)
    torch.testing.assert_close(logp, expected, atol=1e-5, rtol=0)


def test_it_is_the_plain_inverse_cdf() -> None:
    logits, uniform = torch.randn(500, 700), torch.rand(500)
    tokens, _ = draw(logits, uniform, Decoding())
    plain = torch.searchsorted(logits.double().softmax(-1).cumsum(-1), uniform.double()[:, None], right=True).squeeze(1)
    assert (tokens != plain).float().mean() < 0.005  # float32 sums may differ at the very edge of a token's interval


@pytest.mark.parametrize(
    "settings", [{"temperature": -1}, {"top_k": -1}, {"top_p": 0}, {"top_p": 1.5}, {"temperature": float("nan")}]
)
def test_impossible_settings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(UserError):
        Decoding(**settings)


@pytest.mark.parametrize("size", [3, 64, 100, 131, 5000])
@pytest.mark.parametrize(
    "decoding", [Decoding(), Decoding(temperature=0.7), Decoding(top_k=2), Decoding(temperature=0)]
)
def test_many_draws_of_one_law_are_those_of_copies_of_it(size: int, decoding: Decoding) -> None:
    logits = torch.randn(4, size, generator=seeded("laws", size))
    uniforms = Noise(seeded("many", size)).uniforms(4, 6)
    tokens, logp = draw(logits, uniforms, decoding)
    assert tokens.shape == logp.shape == (4, 6)
    for k in range(6):
        one, own = draw(logits, uniforms[:, k], decoding)
        assert torch.equal(tokens[:, k], one)
        torch.testing.assert_close(logp[:, k], own)
