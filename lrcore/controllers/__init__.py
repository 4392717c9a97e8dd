"""Factors on the rate that follow what is reported: `catalogue` lists them."""
