"""# Stride first, tiptoe later

Schedules compared on one network: a high rate that falls beats every constant one.

Think of a helicopter that lets you down somewhere in the mountains, in fog, and of the way to the
bottom of the valley. Far up long strides are right: the direction is roughly the same for a
long while. Near the bottom the same strides carry you over it from side to side, and you tiptoe.
A rate that is right for one half of the way is wrong for the other.

Here it is a perceptron on handwritten digits, trained by SGD for 10 epochs: at five constant rates,
a factor of 2 to 5 apart, and with schedules that start at the highest of them.

- The low constant rates have not arrived after 10 epochs.
- The highest, 0.4, is down to 0.2 after three epochs, and stays there: that is its noise.
- In between there is a best one, and it must be searched for; a schedule from 0.4 down to 0 beats
  it without a search, because on its way it uses all of them.

How it falls matters less than that it falls: the half cosine and the straight line end alike, and
both end lower than two drops by a factor of 10 do, which are early for so short a run.
Figures are means of four runs that differ in everything that is random. The loss is that on the
training rows, which is what a rate is there to lower; for the other side see stop_early.py.

It needs scikit-learn for the digits: `pip install 'lrcore[demo]'`.
"""

import numpy as np

import lrcore as lrc
from lesson import BLUE, GREEN, GREY, ORANGE, main
from lrcore.demo import datasets, network

EPOCHS, BATCH, SEEDS = 10, 16, 4
DATA = [datasets.load(seed=seed) for seed in range(SEEDS)]
UPDATES = EPOCHS * -(-len(DATA[0].y_train) // BATCH)


def train(schedule, seed):
    """The mean training loss of each epoch."""
    data, rng = DATA[seed], np.random.default_rng(seed)
    params = network.create([data.X_train.shape[1], 100, len(data.classes)], rng)
    opt = lrc.SGD(params, lr=schedule)
    losses = []
    for _ in range(UPDATES):
        rows = rng.integers(len(data.y_train), size=BATCH)
        X = data.X_train[rows] + data.noise * rng.standard_normal((BATCH, data.X_train.shape[1]))
        loss, grads = network.loss_and_gradients(params, X.astype(np.float32), data.y_train[rows])
        opt.step(grads)
        losses.append(loss)
    return np.reshape(losses, (EPOCHS, -1)).mean(axis=1)


SCHEDULES = {f"constant {rate}": lrc.Constant(rate) for rate in (0.004, 0.02, 0.1, 0.2, 0.4)} | {
    "0.4, a tenth after each third": lrc.StepDecay(0.4, every=-(-UPDATES // 3)),
    "0.4 to 0 in a line": lrc.Linear(0.4, 0.0, UPDATES),
    "0.4 to 0, half a cosine": lrc.CosineAnnealing(0.4, UPDATES),
}
curves = {
    name: np.mean([train(schedule, seed) for seed in range(SEEDS)], axis=0)
    for name, schedule in SCHEDULES.items()
}
for name, curve in curves.items():
    print(f"{name:30} {curve[0]:.3f} in epoch 1, {curve[-1]:.3f} in epoch {EPOCHS}")

last = {name: curve[-1] for name, curve in curves.items()}
best = min(last[name] for name in last if name.startswith("constant"))
# the mean of four runs has a standard error of about 5 %
assert last["0.4 to 0, half a cosine"] < 0.85 * best
assert last["0.4 to 0 in a line"] < 0.85 * best
assert last["0.4, a tenth after each third"] > 1.3 * last["0.4 to 0, half a cosine"]
assert last["constant 0.004"] > 4 * best
assert last["constant 0.4"] > 2 * best


def draw(figure):
    """The loss over the epochs, and the rates."""
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    colors = ("#cccccc", "#aaaaaa", "#888888", "#444444", ORANGE, GREY, GREEN, BLUE)
    for (name, curve), color in zip(curves.items(), colors, strict=True):
        style = "--" if name.startswith("0.4, a tenth") else "-"
        left.plot(np.arange(1, EPOCHS + 1), curve, style, color=color, marker=".", label=name)
        rates = SCHEDULES[name](np.arange(UPDATES))
        right.plot(np.linspace(0, EPOCHS, UPDATES), rates, style, color=color)
    left.set(xlabel="epoch", ylabel="training loss (nats)", yscale="log", xlim=(0.7, 17))
    left.set_xticks(range(1, EPOCHS + 1))
    left.legend(fontsize="x-small", loc="upper right")
    right.set(xlabel="epoch", ylabel="learning rate", yscale="log", ylim=(2e-3, 0.6))


if __name__ == "__main__":
    main(draw)
