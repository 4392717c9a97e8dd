"""What of an optimizer is saved and loaded, and in which ways."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..checks import generators
from ..files import formats
from . import checkpoint
from .attached import exclusive, reading
from .evaluating import Evaluating


class Saving(Evaluating):
    """The abstract part of an optimizer that takes its state out and puts it back."""

    @reading
    def state_dict(self) -> dict[str, Any]:
        """A copy of the state: moments, `t`, carried scalars, controllers, and gradients that wait.

        Parameters, options and schedules are not in it: they are the program's. A run of N + M
        updates has the same bits as N updates, `state_dict`, `load_state_dict` into an optimizer
        made alike over the same parameters, and M updates.

        Examples
        --------
        >>> import numpy as np, lrcore as lrc
        >>> w = np.ones(3)
        >>> opt = lrc.Adam(w)
        >>> _ = opt.step(2 * w)
        >>> saved = opt.state_dict()
        >>> again = lrc.Adam(w)
        >>> again.load_state_dict(saved)
        LoadReport(missing=(), unexpected=(), mismatched=(), differing=())
        >>> again.t
        1
        """
        return checkpoint.take(self).as_data()

    @exclusive
    def load_state_dict(
        self, saved: Mapping[str, Any], *, strict: bool = True, hyperparameters: bool = False
    ) -> checkpoint.LoadReport:
        """Go on from a state; names, shapes, dtypes and ranges are checked before anything changes.

        Parameters
        ----------
        saved : mapping
            What `state_dict` gave, here or in another process.
        strict : bool
            Whether everything must fit: names, shapes, dtypes, controllers, and schedules, since
            another schedule at this `t` is another run. If not, what fits is taken, and the state
            of other parameters and controllers stays as it was.
        hyperparameters : bool
            Take over the saved hyperparameters too, schedules, groups' options and clipping
            included, in the place of those given to the constructor.

        Returns
        -------
        LoadReport
            What did not fit, and which hyperparameters were others.

        Raises
        ------
        ValueError
            Listing all that does not fit. Without `strict` still for another optimizer, and for
            what is no state or of another format.

        Notes
        -----
        Moments are never cast: a state of another dtype does not fit. torch takes over the saved
        hyperparameters without a word, and shapes that do not fit.
        """
        state = checkpoint.read(self, "state", saved)
        return checkpoint.put(self, "state", state, strict=strict, hyperparameters=hyperparameters)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        params: bool = False,
        extra: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        """Write the state to a file of plain data with a checksum; on an error nothing.

        Parameters
        ----------
        path : str or path
            Ends in .npz (read by `numpy.load` too) or in .safetensors (with that extra). A file of
            that name is replaced in one step, once the new one is on the disk.
        params : bool
            Whether the parameters are written as well.
        extra : optional
            What else a run needs to go on: dicts with keys of words, lists, numbers, words, and
            arrays of real numbers. `load` gives it back in its report, tuples as lists.
        rng : numpy.random.Generator, optional
            Its state is written too, for ``load(path, rng=rng)``.

        Raises
        ------
        TypeError, ValueError
            For another ending, an `extra` or a controller's state that is no plain data, or a
            parameter that was replaced.
        OSError
            If the file cannot be written; an old one is still there.

        Examples
        --------
        >>> import numpy as np, lrcore as lrc, tempfile
        >>> w = np.ones(3)
        >>> opt = lrc.Adam(w)
        >>> _ = opt.step(w)
        >>> with tempfile.TemporaryDirectory() as place:
        ...     opt.save(f"{place}/state.npz", params=True)
        ...     _ = opt.step(w)
        ...     _ = opt.load(f"{place}/state.npz", params=True)
        >>> opt.t, w
        (1, array([0.999, 0.999, 0.999]))
        """
        generators.check(type(self).__name__, rng)
        others = {"extra": extra, "rng": generators.state_of(rng)}
        if params:
            saved = self.snapshot()
            formats.write(path, {"params": saved.params, "state": saved.state, **others})
        else:
            state = self._alone(lambda: checkpoint.take(self).as_data())
            formats.write(path, {"params": None, "state": state, **others})

    def load(
        self,
        path: str | os.PathLike[str],
        *,
        strict: bool = True,
        hyperparameters: bool = False,
        params: bool = False,
        rng: np.random.Generator | None = None,
    ) -> checkpoint.LoadReport:
        """Go on from a file of `save`, as `load_state_dict` does; an error changes nothing.

        Parameters
        ----------
        path : str or path
            The file. Nothing in it is ever run; its arrays take no more memory than it is long.
        strict, hyperparameters : bool
            As for `load_state_dict`.
        params : bool
            Whether to take over the parameters as well; all of them must be there and fit.
        rng : numpy.random.Generator, optional
            Set to the state that was saved; one must have been, of a generator of the same kind.

        Returns
        -------
        LoadReport
            As of `load_state_dict`, with the `extra` of `save`.

        Raises
        ------
        ValueError
            If the file is damaged or of another kind, or something in it does not fit.
        OSError
            If it cannot be read.
        """
        generators.check(type(self).__name__, rng)
        options = {"strict": strict, "hyperparameters": hyperparameters, "params": params}
        saved = formats.read(path)
        return self._alone(lambda: checkpoint.put_file(self, saved, rng=rng, **options))

    @exclusive
    def snapshot(self) -> checkpoint.Snapshot:
        """A copy of parameters and state, for `restore` into this optimizer or one made alike.

        Examples
        --------
        >>> import numpy as np, lrcore as lrc
        >>> w = np.ones(2)
        >>> opt = lrc.SGD(w, lr=0.5)
        >>> before = opt.snapshot()
        >>> _ = opt.step(w)
        >>> opt.restore(before)
        >>> w, opt.t
        (array([1., 1.]), 0)
        """
        return checkpoint.snapshot(self)

    @exclusive
    def restore(self, saved: checkpoint.Snapshot) -> None:
        """Go back to a snapshot bit for bit: parameters, state, `t` and controllers.

        Raises
        ------
        TypeError, ValueError
            For anything else, or a snapshot of other parameters; nothing has changed then.
        """
        checkpoint.restore(self, saved)
