"""Benchmarks for asv. Their parameters come from the library's own lists."""
