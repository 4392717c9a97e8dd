"""Parameters that the user has replaced in a dict or list: an error before anything changes."""

import copy
import pickle
from collections import OrderedDict, UserDict, defaultdict, namedtuple
from collections.abc import Mapping

import numpy as np
import pytest
from cases import everything

import lrcore as lrc


def new():
    return np.full(3, 7.0)


Pair = namedtuple("Pair", "a b")
# A structure, how an entry of it is replaced, and the name of the parameter that is told.
CASES = {
    "a dict": (lambda: {"a": new(), "b": new()}, lambda p: p.update(b=new()), '"b"'),
    "a list": (lambda: [new(), new()], lambda p: p.__setitem__(0, new()), '"0"'),
    "the last of a list": (lambda: [new(), new()], lambda p: p.__setitem__(-1, new()), '"1"'),
    "0-d": (lambda: {"a": np.array(1.0)}, lambda p: p.update(a=np.maximum(p["a"], 2.0)), '"a"'),
    "a number": (lambda: {"a": np.array(1.0)}, lambda p: p.update(a=2.0), '"a"'),
    "an equal copy": (lambda: {"a": new()}, lambda p: p.update(a=p["a"].copy()), '"a"'),
    "a view of itself": (lambda: {"a": new()}, lambda p: p.update(a=p["a"][:]), '"a"'),
    "nested": (lambda: {"x": {"y": [new()]}}, lambda p: p["x"]["y"].insert(0, new()), '"x.y.0"'),
    "a nested dict": (lambda: {"x": {"y": new()}}, lambda p: p.update(x={"y": new()}), '"x.y"'),
    "a nested tuple": (lambda: {"x": (new(), new())}, lambda p: p.update(x=(1, 2)), '"x.0"'),
    "below a tuple": (lambda: ({"a": new()}, new()), lambda p: p[0].update(a=new()), '"0.a"'),
    "below a named tuple": (lambda: Pair([new()], new()), lambda p: p.a.insert(0, new()), '"0.0"'),
    "removed": (lambda: {"a": new(), "b": new()}, lambda p: p.pop("a"), '"a"'),
    "a list that is shorter": (lambda: [new(), new()], lambda p: p.pop(), '"1"'),
    "two exchanged": (lambda: [new(), new()], lambda p: p.reverse(), '"0"'),
    "an ordered dict": (lambda: OrderedDict(a=new()), lambda p: p.update(a=new()), '"a"'),
    "a default dict": (lambda: defaultdict(list, a=new()), lambda p: p.update(a=new()), '"a"'),
    "numbers as keys": (lambda: {1: new(), 2: new()}, lambda p: p.update({2: new()}), '"2"'),
}  # fmt: skip
USES = {
    "step": lambda opt, grads: opt.step(grads),
    "save": lambda opt, grads: opt.save("never.npz", params=True),
    "save without parameters": lambda opt, grads: opt.save("never.npz"),
    "snapshot": lambda opt, grads: opt.snapshot(),
    "state_dict": lambda opt, grads: opt.state_dict(),
    "pickle": lambda opt, grads: pickle.dumps(opt),
    "copy": lambda opt, grads: copy.deepcopy(opt),
}


def gradients_of(params):
    if isinstance(params, dict):
        return {key: gradients_of(value) for key, value in params.items()}
    if isinstance(params, list | tuple):
        return [gradients_of(value) for value in params]
    return np.ones(np.shape(params))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("use", USES)
def test_a_replaced_parameter_is_told_before_anything_changes(case, use, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make, replace, name = CASES[case]
    params = make()
    opt = lrc.Adam(params)
    grads = gradients_of(params)
    assert opt.step(grads)
    replace(params)
    before = everything(opt)
    message = rf"parameters? (from )?{name} .*replaced.*\[\.\.\.\] = value"
    with pytest.raises(ValueError, match=message):
        USES[use](opt, grads)
    assert everything(opt) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("load", ["load_state_dict", "load"])
def test_nothing_is_loaded_into_arrays_that_nobody_sees(load, tmp_path):
    params = {"a": new()}
    opt = lrc.Adam(params)
    opt.save(tmp_path / "a.npz")
    given = {
        "load_state_dict": opt.state_dict(),
        "load": tmp_path / "a.npz",
    }[load]
    params["a"] = new()
    with pytest.raises(ValueError, match="replaced"):
        getattr(opt, load)(given)


def test_gradients_that_are_bound_do_not_hide_it():
    params = {"a": new(), "b": [new()]}
    opt = lrc.Adam(params)
    opt.bind({"a": new(), "b": [new()]})
    assert opt.step()
    params["b"][0] = new()
    with pytest.raises(ValueError, match=r'"b\.0" was replaced'):
        opt.step()


def test_groups_are_looked_at_too():
    first, second = {"a": new()}, [new()]
    opt = lrc.Adam([lrc.Group(first), lrc.Group(second)])
    opt.add({"c": new()})
    second[0] = new()
    with pytest.raises(ValueError, match=r'"1\.0" was replaced'):
        opt.step([{"a": new()}, [new()], {"c": new()}])


def test_what_is_put_back_is_as_before():
    params = {"a": new()}
    opt, kept = lrc.Adam(params), params["a"]
    params["a"] = new()
    with pytest.raises(ValueError, match="replaced"):
        opt.step({"a": new()})
    params["a"] = kept
    assert opt.step({"a": new()})


def test_what_is_changed_in_place_is_no_replacement():
    params = {"a": new(), "b": [new()]}
    opt = lrc.Adam(params)
    params["a"][...] = 3.0
    params["b"][0] *= 2.0
    params["c"] = new()  # not of the optimizer
    assert opt.step({"a": new(), "b": [new()]})


def test_the_order_of_keys_may_change():
    params = {"a": new(), "b": new(), "c": new()}
    opt = lrc.Adam(params)
    params["a"] = params.pop("a")
    assert opt.step({"c": new(), "b": new(), "a": new()})
    params["b"] = new()
    with pytest.raises(ValueError, match='"b" was replaced'):
        opt.step({"c": new(), "b": new(), "a": new()})


class Views(Mapping):
    """A mapping whose values are made anew at each access, of one array."""

    def __init__(self):
        self.flat = np.ones(6)

    def __getitem__(self, key):
        return self.flat[:3] if key == "a" else self.flat[3:]

    def __iter__(self):
        return iter("ab")

    def __len__(self):
        return 2


class Translated(dict):
    """A dict whose values are not what it holds."""

    def items(self):
        return [(key, value.T) for key, value in super().items()]


@pytest.mark.parametrize("kind", [lambda **_: Views(), Translated, UserDict])
@pytest.mark.parametrize("nested", [False, True])
def test_mappings_whose_values_cannot_be_known_are_not_looked_at(kind, nested):
    params, grads = kind(a=new(), b=new()), {"a": new(), "b": new()}
    opt = lrc.Adam({"x": params} if nested else params)
    assert opt.step({"x": grads} if nested else grads)


def test_a_single_array_and_a_tuple_cannot_be_replaced():
    assert lrc.Adam(new()).step(new())
    assert lrc.Adam((new(), new())).step((new(), new()))


@pytest.mark.parametrize("place", [{}, [], ()])
@pytest.mark.parametrize("nested", [False, True])
def test_what_holds_no_parameter_may_be_told_without_a_name(place, nested):
    params = {"a": new(), "e": place}
    whole = {"x": params} if nested else params
    opt = lrc.SGD(whole)
    params["e"] = type(place)([]) if place != {} else {}
    if params["e"] is place:  # there is but one empty tuple
        assert opt.state_dict()
        return
    with pytest.raises(ValueError, match=r"parameters from .* replaced"):
        opt.state_dict()


def test_adding_does_not_hide_it():
    params = {"a": new()}
    opt = lrc.SGD(params)
    params["a"] = new()
    with pytest.raises(ValueError, match='"a" was replaced'):
        opt.add({"b": new()})
    assert opt.names == ("a",)


@pytest.mark.parametrize("kind", [dict, list])
def test_what_a_dict_or_list_has_gained_may_be_added(kind):
    params = {"a": new()} if kind is dict else [new()]
    opt = lrc.SGD(params)
    added = new()
    if kind is dict:
        params["b"] = added
        opt.add({"b": added})
    else:
        params.append(added)
        opt.add([added])
    first = {"a": new()} if kind is dict else [new()]
    assert opt.step([first, {"b": new()} if kind is dict else [new()]])
    params["a" if kind is dict else 0] = new()
    with pytest.raises(ValueError, match="was replaced"):
        opt.state_dict()


def test_gradients_are_not_bound_for_arrays_that_nobody_sees():
    params = {"a": new()}
    opt = lrc.SGD(params)
    params["a"] = new()
    with pytest.raises(ValueError, match="was replaced"):
        opt.bind({"a": new()})


def test_a_range_test_puts_the_arrays_of_the_optimizer_back():
    params = {"a": new()}
    array, opt = params["a"], lrc.SGD(params, lr=0.1)
    rt = lrc.RangeTest(opt, 1e-2, 1.0, num=10)
    with pytest.raises(ValueError, match="was replaced"):  # noqa: PT012
        for k, _ in enumerate(rt):
            opt.step({"a": np.ones(3)})
            rt.report(1.0)
            if k == 4:
                params["a"] = array.clip(-1, 1)
    del rt
    assert (array.tolist(), opt.t) == ([7.0] * 3, 0)
