"""Every monitor fires where it should, and is silent where it should be."""

import pytest
import torch

from tokengan.generators.recurrent import LSTM
from tokengan.noise import Noise
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.law import nll
from tokengan.sampling.write import write
from tokengan.sequences import masked_mean
from tokengan.spec import Spec
from tokengan.training import health
from tokengan.training.health import D_ACCURACY, NLL_DIV, TOP_SHARE, UNIQUE_SHARE, diagnose


def record(phase="adversarial", training=None, **figures):
    names = {"accuracy": D_ACCURACY, "entropy": NLL_DIV, "unique": UNIQUE_SHARE, "top": TOP_SHARE}
    return {"phase": phase, "figures": {names[k]: v for k, v in figures.items()}, "training": training or {}}


START = record(phase="pretrain generator", entropy=4.0, unique=0.9, top=0.01)
HEALTHY = {"accuracy": 0.7, "entropy": 3.0, "unique": 0.8, "top": 0.02}
CALM = {"policy/grad_norm": 1.0, "policy/reward_spread": 0.1, "policy/behaviour_gap": 1e-6, "policy/loss": 0.3}


def test_a_healthy_run_is_left_alone():
    assert diagnose([record(training=CALM, **HEALTHY)] * 5, START) == []


def test_no_records_or_figures_mean_no_findings():
    assert diagnose([], START) == []
    assert diagnose([record()], None) == []


@pytest.mark.parametrize(
    ("accuracy", "verdict"), [(0.49, "memorisation"), (0.5, "no signal"), (0.549, "no signal"), (0.995, "saturated")]
)
def test_pain_15_the_discriminators_accuracy_is_read_in_words(accuracy, verdict):
    finding = health.discriminator([record(accuracy=accuracy)], START)
    assert verdict in finding.text
    assert not finding.stop


@pytest.mark.parametrize("accuracy", [0.55, 0.7, 0.98])
def test_an_accuracy_in_the_band_is_no_finding(accuracy):
    assert health.discriminator([record(accuracy=accuracy)], START) is None


def test_an_untrained_discriminator_is_not_judged_in_the_first_phase():
    assert health.discriminator([record(accuracy=0.5)], None) is None


def test_reward_spread():
    assert "'policy'" in health.reward_spread([record(training={"policy/reward_spread": 1e-5})], START).text
    assert health.reward_spread([record(training={"policy/reward_spread": 0.05})], START) is None


def test_gradients():
    def norms(*values, phase="adversarial"):
        return [record(phase, {"policy/grad_norm": value}) for value in values]

    assert "exploded" in health.gradients(norms(1, 2, 1, 300), START).text
    assert "vanished" in health.gradients(norms(1, 1, 1, 1e-9), START).text
    assert health.gradients(norms(1, 2, 1, 30), START) is None
    assert health.gradients(norms(1, 300), START) is None  # too few to know what is usual
    # Another phase has another loss, so its norms say nothing.
    assert health.gradients([*norms(1, 1, 1, phase="pretrain generator"), *norms(300)], START) is None


def test_entropy_and_unique_share():
    assert "25%" in health.entropy([record(entropy=1.0)], START).text
    assert health.entropy([record(entropy=2.5)], START) is None
    assert health.entropy([record(entropy=1.0)], None) is None  # learning lowers it in the first phase
    assert "20%" in health.unique([record(unique=0.2)], START).text
    assert health.unique([record(unique=0.5)], START) is None


def test_collapse_says_stop_only_when_it_lasts():
    sick, well = record(top=0.8, entropy=1.0), record(**HEALTHY)
    finding = health.collapse([well, sick, sick], START)
    assert finding.stop
    assert "80%" in finding.text
    assert health.collapse([well, sick], START) is None
    assert health.collapse([sick, well], START) is None
    assert health.collapse([sick, sick], None) is None
    assert health.collapse([sick, sick], record(top=0.45)) is None  # the data are like that
    assert "entropy" in health.collapse([record(entropy=0.1)] * 2, START).text
    # Evaluations of another phase do not count as "running".
    assert health.collapse([record(phase="other", top=0.8), sick], START) is None


def test_figures_with_a_signature_are_read_too():
    signed = {"phase": "a", "figures": {D_ACCURACY: {"value": 0.4, "split": "test"}}, "training": {}}
    assert "memorisation" in health.discriminator([signed], START).text
    missing = {"phase": "a", "figures": {D_ACCURACY: None}, "training": {}}
    assert health.discriminator([missing], START) is None


@pytest.mark.parametrize(("temperature", "warns"), [(1.0, False), (0.5, True)])
def test_pain_16_behaviour_logprobs_that_differ_from_recomputed_ones_are_reported(temperature, warns):
    """Samples drawn at one temperature and scored at another: the gap is seen; scored under the same law it is not."""
    torch.manual_seed(0)
    generator = LSTM(Spec(vocab_size=8, max_length=5), hidden=8, init_std=1.0)
    decoding = Decoding(temperature=temperature)
    y = write(generator, 64, Noise(torch.Generator().manual_seed(1)), decoding)

    def gap(outputs):
        return masked_mean((-nll(outputs, y) - y.logp).abs(), y.chosen).item()

    naive, right = gap(generator(y)), gap({"logits": generator(y)["logits"] / temperature})
    finding = health.behaviour_gap([record(training={"policy/behaviour_gap": naive})], START)
    assert (finding is not None) == warns
    assert health.behaviour_gap([record(training={"policy/behaviour_gap": right})], START) is None
