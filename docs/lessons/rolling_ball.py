"""# Momentum is a rolling ball

Momentum multiplies the rate by `1 / (1 - mu)`, takes as many updates for it, and may roll past.

`SGD(momentum=mu)` keeps a velocity and moves along it:

    b = mu * b + g        x -= rate * b

On a slope that does not change, `g` constant, the velocity after n updates is

    b = g * (1 - mu**n) / (1 - mu)

So it rises to `g / (1 - mu)`, and is most of the way there after `1 / (1 - mu)` updates: 10 for
0.9. In the long run momentum 0.9 at rate 0.0001 goes as far as plain SGD at 0.001. Whoever raises
momentum from 0.9 to 0.99 raises the effective rate by a factor of ten, and should divide the rate
by ten.

What the ball gains is inertia. In a bowl of curvature `h` there are three cases, as for a pendulum
in oil, and the border between them is `mu = (1 - sqrt(rate * h))**2`:

- below, it creeps down without crossing the bottom;
- at the border it is fastest: the distance falls by `sqrt(mu)`, at rate * h = 0.01 by 0.9 an
  update, where plain SGD takes ten updates for the same;
- above, it rolls past the bottom and comes back, again and again, and the swings fade by
  `sqrt(mu)`: by 0.995 for momentum 0.99. A loss that rises and falls in long waves tells of it.

Rolling past has its uses. On a rippled slope plain SGD stops in the first dip; the ball rolls
through the dips that it is fast enough for. It cannot tell a dip from the valley: with 0.99 it
rolls on through the lowest point as well, and still swings long after 0.9 has come to rest there.
"""

import numpy as np

import lrcore as lrc
from lesson import BLUE, GREEN, GREY, ORANGE, main


def roll(slope, start, rate, mu, updates):
    """Where the ball is, and the velocity, from the start and after each update."""
    x = np.array(start)
    opt = lrc.SGD(x, lr=rate, momentum=mu)
    path, velocity = [float(x)], [0.0]
    for _ in range(updates):
        opt.step(slope(x))
        path.append(float(x))
        velocity.append(float(opt.state["0"]["b"]) if mu else float(slope(x)))
    return np.array(path), np.array(velocity)


def incline(x):
    """The same slope everywhere."""
    return np.ones_like(x)


def bowl(x):
    """The slope of x**2 / 2: curvature 1."""
    return x


def ripples(x):
    """The slope of x**2 / 20 with dips at whole numbers, the lowest at 0."""
    return 0.1 * x + 0.25 * np.sin(2 * np.pi * x)


n = np.arange(101)
speeds = {mu: roll(incline, 0.0, 0.01, mu, 100)[1] for mu in (0.5, 0.9, 0.97)}
for mu, velocity in speeds.items():
    # 100 roundings of 1e-16
    np.testing.assert_allclose(velocity, (1 - mu**n) / (1 - mu), rtol=1e-12)
after = speeds[0.9][10] / 10
print(f"momentum 0.9: {after:.1%} of the final velocity after 10 updates")
assert 0.63 < after < 0.66

plain, ball = (roll(bowl, 1.0, rate, mu, 5000)[0] for rate, mu in ((1e-3, 0.0), (1e-4, 0.9)))
factors = [(path[5000] / path[100]) ** (1 / 4900) for path in (plain, ball)]
print(f"each update: {factors[0]:.6f} plain at 0.001, {factors[1]:.6f} with momentum 0.9 at 0.0001")
assert abs(factors[0] - factors[1]) < 0.02 * (1 - factors[0])  # 0.9 % in theory, 0 at a low rate

border = (1 - np.sqrt(0.01)) ** 2
swings = {mu: roll(bowl, 1.0, 0.01, mu, 300)[0] for mu in (0.0, border, 0.9, 0.99)}
for mu, path in swings.items():
    print(f"momentum {mu:.2f}: lowest {path.min():+.3f}, distance {abs(path[100]):.2g} after 100")
assert np.all(swings[0.0] > 0)
assert np.all(swings[border] > 0)
assert swings[0.9].min() < -0.05
assert swings[0.99].min() < -0.7
fade = np.abs(swings[0.99][200:]).max() / np.abs(swings[0.99][100:201]).max()
assert np.isclose(fade, np.sqrt(0.99) ** 100, rtol=0.1)  # maxima are not exactly 100 apart
assert abs(swings[border][100]) < abs(swings[0.0][100]) / 100
assert np.abs(swings[0.99][200:]).max() > 100 * np.abs(swings[0.9][200:]).max()

rolls = {mu: roll(ripples, 5.0, 0.1, mu, 400)[0] for mu in (0.0, 0.9, 0.99)}
for mu, path in rolls.items():
    swing = np.ptp(path[200:300])
    print(f"ripples, momentum {mu:.2f}: swings by {swing:.2g}, ends at {path[-1]:.3f}")
assert 1 < rolls[0.0][-1] < 5
assert abs(rolls[0.9][-1]) < 1e-3
assert np.ptp(rolls[0.99][200:300]) > 1
assert np.ptp(rolls[0.9][200:300]) < 0.01


def draw(figure):
    """The velocity on a slope, and the paths in the bowl and over the ripples."""
    first, second, third = figure.subplots(1, 3)
    for (mu, velocity), color in zip(speeds.items(), (GREY, BLUE, ORANGE), strict=True):
        first.plot(velocity, color=color, label=f"momentum {mu}")
        first.plot(1 / (1 - mu), velocity[round(1 / (1 - mu))], "o", color=color)
    first.set(xlabel="update", ylabel="velocity, constant gradient 1", ylim=(0, 45))
    first.legend(fontsize="small", loc="upper left", title="dot: update 1 / (1 - mu)")
    for (mu, path), color in zip(swings.items(), (GREY, GREEN, BLUE, ORANGE), strict=True):
        second.plot(path[:151], color=color, label=f"momentum {mu:.2f}")
    second.set(xlabel="update", ylabel="x in a bowl, rate * h = 0.01", ylim=(-1, 1.9))
    for (mu, path), color in zip(rolls.items(), (GREY, BLUE, ORANGE), strict=True):
        third.plot(path, color=color, label=f"momentum {mu:.2f}")
    third.set(xlabel="update", ylabel="x on ripples", ylim=(-4.5, 9.5))
    for axes in (second, third):
        axes.legend(fontsize="small", loc="upper right")


if __name__ == "__main__":
    main(draw)
