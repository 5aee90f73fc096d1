"""Rewards that read a discriminator, and those that read none, against their closed forms."""

from __future__ import annotations

import math
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from reward_toys import Told, Words, game, mean_id, rows_of, written

from tokengan.discriminators.base import Judged
from tokengan.errors import UserError
from tokengan.estimators.baselines import EMA
from tokengan.estimators.credit import Discounted, Final, RollOut
from tokengan.losses.ranking import ranks
from tokengan.methods.world import World
from tokengan.rewards.base import Reward
from tokengan.rewards.bleu import Bleu
from tokengan.rewards.cider import CiderD
from tokengan.rewards.constant import Constant
from tokengan.rewards.critic import Critic
from tokengan.rewards.dense import Dense
from tokengan.rewards.language_model import LanguageModel
from tokengan.rewards.log_ratio import LogRatio
from tokengan.rewards.mixture import Mixture
from tokengan.rewards.objective import Objective
from tokengan.rewards.oracle import Oracle
from tokengan.rewards.probability import Probability
from tokengan.rewards.random import Random
from tokengan.rewards.rank import Rank
from tokengan.rewards.relative import RankTransform, Rescale, Whiten
from tokengan.rewards.repetition import Repetition, repetition_weights
from tokengan.rewards.rouge import RougeL
from tokengan.rewards.transforms import Identity
from tokengan.tasks.oracle import OracleTask


class Fixed(Reward):
    """Gives what it was built with."""

    def __init__(self, values, **attributes) -> None:
        super().__init__()
        self.values, self.calls = torch.as_tensor(values), 0
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, x, players):
        self.calls += 1
        return self.values


def hundred_letters(texts):
    return [len(text) / 100 for text in texts]


def features(x):
    """Features of a row: how often each token stands in it [B,V]."""
    counts = torch.nn.functional.one_hot(x.tokens, 15) * x.mask.unsqueeze(-1)
    return counts.sum(1).float()


def logp(x):
    return -(x.tokens.float() / 3) * torch.arange(1, x.length + 1)


SAYS = {"logits": mean_id, "features": features, "logp": logp, "token_logits": lambda x: (x.tokens * 1.3).sin()}

EVERY = {
    "probability": Probability,
    "constant": Constant,
    "log_ratio": LogRatio,
    "critic": Critic,
    "critic_whiten": partial(Critic, Whiten),
    "critic_rank": partial(Critic, RankTransform),
    "rank": Rank,
    "rank_siblings": partial(Rank, among="siblings"),
    "sentence": partial(LanguageModel, "sentence"),
    "objective": partial(Objective, hundred_letters),
    "bleu": Bleu,
    "rouge_l": RougeL,
    "cider_d": CiderD,
    "mixture": Mixture,
    "mixture_rank": partial(Mixture, partial(Critic, Identity), Bleu, transform=RankTransform),
    "repetition": Repetition,
    "random": Random,
}
PER_STEP = {"word": partial(LanguageModel, "word"), "product": LanguageModel, "dense": Dense}


# ---- what holds for all of them


@pytest.mark.parametrize("name", [*EVERY, *PER_STEP])
def test_a_judgement_is_float32_without_gradient_by_a_judge_in_eval_mode(name: str) -> None:
    players = game(**SAYS)
    reward = (EVERY | PER_STEP)[name]()
    x = written(players)
    first, again = reward(x, players), None
    assert first.dtype == torch.float32
    assert not first.requires_grad
    assert first.shape == (x.tokens.shape if reward.per_step else (len(x),))
    assert first.isfinite().all()
    again = reward(x.replace(logp=None), players)  # dropout on would make it another
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert players.discriminator.training
    assert players.discriminator.dropout.training
    assert ("discriminator" in reward.needs) == (players.discriminator.calls > 0)


@pytest.mark.parametrize("name", [*EVERY, *PER_STEP])
def test_padding_columns_change_no_judgement(name: str) -> None:
    players = game(**SAYS)
    reward = (EVERY | PER_STEP)[name]()
    x = written(players)
    pad = partial(torch.nn.functional.pad, pad=(0, 3))
    wide = x.replace(tokens=pad(x.tokens), mask=pad(x.mask), chosen=pad(x.chosen), logp=pad(x.logp))
    first, padded = reward(x, players), reward(wide.replace(logp=None), players)
    torch.testing.assert_close(first, padded[:, : x.length] if reward.per_step else padded)
    if reward.per_step:
        assert (padded[:, x.length :] == 0).all()
        assert (padded[~wide.mask] == 0).all()


@pytest.mark.parametrize("name", EVERY)
def test_the_memory_cap_of_the_rollouts_changes_no_return(name: str) -> None:
    """Risk 2 of the contracts: siblings are the rows of the same copy, whatever is judged at once."""
    found = []
    for cap in (1, 40, 10_000):
        players, reward = game(**SAYS), EVERY[name]()
        x = written(players, 8)
        reward(x, players)
        x = written(players, 8)
        found.append((RollOut(n=3, cap=cap)(reward, x, players) * x.mask, reward(x.replace(logp=None), players)))
    for returns, final in found[1:]:
        torch.testing.assert_close(returns, found[0][0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(final, found[0][1], atol=1e-5, rtol=1e-5)


def test_a_statistic_over_all_copies_together_would_be_seen() -> None:
    """The check above is one: a whitening that ignores copies does depend on the cap."""

    class Careless(Reward):
        alone = False

        def forward(self, x, players):
            values = mean_id(x)
            return (values - values.mean()) / values.std()

    found = []
    for cap in (1, 10_000):
        players = game(**SAYS)
        found.append(RollOut(n=3, cap=cap)(Careless(), written(players, 8), players))
    assert (found[0] - found[1]).abs().max() > 1e-2


def test_a_missing_output_is_refused_in_words() -> None:
    with pytest.raises(UserError, match=r"reads 'features' .* Told gives logits"):
        Rank()(rows_of([5, 6]), game(logits=mean_id))


# ---- one by one


def said(values, name="logits"):
    return game(**{name: lambda x: torch.as_tensor(values)})


def test_probability_and_log_ratio_read_the_logit() -> None:
    players = said([0.0, 2.0, 80.0, -80.0])
    x = rows_of([5], [6], [7], [8])
    assert Probability()(x, players).tolist() == pytest.approx([0.5, 1 / (1 + math.exp(-2)), 1.0, 0.0])
    assert LogRatio()(x, players).tolist() == [0.0, 2.0, 10.0, -10.0]
    assert LogRatio(100.0)(x, players).tolist() == [0.0, 2.0, 80.0, -80.0]
    assert Probability()(x, said(torch.zeros(4, dtype=torch.float64))).dtype == torch.float64


def test_the_critic_gives_its_raw_score_or_a_standardised_one() -> None:
    x, players = rows_of([5], [6]).replace(logp=torch.zeros(2, 1)), said([100.0, 104.0])
    raw, standard = Critic(Identity), Critic()
    assert raw(x, players).tolist() == [100.0, 104.0]
    assert standard(x, players).tolist() == pytest.approx([-1.0, 1.0], abs=1e-3)
    assert raw.drain()["score"].item() == 102.0
    assert raw.reads == {"score"}
    assert raw.alone
    assert not Critic(Whiten).alone


def test_ranks_are_the_cards() -> None:
    cosines = torch.tensor([0.9, 0.1, -0.2], dtype=torch.float64)
    items = torch.stack([cosines, (1 - cosines**2).sqrt()], dim=1)
    reference = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    assert ranks(items, reference, gamma=1.0).tolist() == pytest.approx([0.561, 0.252, 0.187], abs=5e-4)
    assert ranks(items, reference, gamma=16)[0] > 0.9999
    # The paper's set C' = C + {s}: one of them against the other two is the same softmax.
    assert ranks(items[:1], reference, items[1:], gamma=1.0)[0].item() == pytest.approx(0.561, abs=5e-4)
    equal = items[:1].expand(5, -1)
    torch.testing.assert_close(ranks(equal, reference, gamma=1.0), torch.full((5,), 0.2, dtype=torch.float64))
    n, gamma = 32, 16.0
    orthogonal = torch.eye(33, dtype=torch.float64)
    found = ranks(orthogonal[:1], orthogonal[:1], orthogonal[1:32], gamma)[0].item()
    assert found == pytest.approx(math.exp(gamma) / (math.exp(gamma) + n - 1), abs=1e-12)
    assert found == pytest.approx(0.9999965, abs=1e-7)


def test_the_paper_averages_softmaxes_and_the_code_takes_the_softmax_of_a_sum() -> None:
    torch.manual_seed(0)
    items, references = torch.randn(6, 4).double(), torch.randn(3, 4).double()
    cosines = torch.nn.functional.cosine_similarity(items[:, None], references[None], dim=-1)
    torch.testing.assert_close(ranks(items, references, gamma=2.0), (2 * cosines).softmax(0).mean(1))
    torch.testing.assert_close(ranks(items, references, gamma=3.0, form="mean"), cosines.sum(1).softmax(0))


@pytest.mark.parametrize("rows", [2, 8, 30])
def test_sibling_ranks_average_to_one_whatever_the_batch(rows: int) -> None:
    """Trap 3: the mean rank is 1/B, so the raw scale depends on B; here it does not."""
    players = game(**SAYS)
    reward = Rank(among="siblings", gamma=3.0)
    x = written(players, rows)
    assert reward(x, players).mean().item() == pytest.approx(1.0, abs=1e-5)
    for part in reward(x.repeat(4), players).view(4, rows):
        assert part.mean().item() == pytest.approx(1.0, abs=1e-5)


def test_rank_references_are_drawn_anew_for_a_batch_and_kept_for_its_rollouts() -> None:
    players = game(**SAYS)
    reward = Rank(references=5, compared=5)
    x = written(players)
    reward(x, players)
    drawn = reward.drawn.clone()
    reward(x.replace(logp=None), players)
    assert torch.equal(reward.drawn, drawn)
    reward(x, players)
    assert not torch.equal(reward.drawn, drawn)
    assert "drawn" in reward.state_dict()


def test_a_real_sentence_ranks_level_with_the_real_ones() -> None:
    task = Words(["the cat sat"] * 4)
    players = game(task, **SAYS)
    assert Rank()(task.encode(["the cat sat"]), players).tolist() == pytest.approx([1.0], abs=1e-5)
    assert Rank()(task.encode(["a big dog"]), players)[0] < 0.5
    assert Rank(log=True)(task.encode(["the cat sat"]), players).tolist() == pytest.approx([0.0], abs=1e-5)


def test_word_sentence_and_product_rewards_of_a_language_model() -> None:
    x = rows_of([5, 6, 0], [7, 8, 9])
    x = x.replace(mask=torch.tensor([[True, True, False], [True, True, True]]))
    players = said(torch.tensor([[-1.0, -2.0, -99.0], [-3.0, -30.0, -0.0]]), "logp")
    word, sentence, product = (LanguageModel(level)(x, players) for level in ("word", "sentence", "product"))
    assert word.tolist() == [[1.0, 2.0, 0.0], [3.0, 12.0, 0.0]]
    assert sentence.tolist() == [1.5, 5.0]
    torch.testing.assert_close(word.sum(1) / x.lengths, sentence)
    assert product.tolist() == [[1.5, 3.0, 0.0], [15.0, 60.0, 0.0]]
    assert [LanguageModel(level).per_step for level in ("word", "sentence", "product")] == [True, False, True]


def test_dpgans_returns_are_the_sentence_times_the_discounted_words_to_come() -> None:
    """Q_k = R_s sum over i >= k of gamma^(i-k) R_w,i; gamma 0 weighs each word by itself."""
    x = rows_of([5, 6, 0], [7, 8, 9])
    x = x.replace(mask=torch.tensor([[True, True, False], [True, True, True]]))
    players = said(torch.tensor([[-1.0, -2.0, -99.0], [-3.0, -4.0, -5.0]]), "logp")
    for gamma, expected in (
        (0.0, [[1.5, 3.0, 0.0], [12.0, 16.0, 20.0]]),
        (0.5, [[3.0, 3.0, 0.0], [4 * 6.25, 4 * 6.5, 20.0]]),
        (1.0, [[4.5, 3.0, 0.0], [48.0, 36.0, 20.0]]),
    ):
        assert Discounted(gamma)(LanguageModel(), x, players).tolist() == expected


class Counts(Reward):
    """How many tokens are above 4: whole numbers, or truth values."""

    def __init__(self, kind=torch.long) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x, players):
        return ((x.tokens > 4) & x.mask).sum(1).to(self.kind)


@pytest.mark.parametrize("kind", [torch.long, torch.int32, torch.bool])
def test_whole_numbers_and_truth_values_are_not_cut(kind: torch.dtype) -> None:
    """DP-GAN's weights of -0.01, kept in an int32 array, became 0; so would baselines, ranks and shared rewards."""
    players, x = game(), rows_of([5, 6, 4], [5, 4, 4], [5, 4, 4], [4, 4, 4])
    whole, real = Counts(kind), Counts(torch.float32 if kind != torch.bool else torch.bool)
    exact = real(x, players)
    assert whole(x, players).dtype == exact.dtype == torch.float32
    torch.testing.assert_close(Repetition(lambda: whole)(x, players), exact * torch.tensor([3, 1.5, 1.5, 3]) / 4)
    for change in (RankTransform(), Whiten(), Rescale()):
        found = change(whole(x, players), x, players)
        torch.testing.assert_close(found, change(exact, x, players))
        assert (found != found.round()).any()
    ema, returns = EMA(), Final()(whole, x, players)
    ema(returns, x, {}, players)
    assert ema(returns, x, {}, players).item() == pytest.approx(exact.mean().item())


def test_dense_rewards_are_scratchgans() -> None:
    x = rows_of([5, 7, 2, 9]).replace(mask=torch.tensor([[True, True, True, False]]))
    players = said(torch.tensor([[0.0, 1.0, -1.0, 50.0]]), "token_logits")
    expected = [2 / (1 + math.exp(-d)) - 1 for d in (0.0, 1.0, -1.0)]
    assert Dense()(x, players).tolist()[0] == pytest.approx([*expected, 0.0])  # trap 5: nothing after the end
    assert Dense("log_ratio")(x, players).tolist() == [[0.0, 1.0, -1.0, 0.0]]


def test_the_oracle_is_the_best_judge() -> None:
    task = OracleTask(vocab_size=7, length=4, size=20, valid=5, test=5)
    players = game(task, **SAYS)
    x = task.train
    real, own = (network.score(x)["logp"].sum(1) for network in (task.oracle, players.generator))
    torch.testing.assert_close(Oracle()(x, players), (real - own).detach())
    best = real.exp() / (real.exp() + own.exp())
    torch.testing.assert_close(Oracle("probability")(x, players), best.detach())
    players.generator = players.policy = task.oracle
    assert Oracle()(x, players).abs().max() < 1e-5
    with pytest.raises(UserError, match="law of the data"):
        Oracle()(rows_of([5, 6]), game(**SAYS))


def test_random_rewards_know_a_sequence_again_and_look_drawn() -> None:
    tokens = torch.cartesian_prod(*[torch.arange(10)] * 4)
    x = rows_of(*tokens.tolist())
    values = Random()(x, None)
    assert torch.equal(values.flip(0), Random()(x.select(torch.arange(len(x)).flip(0)), None))
    assert len(values.unique()) > 9_900
    assert values.mean().item() == pytest.approx(0.5, abs=0.02)
    assert values.std().item() == pytest.approx(1 / 12**0.5, abs=0.01)
    assert values.min() >= 0
    assert values.max() < 1
    assert abs(torch.corrcoef(torch.stack([values, Random(1)(x, None)]))[0, 1]) < 0.05


# ---- mixtures and repetition


def test_lambda_one_is_seqgan_bit_for_bit_and_lambda_zero_needs_no_discriminator() -> None:
    players = game(**SAYS)
    x = written(players)
    objective = Fixed(torch.rand(len(x)))
    seqgan = Mixture(Probability, lambda: objective, weight=1.0)
    assert torch.equal(RollOut(n=2)(seqgan, x, game(**SAYS)), RollOut(n=2)(Probability(), x, game(**SAYS)))
    assert objective.calls == 0
    assert (seqgan.needs, seqgan.reads) == ({"discriminator"}, {"log_odds"})

    naive = Mixture(Probability, lambda: objective, weight=0.0)
    calls = players.discriminator.calls
    assert torch.equal(naive(x, players), objective.values)
    assert players.discriminator.calls == calls
    assert (naive.needs, naive.reads, naive.outputs) == (set(), set(), set())


def test_a_mixture_is_the_weighted_sum_and_notes_its_parts_unweighted() -> None:
    mixed = Mixture(lambda: Fixed([0.2, 0.4]), lambda: Fixed([1.0, 0.0]), weight=0.25)
    assert mixed(rows_of([5], [6]), None).tolist() == pytest.approx([0.8, 0.1])
    assert {name: round(value.item(), 6) for name, value in mixed.drain().items()} == {"first": 0.3, "second": 0.5}
    assert mixed.drain() == {}


def test_a_mixture_rescales_its_first_part_only() -> None:
    world = SimpleNamespace(world=World())
    mixed = Mixture(lambda: Fixed([-70.0, 900.0]), lambda: Fixed([0.5, 0.5]), weight=0.5, transform=RankTransform)
    assert mixed(rows_of([5], [6]), world).tolist() == [0.25, 0.75]
    assert not mixed.alone


def test_what_cannot_be_mixed_is_refused() -> None:
    with pytest.raises(UserError, match="Dense is one of tokens"):
        Mixture(Dense, Constant)
    assert Mixture(Dense, Constant, weight=1.0).per_step
    with pytest.raises(UserError, match="from 0 to 1, not 2"):
        Mixture(weight=2.0)


def test_repetition_weights_are_the_cards() -> None:
    a, b, c = [5, 6], [5, 7], [8, 8]
    players = SimpleNamespace(world=World())
    shared = Repetition(lambda: Fixed([1.0, 1.0, 1.0, 1.0, 2.0]))
    assert shared(rows_of(a, a, a, b, c), players).tolist() == pytest.approx([0.2, 0.2, 0.2, 0.6, 1.2])
    assert shared.drain()["weight"].item() == pytest.approx(0.36)
    # Two copies of different content are two sets.
    keys = torch.tensor([[1, 1], [1, 2]])
    assert repetition_weights(keys).tolist() == [[0.25, 0.25], [1.0, 1.0]]


def sorted_letters(text):
    return None if text == "ran" else " ".join(sorted(text.split()))


def test_repetition_by_canonical_form() -> None:
    """Trap 5 of ORGAN: OCC and CCO are one molecule."""
    task = Words(["the cat sat"])
    x = task.encode(["cat dog", "dog cat", "ran"])
    plain, canonical = (Repetition(Constant, canonical=c) for c in (None, f"{__name__}:sorted_letters"))
    assert plain(x, game(task)).tolist() == pytest.approx([0.5] * 3)
    assert canonical(x, game(task)).tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 3])


def test_one_step_of_credit_sees_the_reward_as_it_is() -> None:
    players = game(**SAYS)
    x = written(players)
    returns = Final()(Bleu(), x, players)
    torch.testing.assert_close(returns[:, 0], Bleu()(x, players))


def test_the_judge_is_left_as_it_was() -> None:
    told = Told(logits=mean_id).eval()
    players = SimpleNamespace(discriminator=told, judge=lambda x: Judged(told(x), x))
    Probability()(rows_of([5]), players)
    assert not told.training
