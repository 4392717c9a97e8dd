"""Trajectories on sparse gradients beside torch's own classes for them."""

import warnings

import numpy as np
import pytest

import lrcore as lrc

torch = pytest.importorskip("torch")

PAIRS = {
    "SGD": (lrc.SGD, {"lr": 0.05}, {}, {}),
    "Adagrad": (lrc.Adagrad, {"lr": 0.05}, {"eps": 1e-10}, {}),
    "SparseAdam": (lrc.Adam, {"lr": 0.05}, {}, {"eps_hat": True}),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_updates_by_rows_follow_torch_on_sparse_gradients(name, dtype):
    cls, options, theirs, ours = PAIRS[name]
    rng = np.random.default_rng(0)
    w = rng.standard_normal((50, 8)).astype(dtype)
    p = torch.nn.Parameter(torch.from_numpy(w.copy()))
    opt = cls({"emb": w}, **options, **ours)
    other = getattr(torch.optim, name)([p], **options, **theirs)
    for _ in range(300):
        rows = rng.integers(0, 50, 12)  # some come twice
        g = rng.standard_normal((12, 8)).astype(dtype)
        opt.step_rows({"emb": (rows, g)})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that invariants of sparse tensors are not checked
            p.grad = torch.sparse_coo_tensor(
                torch.from_numpy(rows)[None], torch.from_numpy(g), p.shape
            )
            other.step()
    # roundings of 300 updates of at most 0.05 each; near a root of almost zero they count more
    tolerance = {np.float32: 2e-4, np.float64: 1e-12}[dtype]
    np.testing.assert_allclose(w, p.detach().numpy(), rtol=tolerance, atol=tolerance)
