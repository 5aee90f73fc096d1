"""One function over many texts, in worker processes where it pays; the answers are the same in either way.

A worker is `python -m tokengan.chem.worker`, spoken to in lines of JSON. It imports neither the user's script (no
`__main__` guard is needed, unlike with multiprocessing's spawn) nor torch, shares no state with a forked parent, and
ends when its parent does. JSON writes floats so that they are read back to the same bits.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["SMALL", "SMALL_IF_SLOW", "cores", "mapped"]

T = TypeVar("T")

# Fewer different texts than this are done here: starting workers takes about a second, 2,000 molecules about as long.
SMALL = 2_000
# The same for functions that take several milliseconds a text rather than half of one.
SMALL_IF_SLOW = 250
CHUNK = 250
# Set in workers, which start none of their own.
INSIDE = "TOKENGAN_CHEM_WORKER"


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def mapped(
    function: Callable[..., T], texts: Sequence[str], workers: int | None = None, small: int = SMALL, **settings: Any
) -> list[T]:
    """Return `function(text, **settings)` for each text, once for each different one.

    Args:
        function: At the top of a module, or an attribute of what is; gives what JSON can hold (no tuples).
        texts: Any number of texts.
        workers: Processes; None: one a core. With 1, everything is done here.
        small: With fewer different texts everything is done here too.
        settings: Passed on; plain values.

    >>> mapped(str.upper, ["a", "b", "a"])
    ['A', 'B', 'A']
    """
    different = list(dict.fromkeys(texts))
    workers = cores() if workers is None else workers
    if workers < 2 or len(different) < small or INSIDE in os.environ:
        answers = [function(text, **settings) for text in different]
    else:
        # By process: a fork must not write into its parent's pipes.
        answers = _crew(workers, os.getpid()).map(f"{function.__module__}:{function.__qualname__}", different, settings)
    by_text = dict(zip(different, answers, strict=True))
    return [by_text[text] for text in texts]


class _Crew:
    """Worker processes and the threads that speak to them."""

    def __init__(self, count: int) -> None:
        # The parent's search path, so that functions of modules beside a script are found.
        path = os.pathsep.join(filter(None, sys.path))
        environment = {**os.environ, INSIDE: "1", "PYTHONPATH": path}
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tokengan.chem.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                encoding="utf-8",
                # Ctrl-C in the terminal is for the parent, which then closes the pipes.
                start_new_session=True,
            )
            for _ in range(count)
        ]
        self._idle: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        for process in self._processes:
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(count)
        atexit.register(self.close)

    def map(self, function: str, texts: list[str], settings: dict[str, Any]) -> list[Any]:
        chunks = [texts[i : i + CHUNK] for i in range(0, len(texts), CHUNK)]
        parts = self._threads.map(lambda chunk: self._ask(function, chunk, settings), chunks)
        return [answer for part in parts for answer in part]

    def _ask(self, function: str, texts: list[str], settings: dict[str, Any]) -> list[Any]:
        process = self._idle.get()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(json.dumps({"function": function, "texts": texts, "settings": settings}) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = ""
        finally:
            self._idle.put(process)
        if not line:
            _crew.cache_clear()
            raise RuntimeError(
                f"a worker process ended (exit status {process.wait(10)}) in {function}, somewhere in "
                f"{len(texts)} texts from {texts[0]!r} on; with workers=1 it is done in this process"
            )
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{function} failed on {answer['text']!r}: {answer['error']}")
        return answer["values"]

    def close(self) -> None:
        for process in self._processes:
            if process.stdin is not None and not process.stdin.closed:
                process.kill()
                process.communicate()
        self._threads.shutdown(wait=False)


@cache
def _crew(count: int, process: int) -> _Crew:
    del process
    return _Crew(count)
