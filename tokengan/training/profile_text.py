"""A profile for people: a table of parts by phases, and one line of advice where a setting would help."""

from __future__ import annotations

import os
from typing import Any

import torch

from tokengan.training.profile import REST, Profile, peak_memory
from tokengan.training.trainer import TrainerSettings

__all__ = ["advice", "as_json", "as_text"]

SPEAKS = 0.2  # share of the whole from which evaluation or saving is worth a word
LEADS = 0.5  # and from which a part of the game is


def as_json(profile: Profile, method: Any, settings: TrainerSettings) -> dict[str, Any]:
    """Return what was measured: seconds, calls and tokens by phase and part, memory in MiB, and the advice."""
    phases: dict[str, dict[str, Any]] = {}
    total = profile.total()
    for (phase, part), seconds in profile.seconds.items():
        entry = phases.setdefault(phase, {"seconds": 0.0, "parts": {}, "tokens": {}})
        entry["seconds"] += seconds
        entry["parts"][part] = {"seconds": seconds, "calls": profile.calls.get((phase, part), 0)}
    for (phase, kind), count in profile.tokens.items():
        phases[phase]["tokens"][kind] = count
    return {
        "seconds": total,
        "phases": phases,
        "memory": peak_memory(method.device),
        "threads": torch.get_num_threads(),
        "advice": advice(profile, method, settings),
    }


def as_text(found: dict[str, Any]) -> str:
    """Return the table of what `as_json` returned: seconds, parts by phases, the longest part first.

    >>> part = {"sampling": {"seconds": 3.0, "calls": 2}, "start and the rest": {"seconds": 1.0, "calls": 0}}
    >>> phase = {"seconds": 4.0, "parts": part, "tokens": {"written": 600}}
    >>> print(as_text({"seconds": 4.0, "phases": {"game": phase}, "memory": {"memory": 99.6}, "threads": 1,
    ...                "advice": ""}))
    seconds              game  all  share
    sampling              3.0  3.0   75 %
    start and the rest    1.0  1.0   25 %
    all                   4.0  4.0  100 %
    share               100 %
    <BLANKLINE>
    sampling: 200 tokens/s written; game: 150 tokens/s; memory at most 100 MiB; threads: 1
    """
    phases = {name: phase for name, phase in found["phases"].items() if name}
    whole = found["seconds"] or 1.0
    sums: dict[str, float] = {}
    for phase in found["phases"].values():
        for part, measured in phase["parts"].items():
            sums[part] = sums.get(part, 0.0) + measured["seconds"]
    rows = [("seconds", *phases, "all", "share")]
    for part in sorted(sums, key=lambda part: -sums[part]):
        times = [phase["parts"].get(part, {}).get("seconds") for phase in phases.values()]
        cells = ["" if seconds is None else f"{seconds:.1f}" for seconds in times]
        rows.append((part, *cells, f"{sums[part]:.1f}", f"{100 * sums[part] / whole:.0f} %"))
    spent = [phase["seconds"] for phase in phases.values()]
    rows.append(("all", *(f"{seconds:.1f}" for seconds in spent), f"{whole:.1f}", "100 %"))
    rows.append(("share", *(f"{100 * seconds / whole:.0f} %" for seconds in spent), "", ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in rows
    ]
    said = [*_speeds(found), *(f"{name} at most {size:.0f} MiB" for name, size in found["memory"].items())]
    last = [f"Advice: {found['advice']}"] if found["advice"] else []
    return "\n".join([*lines, "", "; ".join([*said, f"threads: {found['threads']}"]), *last])


def _speeds(found: dict[str, Any]) -> list[str]:
    """Return tokens a second: of a part while it works, and of a phase, those read from the data and those written."""
    said: list[str] = []
    for part, kind in (("sampling", "written"), ("scoring", "judged")):
        seconds = sum(phase["parts"].get(part, {}).get("seconds", 0.0) for phase in found["phases"].values())
        tokens = sum(phase["tokens"].get(kind, 0) for phase in found["phases"].values())
        if seconds and tokens:
            said.append(f"{part}: {tokens / seconds:,.0f} tokens/s {kind}")
    for name, phase in found["phases"].items():
        tokens = sum(phase["tokens"].get(kind, 0) for kind in ("read", "written"))
        if tokens and phase["seconds"]:
            said.append(f"{name}: {tokens / phase['seconds']:,.0f} tokens/s")
    return said


def advice(profile: Profile, method: Any, settings: TrainerSettings) -> str:
    """Return the setting that would save most, or "" where no part is out of proportion."""
    total = max(profile.total(), 1e-9)
    own = {phase.name for phase in method.phases() if phase.eval_every is None}

    def share(*parts: str, phases: set[str] | None = None) -> float:
        found = (
            s for (phase, part), s in profile.seconds.items() if phases is None or phase in phases if part in parts
        )
        return sum(found) / total

    for part, setting in (("evaluation", "eval_every"), ("checkpoints", "save_every")):
        # Phases that stop early have intervals of their own.
        spent, now = share(part, phases=own if part == "evaluation" else None), getattr(settings, setting)
        if spent >= SPEAKS:
            less = f"--trainer.{setting} {4 * now} (now {now}) would leave about a quarter of that"
            return f"{part} in phases without an early stop took {100 * spent:.0f} % of the time: {less}"
    n = getattr(getattr(method, "credit", None), "n", 1)
    spent = share("roll-outs", "scoring")
    if spent >= LEADS and n > 1:
        return (
            f"roll-outs and their scores took {100 * spent:.0f} % of the time, which grows with --credit.n (now {n}): "
            "fewer completions of a prefix cost less and give noisier returns"
        )
    spent = share("discriminator: losses", "discriminator: backward", "discriminator: optimiser")
    steps = [f"--{name} (now {value})" for name in ("d_steps", "d_epochs") if (value := getattr(method, name, 1)) > 1]
    if spent >= LEADS and steps:
        return f"the discriminator's training took {100 * spent:.0f} % of the time: {' or '.join(steps)} sets how much"
    idle = _cores() - torch.get_num_threads()
    if idle > 0 and method.device.type == "cpu" and share(REST, "evaluation", "checkpoints") < LEADS:
        return f"{idle} of {_cores()} cores had nothing to do: OMP_NUM_THREADS={_cores()} may help"
    return ""


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
