"""Adversarial losses: the games that discriminators play."""
