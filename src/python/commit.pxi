# Part of _core.pyx: the one way in which anything changes besides a step.

def commit(list cells, list copies=[], *, Attachment attach=None):
    """Copies arrays into others of their shapes and dtypes, puts records into cells, and attaches a
    Stepper to what was prepared for it. cells: (cell, record); copies: (target, source).

    No Python runs in between, so that an interrupt finds all of it done or nothing: what is
    replaced is let go of at the end.
    """
    cdef list before = [None] * len(cells)
    cdef Py_ssize_t i
    cdef Cell cell
    for i in range(len(copies)):
        target, source = <tuple>copies[i]
        cnp.PyArray_CopyInto(target, source)
    for i in range(len(cells)):
        place, record = <tuple>cells[i]
        cell = place
        with cython.critical_section(cell):
            before[i] = cell.held
            cell.held = record
    if attach is not None:
        attach.stepper._switch(attach)
        attach.done = True
