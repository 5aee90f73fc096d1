"""Networks that judge sequences."""
