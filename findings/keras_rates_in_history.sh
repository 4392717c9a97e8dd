#!/usr/bin/env bash
# What surprises: with ReduceLROnPlateau before LearningRateScheduler in the list of callbacks, the
# rates in Keras's history are not those that epochs were trained at: a cut is shown an epoch early.
# And with a schedule of the epoch alone, the cut is in the history but was never used at all.
# Why it matters: a plot of loss over rate, or a run repeated from its history, uses wrong rates.
# What one expects: history["learning_rate"] is the rate of that epoch, and two callbacks that both
# set a rate either work together or complain.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 jax==0.10.2 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import os

os.environ |= {"KERAS_BACKEND": "jax", "KERAS_HOME": os.getcwd()}
import keras
import numpy as np


class Used(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.rates = []

    def on_train_batch_begin(self, batch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate))


def trained(schedule):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(optimizer=keras.optimizers.SGD(0.5), loss="mse")
    plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=2)
    used = Used()
    callbacks = [plateau, keras.callbacks.LearningRateScheduler(schedule), used]
    zeros = np.zeros((4, 1))  # the loss is 0 from the start: a plateau
    history = model.fit(zeros, zeros, 4, epochs=6, verbose=0, callbacks=callbacks).history
    return used.rates, [float(rate) for rate in history["learning_rate"]]


print("keras", keras.__version__)
answers = {"f(epoch, lr) = lr": trained(lambda epoch, lr: lr), "f(epoch) = 0.5": trained(lambda e: 0.5)}
for schedule, (used, history) in answers.items():
    print(schedule, "\n  used   ", used, "\n  history", history)
first, second = answers.values()
assert first == ([0.5, 0.5, 0.5, 0.25, 0.25, 0.125], [0.5, 0.5, 0.25, 0.25, 0.125, 0.125])
assert second == ([0.5] * 6, [0.5, 0.5, 0.25, 0.5, 0.25, 0.5]), "the behaviour has changed"
PROGRAM
