"""What the options of every optimizer add to an update, schedules to a rate, and the import."""

from typing import Any

import numpy as np

import lrcore as lrc
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.schedules.catalogue import SCHEDULES

OPTIONS: dict[str, dict[str, Any]] = {
    "none": {},
    "lr=CosineAnnealing": {"lr": lrc.CosineAnnealing(1e-3, steps=10_000)},
    "clip_norm": {"clip_norm": 1.0},
    "clip_value": {"clip_value": 1.0},
    "maximize": {"maximize": True},
    "nonfinite=allow": {"nonfinite": "allow"},
    "average=EMA": {"average": lrc.EMA()},
    "accumulate=4": {"accumulate": 4},
    "clip_norm_each": {"clip_norm_each": 1.0},
}


class Options:
    params = [list(OPTIMIZERS), list(OPTIONS), [64, 65536]]
    param_names = ["optimizer", "option", "size"]

    def setup(self, optimizer: str, option: str, size: int) -> None:
        self.grads = np.ones(size, np.float32)
        make: Any = OPTIMIZERS[optimizer]
        kind = make._kind()
        if option.startswith("lr=") and not kind.follows_rates:
            raise NotImplementedError
        if option.startswith("average=") and kind.evaluated:  # which have one already
            raise NotImplementedError
        self.opt = make(np.ones(size, np.float32), **OPTIONS[option])
        self.opt.step(self.grads)

    def time_step(self, *_: Any) -> None:
        self.opt.step(self.grads)


class OneRate:
    params = [list(SCHEDULES)]
    param_names = ["schedule"]

    def setup(self, schedule: str) -> None:
        self.schedule = SCHEDULES[schedule].example(1e-3, 10_000)

        self.times = np.arange(10_000)
        self.grads = np.ones(64, np.float32)
        self.opt = lrc.Adam(np.ones(64, np.float32), lr=self.schedule)

    def time_call(self, *_: Any) -> None:
        self.schedule(1234)

    def time_array(self, *_: Any) -> None:
        self.schedule(self.times)

    def time_step(self, *_: Any) -> None:
        self.opt.step(self.grads)


class Import:
    def timeraw_import(self) -> tuple[str, str]:
        """Beyond the import of NumPy."""
        return "import lrcore", "import numpy"
