# Part of _core.pyx: the structure of the parameters, which gradients share and users may change.

cdef struct Entry:
    PyObject* held   # a parameter, or what holds others; NULL if that is not known
    bint leaf        # a parameter
    bint wanted      # a parameter that is not frozen
    Py_ssize_t spare  # the number of parameters, where all are frozen; else 0


@cython.final
cdef class Node:
    """A sequence or mapping of parameters: what gradients must be like, and what the user has."""

    cdef object tree       # as trees.same_sequence and same_mapping take it
    cdef tuple keys        # of a mapping
    cdef tuple children    # a Node each, or None for a parameter
    cdef tuple held        # what the entries refer to
    cdef object holder     # the user's sequence or mapping; None if that is not known
    cdef bint watched      # a dict or list that holds the very arrays, and may hold others later
    cdef bint flat         # all entries are parameters
    cdef bint sparing      # some entries are frozen
    cdef Py_ssize_t n
    cdef Entry* entries
    cdef cnp.ndarray storage

    def __init__(self, whole, tree, holder, parameters):
        """whole: the tree with all parameters; parameters: an iterator over them, in the order of
        the gradients."""
        cdef Py_ssize_t k
        self.tree, self.holder = tree, holder
        self.keys = tuple(whole) if type(whole) is dict else None
        below = tuple(whole.values()) if type(whole) is dict else whole
        self.n = len(below)
        if type(tree) is int:
            wanted = [1] * self.n
        else:
            wanted = tuple(tree.values()) if type(tree) is dict else tree
        held = [None] * self.n
        children = [None] * self.n
        if isinstance(holder, dict) and self.keys is not None:
            held = [dict.get(holder, key) for key in self.keys]
        elif isinstance(holder, list | tuple) and len(holder) >= self.n:
            held = [holder[k] for k in range(self.n)]
        self.storage = np.zeros(max(self.n, 1) * sizeof(Entry), np.uint8)
        self.entries = <Entry*>cnp.PyArray_DATA(self.storage)
        self.flat = True
        for k in range(self.n):
            if below[k] is None:
                held[k] = next(parameters)
                self.entries[k].leaf = True
            else:
                children[k] = Node(below[k], wanted[k], held[k], parameters)
                self.flat = False
            if type(wanted[k]) is int:
                self.entries[k].spare = wanted[k]
                self.sparing = True
            self.entries[k].wanted = self.entries[k].leaf and not self.entries[k].spare
            self.entries[k].held = NULL if held[k] is None else <PyObject*>held[k]
        self.children, self.held = tuple(children), tuple(held)
        # a dict or list that makes views when asked cannot be watched
        if isinstance(holder, dict | list):
            with cython.critical_section(holder):
                self.watched = self._first_other() == self.n

    cdef Py_ssize_t _first_other(self) except -1:
        """The first entry at which the user's dict or list holds something else; n for none."""
        cdef Py_ssize_t k, place = 0
        cdef PyObject* key
        cdef PyObject* value
        if self.keys is None:
            for k in range(min(self.n, PyList_GET_SIZE(self.holder))):
                if PyList_GET_ITEM(self.holder, k) != self.entries[k].held:
                    if self.entries[k].held != NULL:
                        return k
            return min(self.n, PyList_GET_SIZE(self.holder))
        for k in range(self.n):
            # keys that stand in the order of the parameters need no search
            if not PyDict_Next(self.holder, &place, &key, &value) or (
                key != <PyObject*>self.keys[k]
            ):
                value = PyDict_GetItemWithError(self.holder, self.keys[k])
            if value != self.entries[k].held and self.entries[k].held != NULL:
                return k
        return self.n

    cdef Py_ssize_t check(self, tuple names, Py_ssize_t i) except -1:
        """Refuses other arrays in the places of parameters. i: the first parameter below; returns
        the first after these."""
        cdef Py_ssize_t k, other = self.n
        if self.watched:
            with cython.critical_section(self.holder):
                other = self._first_other()
        if self.flat and other == self.n:
            return i + self.n
        for k in range(self.n):
            if k == other:
                trees.raise_replaced(
                    _near(names, i), k if self.keys is None else self.keys[k], self.entries[k].leaf
                )
            i = i + 1 if self.entries[k].leaf else (<Node>self.children[k]).check(names, i)
        return i

    cdef Py_ssize_t fetch(self, grads, list found, tuple names, Py_ssize_t i) except -1:
        """Puts gradients into place i of `found` and the following; returns the next."""
        cdef Py_ssize_t k, place = 0
        cdef PyObject* key
        cdef PyObject* value
        if self.keys is None:
            if type(grads) is list:
                grads = tuple(grads)  # user code may change a list while it is read
            if type(grads) is not tuple or len(<tuple>grads) != self.n:
                grads = trees.same_sequence(self.tree, grads, _near(names, i))
            for k in range(self.n):
                if self.entries[k].wanted:
                    found[i] = (<tuple>grads)[k]
                    i += 1
                elif self.entries[k].spare:
                    i += self.entries[k].spare
                else:
                    i = (<Node>self.children[k]).fetch((<tuple>grads)[k], found, names, i)
            return i
        if self.sparing or type(grads) is not dict or len(<dict>grads) != self.n:
            trees.same_mapping(self.tree, grads, _near(names, i))
        with cython.critical_section(grads):
            for k in range(self.n):
                if self.sparing and self.entries[k].spare:
                    i += self.entries[k].spare
                    continue
                if (
                    type(grads) is dict
                    and PyDict_Next(grads, &place, &key, &value)
                    and key == <PyObject*>self.keys[k]
                ):
                    gradient = <object>value
                else:
                    gradient = self._search(k, grads, names, i)
                if self.entries[k].leaf:
                    found[i] = gradient
                    i += 1
                else:
                    i = (<Node>self.children[k]).fetch(gradient, found, names, i)
        return i

    cdef _search(self, Py_ssize_t k, grads, tuple names, Py_ssize_t i):
        try:
            return grads[self.keys[k]]
        except KeyError:
            trees.same_mapping(self.tree, grads, _near(names, i))
            raise


cdef _near(tuple names, Py_ssize_t i):
    """The name of the parameter at place i, or of the last one, for messages."""
    return names[min(i, len(names) - 1)]
