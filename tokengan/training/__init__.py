"""The one trainer, and what it needs: updates, checkpoints, run folders, health monitors."""
