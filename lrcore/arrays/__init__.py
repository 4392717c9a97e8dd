"""Parameters, gradients and state as arrays in memory."""
