"""Figures of numbers and words; Matplotlib is imported inside."""
