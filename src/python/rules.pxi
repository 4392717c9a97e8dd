# Part of _core.pyx: the lists of formats and of rules.

# The dtypes of parameters and gradients; COMPUTED has for each of them the place of the one that
# loops compute in, and state is kept in.
DTYPES = tuple([np.dtype(lrc_formats[i].name.decode()) for i in range(LRC_FORMATS)])
COMPUTED = tuple([lrc_formats[i].dtype for i in range(LRC_FORMATS)])

cdef int[LRC_FORMATS] _typenums
for _i in range(LRC_FORMATS):
    _typenums[_i] = DTYPES[_i].num


cdef inline int _format_of(int typenum) noexcept:
    """The place among the formats, -1 for none of them."""
    cdef int i
    for i in range(LRC_FORMATS):
        if _typenums[i] == typenum:
            return i
    return -1


# Of state: the parameter's, a number for each row, for each column of the last two axes, or one.
SHAPES = {"LIKE": LRC_LIKE, "ROWS": LRC_ROWS, "COLS": LRC_COLS, "ONE": LRC_ONE}


class Rule(NamedTuple):
    """A row of src/rules."""

    index: int
    state: tuple[str, ...]
    hyper: tuple[str, ...]
    carried: tuple[str, ...]    # those of a recipe, then the kept ones
    starts: tuple[float, ...]   # what these are before the first update
    sums: tuple[str, ...]
    kept: tuple[str, ...]
    shapes: tuple[str, ...]     # of the state, each one of SHAPES
    shared: bool                # whether sums and kept scalars are those of all arrays


cdef _words(const char* text):
    listed = text.decode()
    return () if listed == "NOTHING" else tuple(listed.split(", "))


cdef _rules():
    rules = {}
    for i in range(LRC_RULES):
        names = lrc_names_of(i)
        carried, kept = _words(names.carried), _words(names.kept)
        starts = [names.starts[k] for k in range(len(carried))]
        starts += [names.kept_starts[k] for k in range(len(kept))]
        state = _words(names.state)
        rules[names.name.decode()] = Rule(
            i,
            state,
            _words(names.hyper),
            carried + kept,
            tuple(starts),
            _words(names.measured),
            kept,
            _words(names.shapes) or ("LIKE",) * len(state),
            bool(names.shared),
        )
    return rules


RULES = _rules()
