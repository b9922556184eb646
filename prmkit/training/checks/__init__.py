"""The checks of `prmkit doctor`; `prmkit.training.doctor` makes them."""
