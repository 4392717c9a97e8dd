# Part of _core.pyx: the rules, and the instruction sets of this machine.


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

cdef lrc_isa _isas[LRC_MAX_ISAS]
cdef size_t _n_isas = lrc_cpu_isas(_isas)
ISAS = tuple(_isas[i].name.decode() for i in range(_n_isas) if _isas[i].usable)


cdef const lrc_table* _table_of(str name) except NULL:
    for i in range(_n_isas):
        if _isas[i].usable and _isas[i].name.decode() == name:
            return _isas[i].table
    raise ValueError(
        f"LRCORE_ISA={name}: this machine runs {', '.join(ISAS)}; leave it unset for the widest"
    )


ISA = os.environ.get("LRCORE_ISA") or ISAS[len(ISAS) - 1]
VERSION = LRC_VERSION.decode()
COMPILER = LRC_COMPILER.decode()
BLOCK = LRC_BLOCK   # elements from which on a step heeds the lines of the cache
cdef const lrc_table* _table = _table_of(ISA)
