"""Rates as pure functions of the update index: `catalogue` lists them."""
