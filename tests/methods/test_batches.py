"""The order in which rows are seen."""

from __future__ import annotations

import pytest
import torch

from tokengan.methods.batches import Batches, bucketed
from tokengan.methods.mle import MLE
from tokengan.tasks.oracle import OracleTask


@pytest.mark.parametrize(("rows", "size", "bucket"), [(60, 4, 5), (61, 4, 5), (63, 4, 100), (7, 9, 2), (1, 4, 3)])
def test_bucketed_rows_are_each_seen_once_in_batches_of_about_one_length(rows, size, bucket):
    torch.manual_seed(0)
    lengths = torch.randint(1, 40, (rows,))
    batches = Batches(rows, size, seed=3, order=bucketed(lengths, size, bucket))
    seen = [batches.next() for _ in range(batches.per_epoch)]
    assert len(torch.cat(seen).unique()) == batches.per_epoch * batches.size
    chance = Batches(rows, size, seed=3)
    mixed = [chance.next() for _ in range(chance.per_epoch)]

    def padding(epoch: list[torch.Tensor]) -> int:
        return int(sum((lengths[rows].max() - lengths[rows]).sum() for rows in epoch))

    assert padding(seen) < padding(mixed) / 2 or len(seen) == 1
    # No epoch is another's, batches do not come by length, and what is left out changes.
    again = [batches.next() for _ in range(batches.per_epoch)]
    if len(seen) > 2:
        assert [sorted(one.tolist()) for one in seen] != [sorted(one.tolist()) for one in again]
        means = [lengths[one].float().mean() for one in seen]
        assert means != sorted(means)


def test_every_row_is_left_out_as_often_as_others():
    lengths = torch.arange(9)
    batches = Batches(9, 4, order=bucketed(lengths, 4, 2))
    left = torch.zeros(9)
    for _ in range(900):
        seen = torch.cat([batches.next(), batches.next()])
        left += 1 - torch.zeros(9).index_fill(0, seen, 1)
    assert left.sum() == 900
    assert left.min() > 60
    assert left.max() < 140


def test_likelihood_takes_buckets_and_goes_on_in_the_middle_of_an_epoch():
    task = OracleTask(length=5, vocab_size=20, size=40, valid=4, test=4)
    method, other = MLE(task, batch_size=4, bucket=3), MLE(task, batch_size=4, bucket=3)
    for _ in range(7):
        method.batches.next()
    other.load_state_dict(method.state_dict())
    assert torch.equal(method.batches.next(), other.batches.next())
    with pytest.raises(ValueError, match="at least 1 batch, not 0"):
        MLE(task, bucket=0)
