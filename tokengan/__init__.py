"""Train, compare and use generators of discrete sequences that learn from a discriminator or a reward.

>>> import tokengan
>>> sorted(tokengan.__all__)
['Model', 'TrainedRun', 'UserError', 'evaluate', 'load', 'resume', 'train']
"""

from typing import TYPE_CHECKING, Any

from tokengan.errors import UserError

if TYPE_CHECKING:
    from tokengan.api import Model, TrainedRun, evaluate, load, resume, train

__all__ = ["Model", "TrainedRun", "UserError", "evaluate", "load", "resume", "train"]


def __getattr__(name: str) -> Any:
    """Import torch only when something that needs it is asked for (PEP 562)."""
    if name in __all__:
        from tokengan import api

        return getattr(api, name)
    raise AttributeError(f"module 'tokengan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
