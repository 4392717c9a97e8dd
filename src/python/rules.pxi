# Part of _core.pyx: the list of rules.


class Rule(NamedTuple):
    """A row of src/rules."""

    index: int
    state: tuple[str, ...]
    hyper: tuple[str, ...]
    carried: tuple[str, ...]


cdef _words(const char* text):
    listed = text.decode()
    return () if listed == "NOTHING" else tuple(listed.split(", "))


cdef _rules():
    rules = {}
    for i in range(LRC_RULES):
        names = lrc_names_of(i)
        rules[names.name.decode()] = Rule(
            i, _words(names.state), _words(names.hyper), _words(names.carried)
        )
    return rules


RULES = _rules()
