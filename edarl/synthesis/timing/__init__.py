"""The own timer and sizer: NLDM timing and gate sizing in compiled code, behind `Evaluator`."""
