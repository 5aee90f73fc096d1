"""Music: tunes in ABC notation and pitch sequences, what they sound like and how they score. Nothing to install."""
