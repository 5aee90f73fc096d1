"""From rewards to a gradient: credit, baselines, estimators."""
