"""# The kink

Where a loss has a kink, no constant rate converges, however low; a falling one does.

The loss `|theta - 19|` has a slope of 1 on one side and of -1 on the other. An update moves by the
rate, whatever the distance: at rate 1 from 15.5 the path is 16.5, 17.5, 18.5, 19.5, 18.5, 19.5, ...
for ever (from 16 it would hit 19, by luck). The gradient gives the direction and never says that
the minimum is near. A loss that goes up and down by the same amount is the sign of a rate that is
too high, and to lower it is the cure.

- A rate that falls with `t`, for example `InverseTimeDecay(1, 0.5)`, that is `1 / (1 + t / 2)`:
  once the kink has been crossed, the distance is at most the rate that was used last.
- A rate that falls when the loss stops improving, `ReduceOnPlateau(factor=0.5, patience=1)`: each
  halving halves the bounce. Here it lands on 19 to the last bit, because 18.5 and 19.5 are half a
  step from it; elsewhere the bounce shrinks with the rate.
- A lower constant rate only makes a smaller bounce: at most the rate, for ever.

What a falling rate costs: it must still be able to get there. Its first 200 values sum up to 9.8,
so from 0.5, 18.5 away, it is still 8.7 short. To wait for a plateau has no such limit.

The same with `|1 + theta - 5|` from -1.5: rate 1 ends between 3.5 and 4.5, on either side of 4.
"""

import numpy as np

import lrcore as lrc
from lesson import BLUE, GREEN, GREY, ORANGE, main


def descend(start, kink, rate, updates=200, plateau=None):
    """Where theta goes, and the rate that each update used."""
    theta = np.array(start)
    opt = lrc.SGD(theta, lr=rate, controller=plateau)
    path, rates = [float(theta)], []
    for _ in range(updates):
        opt.step(np.sign(theta - kink))
        if plateau:
            plateau.update(float(abs(theta - kink)))
        path.append(float(theta))
        rates.append(opt.last_lr)
    return np.array(path), np.array(rates)


falling = lrc.InverseTimeDecay(1.0, 0.5)
paths = {
    "constant rate 1": descend(15.5, 19, 1.0),
    "constant rate 0.1": descend(15.5, 19, 0.1),
    "InverseTimeDecay(1, 0.5)": descend(15.5, 19, falling),
    "ReduceOnPlateau(0.5, 1)": descend(15.5, 19, 1.0, plateau=lrc.ReduceOnPlateau(0.5, 1)),
}
for name, (path, rates) in paths.items():
    print(f"{name:25} ends at {path[-1]:.6f}, last rate {rates[-1]:.3g}")

constant = paths["constant rate 1"][0]
assert constant[3:7].tolist() == [18.5, 19.5, 18.5, 19.5]
assert set(constant[3:]) == {18.5, 19.5}
small, rates = paths["constant rate 0.1"]
assert 0.01 < np.abs(small[-50:] - 19).max() <= 0.1 + 1e-12  # 200 additions round by less
path, rates = paths["InverseTimeDecay(1, 0.5)"]
crossed = int(np.argmax(path > 19))
assert np.all(np.abs(path[crossed:] - 19) <= rates[crossed - 1 :])
assert paths["ReduceOnPlateau(0.5, 1)"][0][-1] == 19

other = {
    "constant rate 1": descend(-1.5, 4, 1.0)[0],
    "InverseTimeDecay(1, 0.5)": descend(-1.5, 4, falling)[0],
}
off = abs(other["InverseTimeDecay(1, 0.5)"][-1] - 4)
print(f"|1 + theta - 5| from -1.5: the falling rate ends {off:.2g} away, as it happens this time")
assert set(other["constant rate 1"][6:]) == {3.5, 4.5}
assert off < 1e-7

short, rates = descend(0.5, 19, falling)
print(f"from 0.5: the rates sum up to {rates.sum():.2f}, and {19 - short[-1]:.2f} are missing")
assert np.isclose(19 - short[-1], 18.5 - rates.sum())
assert rates.sum() < 9.8
assert descend(0.5, 19, 1.0, plateau=lrc.ReduceOnPlateau(0.5, 1))[0][-1] == 19


def draw(figure):
    """The first updates, and the size of the bounce over all."""
    left, right = figure.subplots(1, 2)
    for (name, (path, _)), color in zip(paths.items(), (ORANGE, GREY, GREEN, BLUE), strict=True):
        left.plot(path[:31], color=color, marker=".", label=name)
        bounce = np.maximum(np.abs(path[1:] - 19), np.abs(path[:-1] - 19))
        right.plot(np.where(bounce > 0, bounce, np.nan), color=color)
    left.axhline(19, color="black", linewidth=0.8)
    left.set(xlabel="update", ylabel="theta")
    left.legend(fontsize="small", loc="lower right")
    right.set(xlabel="update", ylabel="|theta - 19|, larger of two in a row", yscale="log")
    right.text(15, 0.004, "ReduceOnPlateau: 0 from update 5 on", color=BLUE, fontsize="small")
    right.text(90, 0.6, "constant rate 1", color=ORANGE, fontsize="small")
    right.text(90, 0.12, "constant rate 0.1", color=GREY, fontsize="small")
    right.text(90, 0.026, "InverseTimeDecay(1, 0.5)", color=GREEN, fontsize="small")
    right.set_ylim(0.003, 6)


if __name__ == "__main__":
    main(draw)
