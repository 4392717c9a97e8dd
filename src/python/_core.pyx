# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True, autotestdict=False
# cython: embedsignature=True, embedsignature.format=python
"""The compiled core: checks arrays, holds pointers, resolves rates, calls step.c."""

cimport cython
cimport numpy as cnp
from cpython.dict cimport PyDict_Next
from cpython.object cimport PyObject
from cpython.pythread cimport (
    NOWAIT_LOCK,
    WAIT_LOCK,
    PyThread_acquire_lock,
    PyThread_allocate_lock,
    PyThread_free_lock,
    PyThread_get_thread_ident,
    PyThread_release_lock,
    PyThread_type_lock,
)
from libc.math cimport INFINITY, NAN, isfinite
from libc.stdlib cimport qsort
from libc.string cimport memcpy, memset

import os
from typing import NamedTuple

import numpy as np

from .checks import arguments, trees
from .checks import arrays as parameters

cnp.import_array()

# From the ground up: a part uses those before it. Lists are made whole and then filled: of a
# comprehension that cannot grow where memory is short Cython 3.3 drops the last element twice.
include "boundary.pxi"
include "rules.pxi"
include "machine.pxi"
include "libm.pxi"
include "serial.pxi"
include "loops.pxi"
include "arrays.pxi"
include "structure.pxi"
include "leaf.pxi"
include "job.pxi"
include "rows.pxi"
include "rates.pxi"
include "observer.pxi"
include "attachment.pxi"
include "holder.pxi"
include "gathering.pxi"
include "stepper.pxi"
include "commit.pxi"
include "open_step.pxi"
include "evaluation.pxi"
