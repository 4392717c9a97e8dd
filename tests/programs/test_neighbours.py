"""Arrays that come from, or are shared with, another library, as in docs/guide/pitfalls.md."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import PYTHON

import lrcore as lrc


class Immutable:
    """A gradient as JAX makes it: an array for who asks, and no NumPy array."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values, np.float32)
        self.values.flags.writeable = False

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.values, dtype, copy=copy)


class Tensor(np.ndarray):
    """An array with a mark, as PennyLane has it."""

    requires_grad = True


def with_jax(program: str) -> None:
    """In a process of its own, because JAX forbids its process to fork."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")
    head = "import jax, jax.numpy as jnp, numpy as np, lrcore as lrc\n"
    done = subprocess.run([*PYTHON, "-c", head + program], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_immutable_gradients_change_the_array_itself() -> None:
    w = np.ones(3)
    seen = w
    lrc.SGD(w, lr=0.1).step(Immutable([1, 2, 3]))
    np.testing.assert_allclose(seen, [0.9, 0.8, 0.7], rtol=1e-15)


def test_gradients_of_jax_change_the_array_itself() -> None:
    with_jax(
        "w = np.ones(3); seen = w\n"
        "g = jax.grad(lambda w: (w * w).sum())(w)\n"
        "lrc.SGD(w, lr=0.1).step(g)\n"
        "np.testing.assert_allclose(seen, 0.8, rtol=1e-7)\n"  # g is float32
        "w -= 0.1 * g\n"
        "assert w is not seen and isinstance(w, jax.Array) and w.dtype == 'float32'\n"
    )


def test_who_shares_the_memory_sees_the_step() -> None:
    w = np.ones(3)
    view, copy = np.from_dlpack(w), w.copy()
    lrc.SGD(w, lr=0.5).step(np.ones(3))
    assert (view.tolist(), copy.tolist()) == ([0.5] * 3, [1.0] * 3)


def test_an_array_that_jax_copied_stays_as_it_was() -> None:
    with_jax(
        "block = np.ones(1024 + 16, np.float32)\n"
        "w = block[-block.ctypes.data % 64 // 4 :][:1024]\n"
        "shared, copies = jax.device_put(w), [jnp.array(w), jnp.asarray(w)]\n"
        "lrc.SGD(w, lr=0.5).step(np.ones_like(w))\n"
        "assert shared[0] == 0.5, shared[0]\n"
        "assert [each[0] for each in copies] == [1, 1]\n"
    )


def test_a_step_leaves_the_class_and_the_marks_of_an_array_alone() -> None:
    w = np.ones(3).view(Tensor)
    w.requires_grad = False
    seen: Any = w
    lrc.SGD(w, lr=0.5).step(np.ones(3))
    assert w is seen
    assert (type(seen), seen.requires_grad, seen.tolist()) == (Tensor, False, [0.5] * 3)


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
@pytest.mark.parametrize("order", ["transposed", "Fortran", "every second", "reversed"])
def test_an_array_in_any_order_comes_back_from_a_file(
    order: str, ending: str, tmp_path: Path
) -> None:
    if ending == "safetensors":
        pytest.importorskip("safetensors")

    def start() -> tuple[Any, lrc.Optimizer]:
        block = np.arange(24.0).reshape(4, 6)
        views = {
            "transposed": block.T,
            "Fortran": np.asfortranarray(block),
            "every second": block[:, ::2],
            "reversed": block[::-1],
        }
        w = {"w": views[order]}
        return w["w"], lrc.Adam(w, lr=0.1)

    w, opt = start()
    opt.step({"w": np.arange(float(w.size)).reshape(w.shape)})
    opt.save(tmp_path / f"run.{ending}", params=True)
    other, again = start()
    again.load(tmp_path / f"run.{ending}", params=True)
    np.testing.assert_array_equal(other, w)
    for one, two in zip((w, other), (opt, again), strict=True):
        two.step({"w": one.copy()})
    np.testing.assert_array_equal(other, w)
