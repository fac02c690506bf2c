"""What the package costs in time, as ratios measured in one run: ``python -m benchmarks``."""
