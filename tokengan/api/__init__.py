"""What the command line does, as functions: train, resume, load, evaluate."""

from tokengan.api.functions import evaluate, load, resume, train
from tokengan.api.model import Model
from tokengan.api.session import Session, TrainedRun

__all__ = ["Model", "Session", "TrainedRun", "evaluate", "load", "resume", "train"]
