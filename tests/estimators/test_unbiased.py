"""Members of the score-function family that are unbiased, and their variances, by exact enumeration."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from exact import (
    Seen,
    Table,
    Tabular,
    against,
    close,
    ending,
    everything,
    game_of,
    gradient,
    logp_of,
    moments,
    objective_gradient,
    policy_loss,
    returns_of,
    toy_rewards,
)

from tokengan.estimators.actor_critic import ActorCritic
from tokengan.estimators.all_actions import AllActions
from tokengan.estimators.baselines import EMA, Baseline, SelfCritical, Value
from tokengan.estimators.gae import gae, step_rewards
from tokengan.estimators.maligan import ImportanceWeights
from tokengan.estimators.ppo import PPO
from tokengan.estimators.reinforce import Reinforce
from tokengan.estimators.rloo import RLOO
from tokengan.estimators.surrogate import clipped, normalise, ratio
from tokengan.methods.world import World
from tokengan.rewards.base import Reward
from tokengan.sequences import Sequences

FIRST_MOVE = {"kl_coef": 0, "lam": 1, "whiten_advantages": False, "loss_type": "sum"}


def exact_critic(generator, critic, actions: bool = False) -> None:
    """Set a critic on one-hot states to V(s), or to Q(s, a)."""
    q2 = Table().values  # after a first token, the second's value is the reward
    v2 = (generator.second.detach().softmax(1) * q2).sum(1)
    v1 = generator.first.detach().softmax(0) @ v2
    with torch.no_grad():
        critic.linear.bias.zero_()
        values = torch.cat([v2[None], q2]).T if actions else torch.cat([v1[None], v2])[None]
        critic.linear.weight.copy_(values)


def ready(estimator, generator, *, exact: bool = False, noise: float = 0.0):
    """Attach an estimator to a game, with an exact or a random critic."""
    game = game_of(generator)
    estimator.attach(game)
    critic = getattr(estimator, "critic", None) or getattr(getattr(estimator, "baseline", None), "critic", None)
    if critic is not None and exact:
        exact_critic(generator, critic, actions=isinstance(estimator, AllActions))
    if critic is not None and noise:
        torch.manual_seed(0)
        torch.nn.init.normal_(critic.linear.weight, std=noise)
    return estimator, game


UNBIASED = {
    "value, untrained": (lambda: Reinforce(Value), {}, 0.38167),
    "value, wrong": (lambda: Reinforce(Value), {"noise": 1.0}, None),
    "value, exact": (lambda: Reinforce(Value), {"exact": True}, 0.13160),
    "self-critical": (lambda: Reinforce(SelfCritical), {}, 0.38167),
    "actor-critic, exact": (ActorCritic, {"exact": True}, 0.06950),
    "actor-critic, lambda 1, wrong": (lambda: ActorCritic(lam=1), {"noise": 1.0}, None),
    "actor-critic, lambda 1, gamma .9": (lambda: ActorCritic(lam=1, gamma=0.9), {"noise": 1.0}, None),
    "all actions, exact": (AllActions, {"exact": True}, 0.02367),
    "ppo, first move": (lambda: PPO(**FIRST_MOVE), {"noise": 1.0}, None),
    "ppo, first move, exact value": (lambda: PPO(**FIRST_MOVE), {"exact": True}, 0.13160),
}


@pytest.mark.parametrize("name", UNBIASED)
def test_unbiased_with_the_cards_variance(name: str) -> None:
    make, how, variance = UNBIASED[name]
    generator = Seen()
    estimator, game = ready(make(), generator, **how)
    mean, trace = moments(estimator, game)
    assert close(mean, objective_gradient(generator, everything(), toy_rewards()))
    if variance is not None:
        assert trace == pytest.approx(variance, abs=6e-6)


@pytest.mark.parametrize(
    "make", [lambda: Reinforce(Value), lambda: PPO(**FIRST_MOVE), lambda: ActorCritic(lam=1)], ids=["value", "ppo", "a"]
)
def test_unbiased_where_lengths_differ(make) -> None:
    generator, sequences, rewards = ending()
    estimator, game = ready(make(), generator, noise=1.0)
    mean, _ = moments(estimator, game, 1, sequences, rewards)
    assert close(mean, objective_gradient(generator, sequences, rewards))


@pytest.mark.parametrize("make", [ActorCritic, AllActions, lambda: PPO(**{**FIRST_MOVE, "lam": 0.5})])
def test_biased_with_a_wrong_critic(make) -> None:
    """The control: the tests above can fail."""
    generator = Seen()
    mean, _ = moments(*ready(make(), generator, noise=1.0))
    assert not close(mean, objective_gradient(generator, everything(), toy_rewards()), within=1e-3)


def test_the_ema_is_used_before_it_takes_the_batch_in() -> None:
    """With a past of .3 every batch is judged against .3, whatever it holds itself: unbiased to the last digit."""
    generator, game = Seen(), game_of(Seen())
    game = game_of(generator)
    mean = 0.0
    for i, p in enumerate(logp_of(generator, everything()).detach().exp()):
        estimator = Reinforce(EMA)
        estimator.baseline.mean += 0.3
        estimator.baseline.used += 1
        y = everything().select(torch.tensor([i]))
        loss, _ = policy_loss(estimator, y, returns_of(toy_rewards()[[i]], y), game)
        mean = mean - p * gradient(loss, generator)
    assert close(mean, objective_gradient(generator, everything(), toy_rewards()))


# ---- self-critical


def test_the_greedy_sequence_is_judged_once_and_broadcast() -> None:
    judged = []

    class Counting(Table):
        def forward(self, x, players):
            judged.append(x.tokens.tolist())
            return super().forward(x, players) + 1

    generator = Seen()
    game, y = game_of(generator, Counting()), everything()
    baseline = SelfCritical()(torch.zeros(9, 2), y, {}, game)
    assert judged == [[[0, 1]]]  # the greedy sequence of the toy, whose reward is 0
    assert baseline.tolist() == [[1.0]]


def test_greedy_follows_the_current_weights_and_sums_rewards_a_step() -> None:
    class Steps(Reward):
        per_step = True

        def forward(self, x, players):
            return x.tokens.double() + 1

    generator = Seen()
    game = game_of(generator, Steps())
    with torch.no_grad():
        generator.first[2] += 5
    assert (
        SelfCritical()(torch.zeros(9, 2, dtype=torch.float64), everything(), {}, game).item() == 3 + 1
    )  # writes (2, 0)


def test_self_critical_takes_a_row_for_each_condition() -> None:
    generator, y = Seen(), everything()
    y.condition = {"label": torch.arange(9)}
    assert SelfCritical()(torch.zeros(9, 2), y, {}, game_of(generator)).shape == (9, 1)


# ---- what is divided out, off policy


def test_sampling_at_temperature_one_half_without_correction() -> None:
    """The card's off-policy numbers, and importance weights that undo it."""

    class Fixed(Baseline):
        def __init__(self, value):
            super().__init__()
            self.value = value

        def forward(self, returns, y, scores, players):
            return returns.new_tensor(self.value)

    generator, game = Seen(), game_of(Seen())
    game = game_of(generator)
    exact = objective_gradient(generator, everything(), toy_rewards())
    behaviour = generator.score(everything(), 0.5)["logp"].detach()
    p = behaviour.sum(1).exp()
    for baseline, cosine, scale in ((0.4092592, 0.970, 1.225), (0.0, 0.896, 1.035)):
        mean, _ = moments(Reinforce(lambda b=baseline: Fixed(b)), game, p=p)
        found = against(mean, exact)
        assert found[0] == pytest.approx(cosine, abs=6e-4)
        assert found[1] == pytest.approx(scale, abs=6e-4)
        rho = ratio(generator.score(everything())["logp"], behaviour, everything().mask, "sequence")
        surrogate = clipped(rho, toy_rewards().unsqueeze(1) - baseline, 0.999, 1e6)
        weighed = gradient((p.unsqueeze(1) * surrogate).sum(), generator)
        assert (weighed - exact).abs().max() < 1e-15


# ---- PPO


def test_clipping_cuts_the_gradient_to_exactly_zero() -> None:
    rho = torch.tensor([1.3, 1.3, 0.7, 0.7, 1.1, 0.9], requires_grad=True)
    advantages = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    clipped(rho, advantages, 0.2, 0.2).sum().backward()
    assert rho.grad.tolist() == [0, -1, 1, 0, 1, -1]
    for high, slope in ((0.28, 0.0), (0.31, 1.0)):
        at = torch.tensor(1.3, requires_grad=True)
        clipped(at, torch.tensor(1.0), 0.2, high).backward()
        assert at.grad == slope


def test_a_second_epoch_is_clipped_and_the_value_stays_near() -> None:
    generator = Seen()
    estimator, game = ready(PPO(**{**FIRST_MOVE, "vf_coef": 1.0}, num_ppo_epochs=2), generator)
    y = everything().select(torch.tensor([0]))
    moves = estimator(y, returns_of(torch.tensor([1.0], dtype=torch.float64), y), game)
    first = next(moves)
    assert gradient(first["policy"][0], generator).abs().max() > 0.1
    (slope,) = torch.autograd.grad(first["value"][0], estimator.critic.linear.bias)
    assert slope.item() == pytest.approx(-1.0)  # 0.5 (v - 1)^2 at v = 0
    with torch.no_grad():
        generator.first[0] += 1  # p(0) from .475 to .711: beyond 1.2 times what it was
        generator.second[0, 0] += 1
        estimator.critic.linear.bias += 0.3  # beyond .2
    second = next(moves)
    assert gradient(second["policy"][0], generator).abs().max() == 0
    assert second["policy"][1]["clip_ratio"] == 1
    assert second["value"][0].item() == pytest.approx(0.5 * 0.8**2)
    (slope,) = torch.autograd.grad(second["value"][0], estimator.critic.linear.bias)
    assert slope.item() == 0
    with pytest.raises(StopIteration):
        next(moves)


def test_mini_batches_share_the_rows_out_and_add_up() -> None:
    generator, y = Seen(), everything()
    returns = returns_of(toy_rewards(), y)
    whole, game = ready(PPO(**FIRST_MOVE, num_ppo_epochs=1), generator)
    full = gradient(policy_loss(whole, y, returns, game)[0], generator)
    parts, game = ready(PPO(**FIRST_MOVE, num_ppo_epochs=2, num_mini_batches=3), generator)
    moves = [gradient(losses["policy"][0], generator) for losses in parts(y, returns, game)]
    assert len(moves) == 6
    for epoch in (moves[:3], moves[3:]):
        assert close(sum(epoch) / 3, full)
    with pytest.raises(ValueError, match="do not divide into 2 mini-batches"):
        list(ready(PPO(num_mini_batches=2), generator)[0](y, returns, game_of(generator)))


def test_returns_are_taken_before_whitening() -> None:
    generator, y = Seen(), everything()
    returns = returns_of(toy_rewards(), y)
    errors = []
    for whiten in (False, True):
        estimator, game = ready(PPO(kl_coef=0, whiten_advantages=whiten), generator, noise=1.0)
        losses = next(estimator(y, returns, game))
        errors.append(losses["value"][0].item())
        if whiten:
            slope = torch.autograd.grad(losses["policy"][0], generator.first)[0]
            assert slope.abs().max() > 0
    assert errors[0] == errors[1]


def test_whitened_rewards_have_unit_spread_and_their_own_mean() -> None:
    generator, y = Seen(), everything()
    returns = returns_of(toy_rewards(), y)
    steps = returns - torch.cat([returns[:, 1:], torch.zeros(len(y), 1)], dim=1)
    seen = steps[y.mask]
    steps = ((steps - seen.mean()) / (seen.std() ** 2 + 1e-8).sqrt() + seen.mean()).masked_fill(~y.mask, 0.0)
    whitened = steps.flip(1).cumsum(1).flip(1)
    by_hand, game = ready(PPO(**FIRST_MOVE, num_ppo_epochs=1), generator)
    expected = gradient(policy_loss(by_hand, y, whitened, game)[0], generator)
    estimator, game = ready(PPO(**FIRST_MOVE, whiten_rewards=True, num_ppo_epochs=1), generator)
    assert close(gradient(policy_loss(estimator, y, returns, game)[0], generator), expected)
    assert not close(gradient(policy_loss(by_hand, y, returns, game)[0], generator), expected)


def test_a_missing_end_is_punished_on_the_last_token() -> None:
    generator, sequences, rewards = ending()
    returns = returns_of(rewards, sequences)
    judged = []
    for penalty in (None, 2.0):
        settings = {**FIRST_MOVE, "lam": 0.0}
        estimator, game = ready(PPO(**settings, missing_eos_penalty=penalty, num_ppo_epochs=1), generator)
        leaf = generator.score(sequences)["logp"].detach().requires_grad_()
        plain = generator.score(sequences)
        game.score = lambda y, leaf=leaf, plain=plain: {**plain, "logp": leaf}
        loss, _ = policy_loss(estimator, sequences, returns, game)
        judged.append(-7 * torch.autograd.grad(loss, leaf)[0])
    change = judged[1] - judged[0]
    assert change.round(decimals=9).tolist() == [[0, 0], [0, -2], [0, -2], [0, 0], [0, -2], [0, -2], [0, 0]]
    with pytest.raises(ValueError, match="no end token"):
        PPO(missing_eos_penalty=1.0).attach(game_of(Seen()))


@pytest.mark.parametrize(
    "settings",
    [{"lam": 2}, {"gamma": -1}, {"num_ppo_epochs": 0}, {"cliprange": 1}, {"kl_coef": -1}, {"kl_estimator": "k2"}],
)
def test_ppo_refuses(settings) -> None:
    with pytest.raises(ValueError):
        PPO(**settings)


@pytest.mark.parametrize("make", [lambda: Reinforce(Value), PPO, ActorCritic, AllActions])
def test_a_critic_needs_hidden_states(make) -> None:
    with pytest.raises(ValueError, match="hidden states"):
        make().attach(game_of(Tabular()))


# ---- GAE


def test_gae_of_two_steps() -> None:
    r, v1, v2, mask = 0.7, 0.3, 0.45, torch.ones(1, 3).bool()
    mask[0, 2] = False
    returns, values = torch.tensor([[r, r, r]]), torch.tensor([[v1, v2, 99.0]])
    rewards = step_rewards(returns, mask)
    assert rewards.tolist() == [[0, pytest.approx(r), 0]]
    for lam in (0.0, 0.5, 0.95, 1.0):
        found = gae(rewards, values, mask, 1.0, lam)[0]
        assert found.tolist() == pytest.approx([(v2 - v1) + lam * (r - v2), r - v2, 0], abs=1e-6)
    assert gae(rewards, values, mask, 1.0, 1.0)[0, 0].item() == pytest.approx(r - v1)
    for gamma in (0.5, 1.0):  # whatever gamma is, lambda 1 gives the returns back
        again = gae(step_rewards(returns, mask, gamma), values, mask, gamma, 1.0) + values
        torch.testing.assert_close(again[:, :2], returns[:, :2])


# ---- critics


def test_no_gradient_of_a_value_reaches_the_policy() -> None:
    for make in (lambda: Reinforce(Value), PPO, ActorCritic, AllActions):
        generator, y = Seen(), everything()
        estimator, game = ready(make(), generator, noise=1.0)
        losses = next(estimator(y, returns_of(toy_rewards(), y), game))
        assert gradient(losses["value"][0], generator).abs().max() == 0
        slopes = torch.autograd.grad(losses["policy"][0], estimator.trains()["value"], allow_unused=True)
        assert all(slope is None or slope.abs().max() == 0 for slope in slopes)
        assert set(losses) == {"policy", *estimator.moves} == {"policy", "value"}


CRITICS = {
    "baseline": lambda: Reinforce(Value),
    "ppo": lambda: PPO(kl_coef=0),
    "actor-critic": ActorCritic,
    "all actions": lambda: AllActions(drift=0.0),
    "all actions, delayed": lambda: AllActions(drift=0.0, critic_lag=0.5, lam=0.3),
}


@pytest.mark.parametrize("name", CRITICS)
def test_the_exact_values_are_what_critics_settle_at(name: str) -> None:
    """Least squares over all sequences, as often as they are drawn: the slope is 0 at V(s), or Q(s, a), alone."""
    generator, sequences = Seen(), everything()
    p = logp_of(generator, sequences).detach().exp()
    for exact in (True, False):
        estimator, game = ready(CRITICS[name](), generator, exact=exact, noise=0.0 if exact else 1.0)
        estimator.begin()
        game.world = type("Weighed", (World,), {"mean": lambda self, values, mask=None: (p @ values).sum()})()
        losses = next(estimator(sequences, returns_of(toy_rewards(), sequences), game))
        slope = torch.cat([g.flatten() for g in torch.autograd.grad(losses["value"][0], estimator.trains()["value"])])
        assert (slope.abs().max() < 1e-12) == exact


@pytest.mark.parametrize(
    "make",
    [
        Reinforce,
        lambda: Reinforce(Value),
        PPO,
        ActorCritic,
        AllActions,
        ImportanceWeights,
        RLOO,
        lambda: RLOO(7, normalize_advantages=True),
    ],
)
def test_extra_columns_change_no_loss(make) -> None:
    generator, sequences, rewards = ending()
    sequences, rewards = sequences.select(torch.arange(14) % 7), rewards.repeat(2)
    wide = Sequences.cat([sequences, Sequences(torch.zeros(1, 5, dtype=torch.long), torch.ones(1, 5).bool())])
    wide = wide.select(slice(0, 14))
    found = []
    for y in (sequences, wide):
        estimator, game = ready(make(), generator, noise=1.0)
        losses = next(iter(estimator(y, returns_of(rewards, y), game)))
        values = [loss for loss, _ in losses.values()]
        found.append(torch.cat([torch.stack(values), gradient(losses["policy"][0], generator)]))
    torch.testing.assert_close(*found)


def test_the_drift_penalty_draws_unsampled_words_to_the_mean() -> None:
    generator, y = Seen(), everything().select(torch.tensor([0]))
    estimator, game = ready(AllActions(drift=0.1), generator, exact=True)
    (with_drift,) = torch.autograd.grad(
        next(estimator(y, returns_of(torch.ones(1, dtype=torch.float64), y), game))["value"][0],
        estimator.critic.linear.weight,
    )
    q = estimator.critic.linear.weight[:, 0].detach()
    expected = 0.1 * 2 * (q - q.mean()) / 2  # a mean over the two tokens
    torch.testing.assert_close(with_drift[1:, 0], expected[1:])


def test_a_delayed_critic_follows_after_the_move() -> None:
    estimator, game = ready(AllActions(critic_lag=0.9), Seen())
    y = everything()
    moves = estimator(y, returns_of(toy_rewards(), y), game)
    next(moves)
    with torch.no_grad():
        estimator.critic.linear.bias += 1
    assert estimator.delayed.network.linear.bias.abs().max() == 0
    assert next(moves, None) is None
    torch.testing.assert_close(estimator.delayed.network.linear.bias, torch.full((3,), 0.1, dtype=torch.float64))


def test_the_first_move_of_rloo_is_reinforce_and_later_ones_are_lazy() -> None:
    generator, y = Seen(), everything()
    game, returns = game_of(generator), returns_of(toy_rewards(), y)
    moves = RLOO(3, beta=0, num_iterations=3)(y, returns, game)
    first = next(moves)["policy"]
    assert first[1]["clip_ratio"] == 0
    with torch.no_grad():
        generator.first[0] += 3
    second = next(moves)["policy"]
    assert second[1]["clip_ratio"] > 0
    assert len(list(moves)) == 1


def test_normalise_refuses_other_names() -> None:
    with pytest.raises(ValueError, match="loss type"):
        normalise(torch.ones(1, 1), torch.ones(1, 1).bool(), "mean", Seen().spec, World())


def test_forced_tokens_are_not_learnt() -> None:
    generator, y = Seen(), everything()
    y = Sequences(y.tokens, y.mask, y.mask & torch.tensor([False, True]))
    for make in (lambda: Reinforce(Value), PPO, ActorCritic, AllActions, lambda: RLOO(3)):
        estimator, game = ready(make(), generator, noise=1.0)
        loss, _ = policy_loss(estimator, y, returns_of(toy_rewards(), y), game)
        assert gradient(loss, generator)[:3].abs().max() == 0


# ---- entropy


@pytest.mark.parametrize("variable", [False, True])
@pytest.mark.parametrize("size", [1, 2])
def test_the_entropy_bonus_is_that_of_whole_sequences(size: int, variable: bool) -> None:
    """grad J + tau grad H = -tau grad KL(pi || q), q proportional to exp(R / tau): later places count too."""
    generator, sequences, rewards = ending() if variable else (Seen(), everything(), toy_rewards())
    tau, logp = 0.3, logp_of(generator, sequences)
    q = (rewards / tau).log_softmax(0)
    wanted = -tau * gradient((logp.exp() * (logp - q)).sum(), generator)
    mean, _ = moments(Reinforce(entropy_coef=tau), game_of(generator), size, sequences, rewards)
    assert close(mean, wanted)


def test_a_constant_on_all_rewards_changes_nothing_for_self_critical() -> None:
    class More(Table):
        def forward(self, x, players):
            return super().forward(x, players) + 7

    generator, y = Seen(), everything()
    found = [
        gradient(policy_loss(Reinforce(SelfCritical), y, returns_of(toy_rewards() + more, y), game)[0], generator)
        for more, game in ((0, game_of(generator)), (7, game_of(generator, More())))
    ]
    torch.testing.assert_close(*found)
