"""Prefix graphs and the circuits they compute. No files, no tools, no netlists."""
