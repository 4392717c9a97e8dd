"""The optimizers, their options and their state: `catalogue` lists them."""
