"""One simultaneous move."""

import pytest
import torch
from torch import nn
from training_toys import equal, weights_of

from tokengan.optimiser import Optimiser
from tokengan.schedules import Schedule
from tokengan.training.updater import Diverged, Player, Updater


def sgd(*parameters, lr=0.1, **kw):
    return Player(parameters, torch.optim.SGD(parameters, lr=lr), **kw)


def pair(a=2.0, b=3.0):
    first, second = nn.Parameter(torch.tensor([a])), nn.Parameter(torch.tensor([b]))
    return first, second, Updater({"generator": sgd(first), "discriminator": sgd(second)})


def test_a_named_loss_moves_only_its_named_parameters():
    a, b, update = pair()
    update(generator=(a * b).sum())  # its gradient with respect to b is 2, which nobody asked for
    assert a.item() == pytest.approx(2 - 0.1 * 3)
    assert b.item() == 3.0
    assert b.grad is None


def test_a_simultaneous_move_equals_the_hand_computation():
    # minimise ab over a, maximise it over b: the second gradient must be taken before the first step.
    a, b, update = pair()
    product = (a * b).sum()
    update(generator=product, discriminator=-product)
    assert a.item() == pytest.approx(2 - 0.1 * 3)
    assert b.item() == pytest.approx(3 + 0.1 * 2)  # 3 + .1 * 1.7 had the generator moved first


def test_two_losses_may_hang_on_one_graph():
    network, judge = nn.Linear(3, 4), nn.Linear(4, 1)
    update = Updater({"g": sgd(*network.parameters()), "d": sgd(*judge.parameters())})
    before = weights_of(network), weights_of(judge)
    score = judge(network(torch.rand(2, 3)).tanh()).square().mean()
    update(g=-score, d=score + 1)
    assert not torch.equal(before[0]["weight"], network.weight)
    assert not torch.equal(before[1]["weight"], judge.weight)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_the_guard_leaves_every_weight_untouched(bad, where):
    a, b, update = pair()
    update.phase, update.iteration = "adversarial", 11
    # The root of 0 is finite, its gradient is not.
    wrong = (b * bad).sum() if where == "loss" else (b - 3.0).sqrt().sum()
    with pytest.raises(Diverged, match=f"the {where} of 'discriminator'.*'adversarial', round 12") as caught:
        update(generator=(a * 2).sum(), discriminator=wrong)
    assert (a.item(), b.item()) == (2.0, 3.0)
    assert (caught.value.player, caught.value.phase, caught.value.iteration) == ("discriminator", "adversarial", 11)
    assert a.grad is None
    assert update.players["generator"].updates == 0
    update(generator=(a * 2).sum())  # and the updater still works
    assert a.item() == pytest.approx(1.8)


def test_micro_batches_add_up_to_the_whole_batch():
    x = torch.rand(8, 3)
    networks = [nn.Linear(3, 1) for _ in range(3)]
    for other in networks[1:]:
        other.load_state_dict(networks[0].state_dict())
    whole, lazy, listed = (Updater({"g": sgd(*network.parameters())}) for network in networks)
    whole(g=networks[0](x).square().mean())
    lazy(g=((networks[1](part).square().mean() / 4, {"rows": len(part)}) for part in x.split(2)))
    outputs = networks[2](x)  # one graph for all parts
    listed(g=[outputs[k : k + 2].square().mean() / 4 for k in range(0, 8, 2)])
    for other in networks[1:]:
        assert torch.allclose(networks[0].weight, other.weight, atol=1e-7)
    assert lazy.drain()["g/rows"] == 2.0
    assert whole.drain()["g/loss"] == pytest.approx(listed.drain()["g/loss"])


def test_a_lazy_iterable_keeps_one_graph_at_a_time():
    network, alive = nn.Linear(2, 1), []

    class Counted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            alive.append("made")
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            alive.append("used")
            return grad

    update = Updater({"g": sgd(*network.parameters())})
    update(g=(Counted.apply(network(torch.rand(2, 2))).sum() for _ in range(3)))
    assert alive == ["made", "used"] * 3


def test_metrics_are_means_since_the_last_drain():
    a, _, update = pair(a=0.0)
    for value in (1.0, 2.0):
        update(generator=(a.sum() + value - a.sum().detach(), {"reward": torch.tensor(10 * value), "plain": value}))
    means = update.drain()
    assert means == {
        "generator/loss": 1.5, "generator/grad_norm": 1.0, "generator/reward": 15.0, "generator/plain": 1.5,
    }  # fmt: skip
    assert update.drain() == {}


def test_clip_and_learning_rate_schedule():
    weight = nn.Parameter(torch.zeros(2))
    player = Player.built([weight], Optimiser("sgd", lr=1.0, clip=1.0, factor=Schedule(1.0, end=0.0, over=2)))
    update = Updater({"g": player})
    update(g=(weight * torch.tensor([3.0, 4.0])).sum())  # norm 5, clipped to 1
    assert weight.tolist() == pytest.approx([-0.6, -0.8], abs=1e-5)
    assert update.drain()["g/grad_norm"] == pytest.approx(5.0)
    update(g=weight.sum() * 0.1)
    assert weight.tolist() == pytest.approx([-0.65, -0.85], abs=1e-5)  # at half the rate


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "sgd"])
def test_every_optimiser_moves(name):
    weight = nn.Parameter(torch.ones(2))
    Updater({"g": Player.built([weight], Optimiser(name, lr=0.1))})(g=weight.sum())
    assert (weight < 1).all()


def test_players_that_are_not_named_are_untouched():
    a, b, update = pair()
    momentum = update.players["discriminator"]
    update(generator=a.sum())
    assert momentum.updates == 0
    assert b.item() == 3.0


def test_mistakes_are_named():
    a, b, update = pair()
    with pytest.raises(ValueError, match="did you mean 'generator'"):
        update(generater=a.sum())
    with pytest.raises(ValueError, match="depends on none of its parameters"):
        update(generator=b.sum())
    with pytest.raises(ValueError, match="depends on none of its parameters"):
        update(generator=a.detach().sum())
    with pytest.raises(ValueError, match="at least one named loss"):
        update()
    with pytest.raises(ValueError, match="empty iterable"):
        update(generator=[])
    shared = Updater({"mle": sgd(a), "policy": sgd(a)})
    with pytest.raises(ValueError, match="'mle' and 'policy' share parameters"):
        shared(mle=a.sum(), policy=a.sum())
    assert (a.item(), b.item()) == (2.0, 3.0)


def test_two_players_on_the_same_parameters_keep_an_optimiser_each():
    weight = nn.Parameter(torch.ones(1))
    update = Updater({
        "generator": Player.built([weight], Optimiser("adam", lr=0.1)),
        "policy": Player.built([weight], Optimiser("adam", lr=0.1)),
    })  # fmt: skip
    update(generator=weight.sum())
    update(policy=weight.sum())
    assert [len(player.optimiser.state) for player in update.players.values()] == [1, 1]
    assert weight.item() == pytest.approx(0.8)


def test_a_frozen_parameter_stays():
    layer = nn.Linear(2, 1)
    layer.bias.requires_grad_(False)
    update, before = Updater({"g": Player.built(layer.parameters(), Optimiser())}), weights_of(layer)
    update(g=layer(torch.ones(1, 2)).sum())
    assert torch.equal(layer.bias, before["bias"])
    assert not equal(before, weights_of(layer))
    with pytest.raises(ValueError, match="at least one parameter"):
        Player.built([layer.bias], Optimiser())


def test_progress_ticks_once_a_move():
    a, b, update = pair()
    ticks = []
    update.tick = lambda: ticks.append(1)
    update(generator=a.sum(), discriminator=b.sum())
    assert len(ticks) == 1
