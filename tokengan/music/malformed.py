"""What is raised for a text that is no tune."""

from __future__ import annotations

from tokengan.errors import UserError

__all__ = ["MalformedTune"]


class MalformedTune(UserError):
    """A text that is not well-formed ABC, or no sequence of pitches; the message says where and why."""
