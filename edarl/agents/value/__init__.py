"""Value models: what a design will cost, foretold from its physics and learnt from evaluations.

- ``base``: examples, and what a model is.
- ``scale``: features and costs relative to the same problem's regular structures.
- ``ensemble``: small perceptrons side by side. ``saving``: trained ones in files.
- ``foreteller``: an ensemble in a search, learning on every evaluation.

Modules are imported one by one, since only ``base`` and ``scale`` do without PyTorch.
"""

__all__: list[str] = []
