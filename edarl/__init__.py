"""edarl: datapath circuits found by reinforcement learning with synthesis in the loop.

This package imports nothing heavy; each room below it is imported on its own.
"""

__version__ = "0.1.0"
__all__ = ["__version__"]
