# Part of _core.pyx: parameters that hold other values for a while.

@cython.final
cdef class Evaluation:
    """A block in which parameters hold what should be evaluated, and no update is made. At its end
    the bits of before are back, whatever has happened in it.

    No Python runs between what is changed and what is kept, on either end, so that an interrupt
    finds the block entered or not.
    """

    cdef Stepper stepper
    cdef object points  # -> of each parameter that may change: name, itself, what it shall hold
    cdef list back      # name, parameter, a view of it as it was, its bits; None outside

    def __init__(self, Stepper stepper, points):
        self.stepper, self.points = stepper, points

    def __enter__(self):
        cdef Stepper s = self.stepper
        cdef list back = [], copies = []
        s._begin()
        try:
            for name, parameter, value in self.points():
                view = parameter.view(np.ndarray)
                back.append((name, parameter, view, view.copy()))
                if value is not None:
                    copies.append((view, value))
            self.back = back
            try:
                commit([], copies)
            except BaseException:
                self._put_back()
                raise
            s._between = EVALUATED
        finally:
            s._leave()

    cdef list _put_back(self):
        """Returns the names of arrays that are no longer where they were."""
        cdef list lost = []
        cdef cnp.ndarray parameter, view
        for name, parameter, view, held in self.back:
            if cnp.PyArray_DATA(parameter) == cnp.PyArray_DATA(view) and (
                cnp.PyArray_NBYTES(parameter) == cnp.PyArray_NBYTES(view)
            ):
                cnp.PyArray_CopyInto(view, held)
            else:
                lost.append(name)
        self.back = None
        return lost

    def __del__(self):
        if self.back is not None:  # entered by hand, and let go of
            self.__exit__()

    def __exit__(self, *error):
        cdef Stepper s = self.stepper
        cdef list lost
        cdef bint entered = s._enter_from_anywhere()
        try:
            if self.back is None:
                return
            lost = self._put_back()
            s._between = NOTHING
        finally:
            if entered:
                s._leave()
        if lost:
            raise ValueError(
                f"{', '.join(lost)}: resized or moved inside of eval_params, so that the training "
                "values cannot be put back"
            )
