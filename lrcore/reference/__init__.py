"""Every rule in plain NumPy, which is the specification of the core."""
