"""What the name of a column says about it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


TRAINING: Final = _set("train training trn tr learn")
_TEST: Final = _set("test testing")
VALIDATION: Final = _TEST | _set("val valid validation vld eval evaluation dev holdout heldout oob")
# Beside "loss" these make something else of it.
_NO_LOSS: Final = _set(
    "scale scaler weight weights std stdev var variance best min max lowest delta change diff "
    "improve improved improvement at after from to initial init final last previous prev target lr "
    "rate time times timestamp timestamps seconds duration count grad norm"
)
_OTHER: Final = _NO_LOSS | _set(
    "step steps epoch epochs iter iters iteration iterations update updates batch batches round "
    "date dur sec secs ms s wall runtime samples tokens second per index idx id pid number num n t "
    "eta learning rates momentum gradient gnorm acc accuracy auc f1 precision recall score scores "
    "r2 reward return likelihood elbo bleu iou map flops memory mem gpu cpu util size"
)
_ERRORS: Final = _set(
    "error cost objective nll ce bce entropy cross logloss mlogloss binary multi rmse mse mae mape "
    "rmsle l1 l2 huber squared deviance perplexity ppl"
)
_PLAIN: Final = TRAINING | _set(
    "loss total step batch iter iteration epoch avg average mean running log logs history metrics "
    "values"
)
_COUNTERS: Final = _set(
    "step steps epoch epochs iter iters iteration iterations batch batches round rounds update "
    "updates"
)
# Elsewhere inside of a word, as in "lossless" and "glossary", it is none.
_LOSS: Final = re.compile(
    r"loss(?=(?:es)?(?![a-z])|train|val|test|eval|dev|scale|weight|min|max|mean)"
)
_RUN: Final = re.compile(r"(params?|config|hparams|hyperparameters)[_./]", re.IGNORECASE)
_MEASURED: Final = _set("norm grad rms mean std var min max l1 l2 update delta change count scale")


def words(name: str) -> list[str]:
    """In lower case; "loss" at the end of a word is one of its own.

    >>> words("valLoss/epoch_2"), words("train-logloss"), words("glossary")
    (['val', 'loss', 'epoch', '2'], ['train', 'log', 'loss'], ['glossary'])
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    return re.findall(r"[a-z]+\d*|\d+", _LOSS.sub(" loss ", spaced))


def _part(name: str) -> str:
    """The word about which rows a name is; of several that beside "loss", or else the last."""
    said = words(name)
    parts = [k for k, word in enumerate(said) if word in TRAINING | VALIDATION]
    losses = [k for k, word in enumerate(said) if word == "loss"] or [len(said)]
    return said[min(parts, key=lambda k: min(abs(k - at) for at in losses))] if parts else ""


def of_training(name: str) -> bool:
    """Whether a name says that it is about the rows that are trained on.

    >>> of_training("my-test-run - train/loss"), of_training("training/val_loss")
    (True, False)
    """
    return _part(name) in TRAINING


def of_validation(name: str) -> bool:
    """Whether a name says that it is about other rows than are trained on."""
    return _part(name) in VALIDATION


def of_test(name: str) -> bool:
    """Whether a name says that it is about rows that are kept for the end."""
    return _part(name) in _TEST


def is_loss(name: str) -> bool:
    """Whether "loss" is in a name, and nothing that makes a scale, a time or the like of it.

    >>> is_loss("train_logloss"), is_loss("lossless_ratio"), is_loss("loss_scale")
    (True, False, False)
    """
    said = words(name)
    return "loss" in said and _NO_LOSS.isdisjoint(said)


def is_error(name: str) -> bool:
    """Whether a name is of a loss or of another measure that training makes smaller."""
    return is_loss(name) or not _ERRORS.isdisjoint(words(name))


def is_other(name: str) -> bool:
    """Whether a name is known and no loss: a step, a time, a rate, an accuracy, ..."""
    return not is_loss(name) and not _OTHER.isdisjoint(words(name))


def is_total(name: str) -> bool:
    """Whether a name says no more than that it is the loss, rather than a part of it."""
    return _PLAIN.issuperset(words(name))


def says_training_alone(name: str) -> bool:
    """Whether a name says no more than training, and maybe which measure it is."""
    own = name.rpartition("[].")[2]  # without the list that it is in
    rest = {word for word in words(own) if not word.isdecimal()} - TRAINING - {"s"}
    return of_training(name) and (not rest or says_error_alone(" ".join(rest)))


def says_part_alone(name: str) -> bool:
    """Whether a name says no more than which rows it is about, as "train" and "val" do."""
    own = {word for word in words(name.rpartition("[].")[2]) if not word.isdecimal()}
    return bool(own) and (TRAINING | VALIDATION).issuperset(own)


@lru_cache(1000)
def is_counter(name: str) -> bool:
    """Whether a name says no more than that it counts steps, epochs or the like.

    >>> is_counter("trainer/global_step"), is_counter("remaining steps")
    (True, False)
    """
    said = set(words(name))
    aside = TRAINING | VALIDATION | {"trainer", "global", "current"}
    return not said.isdisjoint(_COUNTERS) and (aside | _COUNTERS).issuperset(said)


@lru_cache(1000)
def counted_part(name: str) -> str:
    """The word about which rows a counter is; "" for any other name.

    >>> counted_part("Val Epoch"), counted_part("epoch"), counted_part("val_loss")
    ('Val', '', '')
    """
    part = _part(name) if is_counter(name) else ""
    found = re.search(part, name, re.IGNORECASE)
    return found[0] if found else ""


def says_error_alone(name: str) -> bool:
    """Whether a name says no more than which measure it is."""
    said = set(words(name))
    return not said.isdisjoint(_ERRORS) and (_PLAIN | _ERRORS).issuperset(said)


def of_setting(name: str) -> bool:
    """Whether a name is of a setting of the run, as studies of many runs write them."""
    return _RUN.match(name) is not None and _MEASURED.isdisjoint(words(name))


def measure(name: str) -> set[str]:
    """What a name says beside which rows it is about."""
    aside = TRAINING | VALIDATION | {"step", "epoch", "s"}
    return {word for word in words(name) if word not in aside and not word.isdecimal()}
