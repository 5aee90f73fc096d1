"""Methods that two processes train as one does, small enough for a test."""

from training_toys import Toy, loss_of

from tokengan.discriminators.cnn import HighwayCNN
from tokengan.estimators.baselines import EMA
from tokengan.estimators.credit import RollOut
from tokengan.estimators.reinforce import Reinforce
from tokengan.generators.recurrent import LSTM
from tokengan.methods.mle import MLE
from tokengan.methods.seqgan import SeqGAN
from tokengan.schedules import Schedule
from tokengan.tasks.oracle import OracleTask
from tokengan.tasks.text import TextTask


def lstm(spec):
    return LSTM(spec, embedding=8, hidden=8)


def seqgan(rows=100, batch_size=48):
    """All of SeqGAN: roll-outs, a baseline over the global batch, pairs of real and generated rows."""
    return SeqGAN(
        OracleTask(vocab_size=9, length=4, size=rows, valid=10, test=10),
        generator=lstm,
        discriminator=lambda spec: HighwayCNN(spec, embedding=4, widths=[1, 2], filters=[4, 4], dropout=0.0),
        credit=lambda: RollOut(n=3),
        estimator=lambda: Reinforce(EMA),
        mle_epochs=2,
        d_rounds=1,
        rounds=3,
        d_steps=1,
        d_epochs=1,
        batch_size=batch_size,
    )


def scheduled():
    """Sentences of different lengths, a share of whose inputs the model writes itself."""
    task = TextTask("emoji", max_lines=200, max_length=8)
    return MLE(task, generator=lstm, epochs=2, batch_size=16, gold=Schedule(0.5))


def uneven():
    """Rows that two processes cannot share evenly: a row less is written, and one less is in half a batch."""
    return seqgan(rows=101, batch_size=50)


METHODS = {"toy": Toy, "seqgan": seqgan, "scheduled": scheduled, "uneven": uneven}


def figures(method):
    """Return the figures of an evaluation: the toy's loss, nothing of the others."""
    return loss_of(method) if isinstance(method, Toy) else {}
