# Part of _core.pyx: the structure of the parameters, which gradients share and users may change.


@cython.final
cdef class Node:
    """A sequence or mapping of parameters: what gradients must be like, and what the user has."""

    cdef object tree      # as parameters.same_sequence and same_mapping take it
    cdef tuple keys       # of a mapping
    cdef tuple children   # a Node each, or None for a parameter
    cdef tuple held       # the parameters, and what holds others; None if that is not known
    cdef object holder    # the user's sequence or mapping; None if that is not known
    cdef bint watched     # a dict or list that holds the very arrays, and may hold others later

    def __init__(self, tree, holder, parameters):
        """parameters: an iterator over all of them, in the order of the gradients."""
        cdef list entries, children
        cdef Py_ssize_t k, place = 0
        self.tree, self.holder = tree, holder
        self.keys = tuple(tree) if type(tree) is dict else None
        trees = tuple(tree.values()) if type(tree) is dict else tree
        entries = [None] * len(trees)
        children = [None] * len(trees)
        if isinstance(holder, dict) and self.keys is not None:
            entries = [dict.get(holder, key) for key in self.keys]
        elif isinstance(holder, list | tuple) and len(holder) == len(trees):
            entries = [holder[k] for k in range(len(trees))]
        for k in range(len(trees)):
            if trees[k] is None:
                entries[k] = next(parameters)
            else:
                children[k] = Node(trees[k], entries[k], parameters)
        self.children, self.held = tuple(children), tuple(entries)
        self.watched = isinstance(holder, dict | list)
        for k in range(len(trees)):
            # a dict or list that makes views when asked cannot be watched
            self.watched = self.watched and self._holds(k, &place)

    cdef inline int _holds(self, Py_ssize_t k, Py_ssize_t* place) except -1:
        """Whether the user's dict or list still holds what it did at its entry k.

        place: of PyDict_Next, which finds keys that stand in the order of the parameters."""
        cdef PyObject* key
        cdef PyObject* value = NULL
        if self.keys is None:
            if k < PyList_GET_SIZE(self.holder):
                value = PyList_GET_ITEM(self.holder, k)
        elif (
            not PyDict_Next(self.holder, place, &key, &value) or key != <PyObject*>self.keys[k]
        ):
            value = PyDict_GetItemWithError(self.holder, self.keys[k])
        return value == <PyObject*>self.held[k] or self.held[k] is None

    cdef Py_ssize_t check(self, tuple names, Py_ssize_t i) except -1:
        """Refuses other arrays in the places of parameters. i: the first parameter below; returns
        the first after these."""
        cdef Py_ssize_t k, place = 0
        with cython.critical_section(self.holder):
            for k in range(len(self.children)):
                if self.watched and not self._holds(k, &place):
                    parameters.raise_replaced(
                        names[i],
                        k if self.keys is None else self.keys[k],
                        self.children[k] is None,
                    )
                if self.children[k] is None:
                    i += 1
                else:
                    i = (<Node>self.children[k]).check(names, i)
        return i

    cdef Py_ssize_t fetch(self, grads, list found, tuple names, Py_ssize_t i) except -1:
        """Puts gradients into place i of `found` and the following; returns the next."""
        cdef Py_ssize_t k, n = len(self.children), place = 0
        cdef PyObject* key
        cdef PyObject* value
        if self.keys is None:
            if type(grads) is list:
                grads = tuple(grads)  # user code may change a list while it is read
            if type(grads) is not tuple or len(<tuple>grads) != n:
                grads = parameters.same_sequence(self.tree, grads, _near(names, i))
            for k in range(n):
                i = self._fetch_one(k, (<tuple>grads)[k], found, names, i)
            return i
        if type(grads) is not dict or len(<dict>grads) != n:
            parameters.same_mapping(self.tree, grads, _near(names, i))
        with cython.critical_section(grads):
            for k in range(n):
                if (
                    type(grads) is dict
                    and PyDict_Next(grads, &place, &key, &value)
                    and key == <PyObject*>self.keys[k]
                ):
                    gradient = <object>value  # keys in the order of the parameters need no search
                else:
                    gradient = self._search(k, grads, names, i)
                i = self._fetch_one(k, gradient, found, names, i)
        return i

    cdef _search(self, Py_ssize_t k, grads, tuple names, Py_ssize_t i):
        try:
            return grads[self.keys[k]]
        except KeyError:
            parameters.same_mapping(self.tree, grads, _near(names, i))
            raise

    cdef inline Py_ssize_t _fetch_one(
        self, Py_ssize_t k, gradient, list found, tuple names, Py_ssize_t i
    ) except -1:
        if self.children[k] is None:
            found[i] = gradient
            return i + 1
        return (<Node>self.children[k]).fetch(gradient, found, names, i)


cdef _near(tuple names, Py_ssize_t i):
    """The name of the parameter at place i, or of the last one, for messages."""
    return names[min(i, len(names) - 1)]
