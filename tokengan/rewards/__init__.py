"""Judgements of sequences: what a policy gradient maximises."""
