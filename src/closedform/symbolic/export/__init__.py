"""One file per target that a formula can be written for."""
