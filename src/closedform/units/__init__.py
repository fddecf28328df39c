"""Physical units: what the columns are measured in, what a formula of them is measured in, and which make no sense."""
