"""Trajectories of other libraries' update rules, by the tables of their page.

`python tests/support/peer_rules.py PACKAGE ...` runs the rows of these packages as installed, and
writes them into peer_rules.json; with `--print` it prints them instead, for a test to read: it is
a process of its own, because JAX (which optax and Keras load) forbids its process to fork.
"""

import importlib.metadata
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from places import DATA, DOCS

PAGE = DOCS / "guide" / "migration_rules.md"
RECORD = DATA / "peer_rules.json"
DTYPES = ("float64", "float32")
UPDATES, HALVED, LR = 300, 150, 0.02  # the rate is half as high from that update on
KEPT = (1, UPDATES)  # after so many updates the parameters are kept

Array = NDArray[Any]
Gradient = Callable[[Array, int], Array]
# Parameters after each update, by the code of a row.
Driver = Callable[[str, Array, Gradient], Iterator[Array]]


class Row(NamedTuple):
    """A row of a table: code of the other library and ours, and what is said of them."""

    package: str
    theirs: str
    ours: str
    words: str


def tables() -> Iterator[tuple[str, str]]:
    """The package of each table of the page that has a pair of codes in each row, and its rows."""
    text = PAGE.read_text()
    for head in re.finditer(
        r"^\| ([\w-]+) [\d.]+ \| lrcore \| .+\n\|---\|---\|---\|\n", text, re.M
    ):
        yield head[1], text[head.end() :].split("\n\n")[0]


def alike() -> list[Row]:
    """The rows whose sides are the same rule."""
    return [
        Row(package, *_cells(r"\| `(.+)` \| `(.+)` \|(.*) \|", line))
        for package, table in tables()
        for line in table.splitlines()
    ]


def unlike() -> list[Row]:
    """The rows whose sides are not."""
    table = PAGE.read_text().split("| first | in the end | why |\n|---|---|---|---|---|---|\n")[1]
    lines = table.split("\n\n")[0].splitlines()
    return [Row(*_cells(r"\| (\S+) \| `(.+)` \| `(.+)` \| (.+) \|", line)) for line in lines]


def _cells(pattern: str, line: str) -> tuple[Any, ...]:
    found = re.fullmatch(pattern, line)
    if not found:
        raise ValueError(f"{PAGE}: no such row: {line}")
    return found.groups()


def problem(ours: str, dtype: Any) -> tuple[Array, Gradient]:
    """Start, and the gradient of a noisy quadratic at update t; a leader starts from zeros."""
    rng = np.random.default_rng(29)
    shape = (4, 3)
    curvature = np.geomspace(0.1, 3.0, 12).reshape(shape).astype(dtype)
    target = rng.standard_normal(shape).astype(dtype)
    noise = rng.standard_normal((UPDATES, *shape)) * np.geomspace(1e-3, 1.0, 12).reshape(shape)
    start = rng.standard_normal(shape) * (not ours.startswith("FTRL"))
    return start.astype(dtype), lambda p, t: curvature * (p - target) + noise[t].astype(dtype)


def factor(t: int) -> float:
    return 1.0 if t < HALVED else 0.5


def of_torch(namespace: Any) -> Driver:
    """Of torch.optim, and of those that follow its manners."""

    def driver(code: str, start: Array, gradient: Gradient) -> Iterator[Array]:
        import torch

        torch.set_num_threads(1)
        p = torch.nn.Parameter(torch.tensor(start))
        opt = eval(code, {**vars(namespace()), "p": [p], "lr": LR})
        if hasattr(opt, "train"):
            opt.train()
        first = opt.param_groups[0]["lr"]
        for t in range(UPDATES):
            opt.param_groups[0]["lr"] = first * factor(t)
            p.grad = torch.tensor(gradient(p.detach().numpy(), t))
            opt.step()
            yield p.detach().numpy()

    return driver


def torch_optim() -> Any:
    import torch

    return torch.optim


def timm_optim() -> Any:
    import timm.optim

    return timm.optim


def pytorch_optimizer() -> Any:
    import pytorch_optimizer

    return pytorch_optimizer


def schedulefree() -> Any:
    import schedulefree

    return schedulefree


def optax(code: str, start: Array, gradient: Gradient) -> Iterator[Array]:
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    names = {**vars(optax), "lr": lambda t: LR * jax.numpy.where(t < HALVED, 1.0, 0.5)}
    rule = eval(code, names)
    update = jax.jit(rule.update)
    p = jax.numpy.asarray(start)
    state = rule.init(p)
    for t in range(UPDATES):
        updates, state = update(jax.numpy.asarray(gradient(np.asarray(p), t)), state, p)
        p = optax.apply_updates(p, updates)
        yield np.asarray(p)


def keras(code: str, start: Array, gradient: Gradient) -> Iterator[Array]:
    import keras

    keras.config.set_floatx(start.dtype.name)
    opt = eval(code, {**vars(keras.optimizers), "lr": LR})
    first = float(opt.learning_rate)
    p = keras.Variable(start, dtype=start.dtype.name)
    for t in range(UPDATES):
        opt.learning_rate = first * factor(t)
        g = gradient(np.asarray(keras.ops.convert_to_numpy(p)), t)
        opt.apply_gradients([(keras.ops.convert_to_tensor(g), p)])
        yield np.asarray(keras.ops.convert_to_numpy(p))


def scikit_learn(code: str, start: Array, gradient: Gradient) -> Iterator[Array]:
    """What the fit of a perceptron makes of its arguments."""
    from sklearn.neural_network import MLPClassifier, _stochastic_optimizers

    net = eval(code, {"MLPClassifier": MLPClassifier, "lr": LR})
    p = start.copy()
    if net.solver == "adam":
        opt = _stochastic_optimizers.AdamOptimizer(
            [p], net.learning_rate_init, net.beta_1, net.beta_2, net.epsilon
        )
    else:
        opt = _stochastic_optimizers.SGDOptimizer(
            [p], net.learning_rate_init, "constant", net.momentum, net.nesterovs_momentum
        )
    for t in range(UPDATES):
        opt.learning_rate = opt.learning_rate_init = net.learning_rate_init * factor(t)
        opt.update_params([p], [gradient(p, t)])
        yield p


def pennylane(code: str, start: Array, gradient: Gradient) -> Iterator[Array]:
    import pennylane

    opt = eval(code, {**vars(pennylane), "lr": LR})
    p = pennylane.numpy.array(start, requires_grad=True)
    for t in range(UPDATES):
        opt.stepsize = LR * factor(t)
        (p,) = opt.apply_grad((gradient(p, t),), (p,))
        yield p


def autograd(code: str, start: Array, gradient: Gradient) -> Iterator[Array]:
    from autograd.misc import optimizers

    lr, seen = np.array(LR, start.dtype), []

    def watch(x: Array, t: int, g: Array) -> None:
        lr[...] = LR * factor(t)
        seen.append(x.copy())

    names = {**vars(optimizers), "grad": gradient, "p": start, "lr": lr, "watch": watch}
    last = eval(code.replace("p,", f"p, watch, {UPDATES},", 1), names)
    yield from [*seen[1:], last]


def river(code: str, start: Array, gradient: Gradient) -> Iterator[Array]:
    from river import optim

    opt = eval(code, {**vars(optim), "lr": LR})
    w = dict(enumerate(start.ravel().tolist()))

    def now() -> Array:
        return np.array(list(w.values()), start.dtype).reshape(start.shape)

    for t in range(UPDATES):
        if hasattr(opt, "lr"):
            opt.lr = optim.schedulers.Constant(LR * factor(t))
        opt.step(w, dict(enumerate(gradient(now(), t).ravel().tolist())))
        yield now()


DRIVERS: dict[str, Driver] = {
    "torch": of_torch(torch_optim),
    "optax": optax,
    "keras": keras,
    "timm": of_torch(timm_optim),
    "pytorch-optimizer": of_torch(pytorch_optimizer),
    "schedulefree": of_torch(schedulefree),
    "scikit-learn": scikit_learn,
    "pennylane": pennylane,
    "autograd": autograd,
    "river": river,
}


def version(package: str) -> str:
    return importlib.metadata.version(package).partition("+")[0]


def trajectory(row: Row, dtype: str) -> list[list[float]]:
    """The parameters after the numbers of updates that are kept; none if they leave the dtype."""
    start, gradient = problem(row.ours, dtype)
    kept = []
    for t, p in enumerate(DRIVERS[row.package](row.theirs, start, gradient), 1):
        if p.dtype != dtype:
            return []
        if t in KEPT:
            kept.append([float(x) for x in p.ravel()])
    return kept


def run(package: str) -> dict[str, Any]:
    found: dict[str, Any] = {"version": version(package)}
    for row in [*alike(), *unlike()]:
        if row.package == package:
            kept = {dtype: trajectory(row, dtype) for dtype in DTYPES}
            found[row.theirs] = {dtype: values for dtype, values in kept.items() if values}
    return found


def written(record: dict[str, Any]) -> str:
    """As JSON with a line for each row."""
    packages = []
    for package, results in record.items():
        lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in results.items()]
        packages.append(f" {json.dumps(package)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(packages) + "\n}\n"


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "torch")
    results = {package: run(package) for package in sys.argv[1:] if package != "--print"}
    if "--print" in sys.argv:
        print(json.dumps(results))
    else:
        recorded = json.loads(RECORD.read_text()) if RECORD.exists() else {}
        RECORD.write_text(written(recorded | results))
