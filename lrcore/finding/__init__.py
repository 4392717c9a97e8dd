"""Finding and judging a rate: range test, diagnosis, curvature, noise of gradients."""
