"""Switching dropout off for a while, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["evaluating", "without_dropout"]


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Put modules in eval mode and give each part its own mode back afterwards.

    >>> net = nn.Dropout()
    >>> with evaluating(net):
    ...     net.training
    False
    >>> net.training
    True
    """
    parts = [(part, part.training) for module in modules for part in module.modules()]
    try:
        for module in modules:
            module.eval()
        yield
    finally:
        for part, training in parts:
            part.training = training


@contextmanager
def without_dropout(*modules: nn.Module) -> Iterator[None]:
    """Switch only the dropout layers off: a recurrent layer in eval mode has no backward pass on CUDA."""
    with evaluating(*(part for module in modules for part in module.modules() if isinstance(part, nn.Dropout))):
        yield
