"""SIGINT and SIGTERM: the first asks the run to save after its round, the second ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["StopAsked", "stop_on_signals"]


class StopAsked:
    """Whether, and by what, the run was asked to stop."""

    def __init__(self) -> None:
        self.by = ""

    def __bool__(self) -> bool:
        return bool(self.by)


@contextmanager
def stop_on_signals(say: Callable[[str], None]) -> Iterator[StopAsked]:
    """Catch SIGINT and SIGTERM for a while.

    >>> with stop_on_signals(lambda text: None) as stop:
    ...     signal.raise_signal(signal.SIGTERM)
    ...     stop.by
    'SIGTERM'
    """
    stop = StopAsked()
    if threading.current_thread() is not threading.main_thread():  # only the main thread may catch signals
        yield stop
        return
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = {kind: signal.getsignal(kind) for kind in kinds}

    def caught(kind: int, frame: FrameType | None) -> None:
        del frame
        if stop:
            raise KeyboardInterrupt
        stop.by = signal.Signals(kind).name
        say(f"{stop.by}: finishing this round, then saving. Once more to stop at once.")

    try:
        for kind in kinds:
            signal.signal(kind, caught)
        yield stop
    finally:
        for kind, handler in before.items():
            # None: it was installed outside Python, and cannot be put back from here.
            signal.signal(kind, signal.SIG_DFL if handler is None else handler)
