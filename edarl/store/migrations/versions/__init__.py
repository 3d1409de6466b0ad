"""One module for each version of the store's tables, in order."""

__all__: list[str] = []
