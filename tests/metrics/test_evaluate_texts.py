"""Signatures, splits, real-text rows and errors of `evaluate_texts`."""

import json
import math

import pytest

from tokengan.errors import UserError
from tokengan.metrics import (
    Figure,
    Given,
    Metric,
    comparable,
    evaluate,
    evaluate_texts,
    known_metrics,
    missing,
    require_same_signature,
    table,
    to_json,
)
from tokengan.training.progress import Progress

SAMPLES = ["a cat sat", "a dog sat", "a dog sat"]
REFERENCE = ["a cat ran", "the dog sat", "a bird sang", "it rained"]
TRAIN = ["a cat sat", "the cat sat"]


def by_name(*texts, **settings):
    return {figure.name: figure for figure in evaluate_texts(*texts, **settings)}


def test_pain_05_figures_of_different_signatures_are_refused():
    base = by_name(SAMPLES, REFERENCE)["BLEU-2"]
    others = [
        by_name(SAMPLES, REFERENCE[:3])["BLEU-2"],  # fewer references
        by_name(SAMPLES, ["other words", *REFERENCE[1:]])["BLEU-2"],  # other references, as many
        by_name(SAMPLES[:2], REFERENCE)["BLEU-2"],  # fewer hypotheses
        by_name(SAMPLES, REFERENCE, lowercase=True)["BLEU-2"],
        by_name(SAMPLES, REFERENCE, tokens="char")["BLEU-2"],
        by_name(SAMPLES, REFERENCE)["BLEU-3"],
    ]
    for other in others:
        assert not comparable(base, other)
        with pytest.raises(UserError) as refusal:
            require_same_signature([base, base, other])
        assert base.signature in str(refusal.value)
        assert other.signature in str(refusal.value)
    assert comparable(base, by_name(SAMPLES[::-1], REFERENCE[::-1])["BLEU-2"])
    require_same_signature([base, base])
    require_same_signature([])


def test_the_signature_says_how_a_number_was_computed():
    parts = by_name(SAMPLES, REFERENCE)["BLEU-2"].signature.split("|")
    assert parts[:4] == ["BLEU-2", "smoothing=method1", "mean of sentences", "hyps=3"]
    assert parts[4].startswith("refs=4#")
    assert parts[5:7] == ["tok=word", "case=mixed"]
    assert parts[7].startswith("tokengan ")


def test_pain_07_every_metric_declares_its_split_needs_and_direction():
    for name, metric in known_metrics().items():
        assert name == metric.name
        assert metric.split in metric.needs <= {"samples", "reference", "train", "features"}
        assert metric.direction in {"higher", "lower", "none"}
        assert metric.bounds[0] < metric.bounds[1]
    splits = {name: figure.split for name, figure in by_name(SAMPLES, REFERENCE, TRAIN).items()}
    assert splits["BLEU-2"] == "test"
    assert splits["BLEU-2 (train lines)"] == "test"
    assert splits["Self-BLEU-2"] == "samples"
    assert splits["Self-BLEU-2 (reference)"] == "test"
    assert splits["novelty-2"] == "train"
    assert by_name(SAMPLES, REFERENCE, reference_split="valid")["BLEU-2"].split == "valid"


def test_pain_07_a_reference_that_is_the_training_text_is_not_called_test():
    figures = by_name(SAMPLES, TRAIN[::-1], TRAIN)
    assert figures["BLEU-2"].split == "train"
    assert "memory" in figures["BLEU-2"].note
    assert figures["Self-BLEU-2 (reference)"].split == "train"


def test_real_text_stands_beside_every_figure():
    figures = by_name(SAMPLES, REFERENCE, TRAIN)
    compared = ("BLEU", "MS-Jaccard", "JS", "length", "mean length", "LM", "reverse LM")
    labels = {name: "train lines" if name.startswith(compared) else "reference" for name in figures if "(" not in name}
    assert set(figures) == set(labels) | {f"{name} ({label})" for name, label in labels.items()}
    # Of the four references as many are drawn as there are samples, so the two may stand in one column.
    assert comparable(figures["Self-BLEU-2"], figures["Self-BLEU-2 (reference)"])
    # There are fewer training lines than samples, and the signatures say so.
    assert not comparable(figures["BLEU-2"], figures["BLEU-2 (train lines)"])
    without_real = by_name(SAMPLES)
    assert not any("(" in name for name in without_real)


def test_real_text_is_drawn_alike_in_whatever_order_it_comes():
    texts = [REFERENCE, ["a cat sat", "one more", "two more", "three more", "the end"]]
    figures = evaluate_texts(SAMPLES, *texts)
    for figure, reversed_figure in zip(figures, evaluate_texts(SAMPLES, *[t[::-1] for t in texts]), strict=True):
        assert figure.signature == reversed_figure.signature
        assert figure.value == pytest.approx(reversed_figure.value, abs=1e-12, nan_ok=True)


def test_ceilings_stand_in_the_report_on_coco(words):
    train, test = ([" ".join(s) for s in words(f"coco-captions/{name}.tok.txt")] for name in ("train", "test"))
    figures = by_name(test, test, train, metrics=["bleu", "self-bleu"])
    assert round(figures["BLEU-2 (train lines)"].value, 3) == 0.743
    assert round(figures["Self-BLEU-5 (reference)"].value, 3) == 0.460
    assert figures["Self-BLEU-5 (reference)"].value == pytest.approx(figures["Self-BLEU-5"].value, abs=1e-12)


def test_an_empty_sample_counts_and_an_empty_reference_line_does_not():
    full = by_name(["a b c", "a b c"], ["a b c"])["BLEU-2"].value
    figures = by_name(["a b c", ""], ["a b c", "", "  "])
    assert figures["BLEU-2"].value == pytest.approx(full / 2)
    assert "refs=1#" in figures["BLEU-2"].signature


def test_lower_case_and_characters():
    assert by_name(["A Cat"], ["a cat"])["BLEU-2"].value == 0.0
    assert by_name(["A Cat"], ["a cat"], lowercase=True)["BLEU-2"].value == pytest.approx(1.0)
    assert by_name(["CCO"], ["CCN"], tokens="char")["BLEU-2"].value == pytest.approx((2 / 3 * 1 / 2) ** 0.5)


def test_files_are_read_a_sequence_a_line_and_blank_samples_count(tmp_path):
    samples = ["a cat sat", "", "a dog sat"]
    for name, texts in {"samples.txt": samples, "reference.txt": REFERENCE}.items():
        (tmp_path / name).write_bytes(("\ufeff" + "\r\n".join(texts) + "\r\n").encode())
    from_files = evaluate_texts(tmp_path / "samples.txt", str(tmp_path / "reference.txt"))
    for read, given in zip(from_files, evaluate_texts(samples, REFERENCE), strict=True):
        assert read.signature == given.signature
        assert read.value == pytest.approx(given.value, nan_ok=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"samples": []}, "samples text is empty"),
        ({"samples": ["", " "]}, "samples text is empty"),
        ({"samples": ["a"], "reference": [""]}, "reference text is empty"),
        ({"samples": ["a"], "train": []}, "train text is empty"),
        ({"samples": ["a"], "metrics": ["bleuu"]}, "no metric 'bleuu'; did you mean 'bleu'"),
        ({"samples": ["a"], "metrics": ["bleu"]}, "bleu cannot be computed: .*--reference"),
        ({"samples": ["a"], "metrics": ["novelty"]}, "novelty cannot be computed: .*--train"),
        ({"samples": ["a"], "tokens": "words"}, "tokens is 'words'; did you mean 'word'"),
        ({"samples": ["a", 3]}, "item 1 of the samples is int"),
        ({"samples": "no/such/file.txt"}, "no/such/file.txt"),
    ],
)
def test_mistakes_are_told_in_a_sentence(arguments, words):
    with pytest.raises(UserError, match=words):
        evaluate_texts(**arguments)


def test_a_binary_file_is_refused(tmp_path):
    (tmp_path / "weights.txt").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UserError, match=r"weights\.txt"):
        evaluate_texts(tmp_path / "weights.txt")


class NeedsOracle(Metric):
    name, needs, direction, bounds, split = "nll-oracle", frozenset({"oracle"}), "lower", (0.0, math.inf), "samples"

    def compute(self, given):
        return [self.figure("NLL-oracle", given.extra["oracle"], given)]


def test_a_metric_from_outside_reads_extras_and_gets_no_real_text_row():
    assert (
        missing(NeedsOracle(), Given([["a"]])) == "nll-oracle cannot be computed: it needs oracle, which is not there."
    )
    with pytest.raises(UserError, match="needs oracle"):
        evaluate(Given([["a"]]), [NeedsOracle()])
    figures = evaluate(Given([["a"]], [["a"]], [["a"]], extra={"oracle": 5.75}), [NeedsOracle()])
    assert [(figure.name, figure.value) for figure in figures] == [("NLL-oracle", 5.75)]


class Shown(Progress):
    def __init__(self):
        self.phases = []

    def phase(self, name, rounds, done):
        self.phases.append((name, rounds, done))


def test_progress_names_each_metric_and_shows_on_a_terminal_alone(monkeypatch, capsys):
    shown = Shown()
    evaluate(Given([["a"]], [["a"]]), [known_metrics()[name] for name in ("distinct", "js")], shown)
    assert shown.phases == [("distinct", 2, 0), ("js", 2, 1)]
    evaluate_texts(SAMPLES, REFERENCE, progress=True)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    evaluate_texts(SAMPLES, REFERENCE)
    assert capsys.readouterr() == ("", "")
    evaluate_texts(SAMPLES, REFERENCE, metrics=["js"], progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "js" in shown.err
    assert "0/1" in shown.err


def test_table_and_json():
    figures = evaluate_texts(SAMPLES[:1], REFERENCE)
    lines = table(figures).split("\n")
    assert lines[0].split() == ["figure", "value", "better", "split", "how", "note"]
    assert sum(line.startswith("Self-BLEU") for line in lines) == 8
    loaded = json.loads(json.dumps(to_json(figures), allow_nan=False))
    assert [entry["name"] for entry in loaded] == [figure.name for figure in figures]
    assert table([Figure("x", math.inf, "none", "test", "x|n=1")]).split("\n")[1].split() == ["x", "-", "test", "[1]"]
