"""VAE: its loss by hand, a code that is used and one that is ignored, and the encoder's own steps."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokengan.generators.latent import Latent
from tokengan.generators.posterior import Gaussian
from tokengan.losses.elbo import FreeBits
from tokengan.methods.vae import VAE
from tokengan.metrics.base import Given
from tokengan.metrics.evaluator import Evaluator, final_report
from tokengan.metrics.latent import Codes
from tokengan.metrics.law import NLLTest
from tokengan.modes import evaluating
from tokengan.optimiser import Optimiser
from tokengan.schedules import Schedule
from tokengan.sequences import Sequences
from tokengan.tasks.oracle import OracleTask
from tokengan.tasks.text import TextTask
from tokengan.training.health import diagnose
from tokengan.training.updater import Updater, players_of


@pytest.fixture(scope="module")
def task() -> OracleTask:
    """Eight sequences, sixteen times each, of which no token says which one it is."""
    task = OracleTask(vocab_size=2, length=3, size=128, valid=64, test=64, hidden=4)
    every = torch.tensor([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    for name, copies in (("train", 16), ("valid", 8), ("test", 8)):
        tokens = every.repeat(copies, 1)
        setattr(task, name, Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool)))
    return task


def small(spec: Any, **changes: Any) -> Latent:
    return Latent(spec, **{"latent": 3, "embedding": 8, "hidden": 16, **changes})


def ready(task: Any, **settings: Any) -> VAE:
    method = VAE(task, **{"generator": small, "generator_optimiser": Optimiser(lr=1e-2), "batch_size": 32, **settings})
    method.update = Updater(players_of(method))
    return method.train()


def figures(method: VAE) -> dict[str, float]:
    given = Given([["x"]], extra={"inference": method.generator, "heldout": method.task.test})
    return {figure.name: figure.value for figure in Codes().compute(given)}


def weights(module: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def moved(before: list[Tensor], module: nn.Module) -> bool:
    return any(not torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


# ---- the loss


def test_both_terms_are_sums_over_a_sentence_and_means_over_sentences(tmp_path: Path) -> None:
    """By hand, row by row, on rows of different lengths: dividing one term by the length would be another beta."""
    lines = tmp_path / "lines.txt"
    lines.write_text("".join(f"{' '.join('abcdefgh'[n % 3 : n % 3 + 1 + n % 5])} {n}\n" for n in range(30)))
    method = ready(TextTask(str(lines)), batch_size=4)
    x = method.task.train.select(slice(0, 4))
    assert len(x.lengths.unique()) > 1
    value, logged = method.loss(x, beta=0.3)
    normals = VAE(method.task, small, batch_size=4).noise("latent", 4).normals(4, 3)
    total = 0.0
    for i in range(4):
        row = x.select(slice(i, i + 1)).trim()
        q = method.generator.infer(row)
        z = q.mean + (q.logvar / 2).exp() * normals[i]
        laws = method.generator(method.generator.given(row, z))["logits"].log_softmax(-1)
        nll = -sum(laws[0, t, token].item() for t, token in enumerate(row.tokens[0].tolist()))
        kl = 0.5 * sum(
            m**2 + math.exp(v) - v - 1 for m, v in zip(q.mean[0].tolist(), q.logvar[0].tolist(), strict=True)
        )
        total += (nll + 0.3 * kl) / 4
    assert value.item() == pytest.approx(total, rel=1e-5)
    assert logged["reconstruction"].item() > 3


def test_beta_follows_epochs_and_is_logged(task: OracleTask) -> None:
    method = ready(task, kl_weight=Schedule(0.0, end=1.0, over=2, cycles=2, rise=0.5), epochs=3)
    seen = []
    for k in range(3 * method.batches.per_epoch):
        method.step(k)
        seen.append(method.update.drain()["generator/kl_weight"])
    assert seen == [0, 0.5, 1, 1, 0, 0.5, 1, 1, 1, 1, 1, 1]


# ---- used, or ignored


def test_a_code_for_each_of_eight_sentences_is_learnt(task: OracleTask) -> None:
    """Mutual information log 8, reconstruction 0: the one-to-one table; and the bound is log p's."""
    method = ready(task, kl_weight=Schedule(0.1), generator_optimiser=Optimiser(lr=2e-2))
    for k in range(160):
        method.step(k)
    found = figures(method)
    assert found["mutual information"] == pytest.approx(math.log(8), abs=0.15)
    assert found["reconstruction"] < 0.2
    assert found["active units"] >= 2
    assert found["latent KL"] > found["mutual information"]  # KL = I + KL(q(z) || p(z))
    assert diagnose([{"figures": found}], None) == []
    bound = NLLTest().compute(Given([["x"]], extra={"law": method.generator, "heldout": task.test}))[0]
    assert math.log(8) / 3 - 0.01 < bound.value < found["-ELBO"]
    assert "upper bound, 10 importance-weighted draws" in bound.signature


def test_a_decoder_that_ignores_its_code_lets_the_posterior_become_the_prior(task: OracleTask) -> None:
    """Active units 0, mutual information 0, KL 0 at the optimum of the ELBO: and it is said in words."""

    def deaf(spec: Any) -> Latent:
        generator = small(spec)
        for weight in (generator.begin.weight, generator.layers[0].weight_ih_l0[:, -3:]):
            weight.data.zero_()
        generator.begin.weight.requires_grad_(False)
        generator.layers[0].weight_ih_l0.requires_grad_(False)
        nn.init.normal_(generator.encoder.code.weight)
        return generator

    method = ready(task, generator=deaf, kl_weight=Schedule(1.0), generator_optimiser=Optimiser(lr=3e-2))
    assert figures(method)["latent KL"] > 0.3
    for k in range(120):
        method.step(k)
    found = figures(method)
    assert found["latent KL"] < 0.02
    assert found["mutual information"] < 0.02
    assert found["active units"] == 0
    (finding,) = diagnose([{"figures": found}], None)
    assert "the posterior has collapsed" in finding.text
    assert "writes without it" in finding.text
    assert not finding.stop


def test_collapse_is_seen_during_training_and_said_in_the_report(task: OracleTask) -> None:
    method = ready(task, kl_weight=Schedule(5.0))
    for k in range(60):
        method.step(k)
    with evaluating(method), torch.no_grad():
        during = {name: figure.to_json() for name, figure in Evaluator(samples=64)(method).items()}
        report = final_report(method, samples=64)
    assert [finding.monitor for finding in diagnose([{"figures": during}], None)] == ["posterior collapse"]
    assert "The posterior has collapsed" in report.text()
    shown = {figure.name: figure.signature for figure in report.figures}
    assert {"latent KL", "reconstruction", "-ELBO", "active units", "mutual information"} <= shown.keys()
    assert "upper bound" in shown["NLL-test"]
    assert "upper bound" in shown["NLL-div"]
    assert "upper bound" not in shown["NLL-oracle"]


def test_a_kl_above_0_without_information_is_a_collapse_too(task: OracleTask) -> None:
    """q differs from the prior and ignores x: KL 1.5, mutual information 0."""
    method = ready(task)
    nn.init.zeros_(method.generator.encoder.code.weight)
    method.generator.encoder.code.bias.data = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    found = figures(method)
    assert found["latent KL"] == pytest.approx(1.5, abs=1e-5)
    assert found["mutual information"] == pytest.approx(0, abs=1e-6)
    (finding,) = diagnose([{"figures": found}], None)
    assert "no proof" in finding.text


def test_codes_that_fill_a_part_of_the_prior_are_seen(task: OracleTask) -> None:
    """Without a KL the aggregate posterior need not match the prior: variance far from 1."""
    method = ready(task, kl_weight=Schedule(0.0))
    for k in range(60):
        method.step(k)
    found = figures(method)
    findings = diagnose([{"figures": found}], None)
    assert abs(math.log(found["aggregate posterior variance"])) > math.log(2)
    assert [finding.monitor for finding in findings] == ["aggregate posterior"]


def test_word_dropout_is_off_in_every_figure(task: OracleTask) -> None:
    method = ready(task, generator=lambda spec: small(spec, word_dropout=0.9))
    one, two = figures(method), figures(method)
    method.generator.word_dropout.p = 0.0
    assert one == two == figures(method)
    assert method.generator.word_dropout.training  # and on again afterwards


# ---- aggressive inference


def scripted(method: VAE, values: list[float]) -> None:
    """Give the losses a script."""
    script = iter(values)
    anchor = method.generator.encoder.code.bias
    method.loss = lambda x, beta: (anchor.sum() * 0 + next(script), {})


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        ([1.0] * 99, 30),  # a second block that is no lower
        ([10.0] * 15 + [9.0] * 15 + [9.5] * 69, 45),
        ([100.0 - n for n in range(99)], 99),  # still falling: the most there may be
    ],
)
def test_the_encoder_catches_up_until_a_block_of_15_is_no_lower(
    task: OracleTask, values: list[float], steps: int
) -> None:
    method = ready(task, encoder_steps=99)
    scripted(method, values)
    method.catch_up(1.0)
    assert method.update.players["encoder"].updates == steps


def test_catching_up_moves_the_encoder_alone_and_a_step_then_the_decoder(task: OracleTask) -> None:
    method = ready(task, encoder_steps=4)
    encoder, whole = method.generator.encoder, method.generator
    decoder = nn.ModuleList([whole.embedding, whole.layers, whole.begin, whole.output])
    before = weights(encoder), weights(decoder)
    method.catch_up(1.0)
    assert moved(before[0], encoder)
    assert not moved(before[1], decoder)
    before = weights(encoder), weights(decoder)
    method.catch_up = lambda beta: None  # type: ignore[method-assign]
    method.step(0)
    assert not moved(before[0], encoder)
    assert moved(before[1], decoder)


def test_it_ends_for_good_when_held_out_information_falls(task: OracleTask) -> None:
    method = ready(task, encoder_steps=2)
    last = method.batches.per_epoch - 1
    method.step(last)
    assert method.aggressive
    assert method.information > -0.01
    method.information.fill_(10.0)  # as if an epoch before it had been higher
    method.step(last)
    assert not method.aggressive
    before = method.update.players["encoder"].updates
    method.step(0)
    method.look()
    assert not method.aggressive
    assert method.update.players["encoder"].updates == before  # from now on both move together
    assert method.update.players["generator"].updates == 1


def test_the_free_bits_of_the_method_reach_its_loss(task: OracleTask) -> None:
    method = ready(task, free_bits=FreeBits(30.0))
    value, logged = method.loss(task.train.select(slice(0, 8)), beta=1.0)
    assert value.item() == pytest.approx(logged["reconstruction"].item() + 30)
    value.backward()
    assert method.generator.encoder.code.bias.grad.abs().max() < 10  # of the reconstruction alone


def test_samples_are_written_from_the_prior(task: OracleTask) -> None:
    method = ready(task)
    x = method.write(500)
    assert Gaussian.standard(x.condition["latent"]).log_density(x.condition["latent"]).mean() == pytest.approx(
        -3 / 2 * (1 + math.log(2 * math.pi)), abs=0.2
    )
