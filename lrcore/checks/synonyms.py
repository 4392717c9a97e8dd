"""Words of torch, Keras, optax, fastai, transformers and others, and what they are called here.

One table a place: arguments, attributes of optimizers, schedules, controllers; names of the module
stand in `synonyms_of_names.py`.
A new synonym is a row; `tests/checks/test_synonyms.py` holds every right side to what there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from .suggestions import suggest
from .synonyms_of_names import NAMES, words

# Arguments: of ours, the first one that the called class takes. A row of one class alone names it.
ARGUMENTS: Final = words(
    {
        # rates
        "learning_rate": "lr peak high start",
        "learning_rate_init eta rate": "lr",
        "step_size": "every lr",
        "alpha": "rho end lr",
        "initial_learning_rate": "lr start peak",
        "initial_lr init_value init_lr": "lr start",
        "base_lr": "low lr start",
        "start_lr lr_start": "start lr",
        "lr_max max_lr": "peak high end lr",
        "peak_lr": "peak lr high",
        "peak_value": "peak lr",
        "lr_min": "end low start min_lr",
        "min_lr": "end low start",
        "eta_min": "end low",
        "end_lr lr_end final_lr end_value end_learning_rate": "end",
        "RangeTest.min_lr find.min_lr Sweep.min_lr Linear.max_lr": "start",
        "lr_mult lr_multiplier": "lr_scale",
        # schedules in the place of a rate
        "schedule scheduler lr_schedule lr_scheduler learning_rate_schedule learning_rate_fn": "lr",
        "lr_lambda": "fn",
        "lr_decay": "gamma factor",
        "decay": "rho gamma rate factor",
        # momentum and moments
        "beta mu": "momentum betas",
        "beta1 beta_1 b1": "betas momentum",
        "beta2 beta_2 b2": "betas rho",
        "momentum rho rho_1": "betas",
        "beta_rms smoothing": "rho",
        "nesterovs_momentum use_nesterov": "nesterov",
        "use_amsgrad": "amsgrad",
        "center": "centered",
        # stability
        "epsilon": "eps",
        "delta": "min_delta eps",
        "eps_in_sqrt epsilon_root": "eps_root",
        "initial_accumulator initial_scale": "initial_accumulator_value",
        "lr_decay_rate": "gamma factor",
        "trust_coeff trust_coefficient": "trust",
        # penalties
        "wd weight_decay_rate": "weight_decay l2",
        "l2": "weight_decay",
        "l2_reg l2_penalty l2_regularization penalty regularization": "l2",
        # clipping
        "clip clipping max_norm max_grad_norm max_gradient_norm grad_clip": "clip_norm",
        "clip_grad clip_grad_norm clip_gradient clip_gradients clip_global_norm": "clip_norm",
        "global_clipnorm gradient_clip gradient_clipping gradient_clip_val": "clip_norm",
        "gradient_clip_norm grad_clip_norm": "clip_norm",
        "clipnorm": "clip_norm_each",
        "gradient_accumulation_steps grad_accum_steps accumulation_steps": "accumulate",
        "accumulate_grad_batches gradient_accumulation": "accumulate",
        "clipvalue grad_clip_value clip_grad_value": "clip_value",
        # the rest of optimizers
        "parameters param_groups variables var_list weights": "params",
        "minimize ascent": "maximize",
        "skip_nonfinite skip_nan": "nonfinite",
        "callback callbacks controllers plateau": "controller",
        "ema use_ema ema_decay ema_momentum swa use_averages": "decay average",
        "n_jobs n_threads nthreads threads": "num_threads",
        # lengths of schedules
        "T_max total_steps total_iters num_steps n_steps max_steps max_iter max_iters": "steps",
        "num_training_steps transition_steps length updates iterations epochs": "steps",
        "num_iter num_training num_points": "num",
        "decay_steps": "steps every",
        "num_decay_steps": "decay_steps steps",
        "num_stable_steps": "stable_steps",
        "warmup_steps": "warmup",
        "t_initial": "first steps",
        "period steps": "every first",
        "every_n step drop_every epochs_drop": "every",
        "step_size_up": "up",
        "step_size_down": "down",
        "cycle_length": "first up",
        "T_0 first_decay_steps": "first",
        # shapes of schedules
        "gamma drop drop_rate drop_factor": "factor",
        "decay_rate": "gamma rate factor",
        "boundaries": "milestones",
        "milestones boundaries_and_scales": "boundaries",
        "T_mult t_mul cycle_mul": "mult",
        "m_mul cycle_decay": "decay",
        "div_factor": "div",
        "final_div_factor div_final": "final_div",
        "anneal_strategy": "anneal",
        "decay_type": "shape",
        "start_factor init_factor": "start",
        "end_factor": "end",
        "num_warmup_steps warmup warmup_iters warmup_t warmup_epochs": "warmup_steps",
        "n": "steps",
        # controllers
        "threshold rtol": "rel",
        "min_delta atol": "abs",
        "tol tolerance": "min_delta rel",
        "restore_best_weights": "restore_best",
        "start_from_epoch": "start_from",
        "accumulation_size": "window",
        "fmin f_star": "f_min",
        # range tests
        "optimizer": "opt",
        "start_value": "start",
        "end_val": "end",
        "step_mode mode": "spacing",
        "generator seed": "rng",
    }
)

# What else is to be known of such a pair.
REMARKS: Final[dict[tuple[str, str], str]] = {
    ("alpha", "end"): "a rate: alpha * lr",
    ("alpha", "lr"): "or l2, if a penalty is meant",
    **{
        (word, "lr"): "which takes a schedule"
        for word in ARGUMENTS
        if word.endswith(("schedule", "scheduler", "rate_fn"))
    },
    ("decay", "rho"): "or lr=lrc.InverseTimeDecay(lr, decay), if the rate is to decay",
    **{
        (word, "betas"): "as in betas=(beta1, beta2)"
        for word in ("beta1", "beta_1", "b1", "beta2", "beta_2", "b2")
    },
    **{(word, "betas"): "its first number" for word in ("beta", "mu", "momentum", "rho_1")},
    ("rho", "betas"): "its second number",
    ("clipnorm", "clip_norm_each"): "of each array; clip_norm is of all gradients together",
    **{(word, "rho"): "the decay of the average of squares" for word in ("beta2", "beta_2", "b2")},
    **{
        (word, "l2"): "added to the gradient; lrc.AdamW has decoupled decay"
        for word in ("wd", "weight_decay_rate")
    },
    ("l2", "weight_decay"): "which is decoupled; lrc.Adam has l2",
    ("minimize", "maximize"): "its opposite",
    **{(w, "nonfinite"): 'nonfinite="skip"' for w in ("skip_nonfinite", "skip_nan")},
    ("param_groups", "params"): "a list of lrc.Group(params, ...)",
    ("epochs", "steps"): "in updates; schedule.per_epoch(n) counts epochs",
    ("boundaries_and_scales", "boundaries"): "and values in the place of the scales",
    **{(w, "start"): f"a rate: {w} * lr" for w in ("start_factor", "init_factor")},
    ("end_factor", "end"): "a rate: end_factor * lr",
    ("threshold", "rel"): "or abs, for an absolute one",
    **{(w, "average"): "an lrc.EMA" for w in ("ema", "use_ema", "ema_decay", "ema_momentum")},
    ("seed", "rng"): "np.random.default_rng(seed)",
}

_IN_FRONT: Final = "a ramp is put in front of any schedule: schedule.warmup(n)"
_STATELESS: Final = "leave it out: a schedule is a pure function of opt.t"
_ONE_CALL: Final = "leave it out: one call of opt.step updates all arrays"
_FOLLOWING: Final = "leave it out: give this to the optimizer, as controller="
_CONTROLLERS = "BarzilaiBorwein DoG EarlyStopping Hypergradient Polyak ReduceOnPlateau"
# What to do where nothing takes their place.
INSTEAD: Final[dict[str, str]] = {
    "decay": "write lr=lrc.InverseTimeDecay(lr, decay)",
    "lr_decay": "write lr=lrc.InverseTimeDecay(lr, lr_decay)",
    **dict.fromkeys(("warmup_steps", "warmup", "warmup_iters", "warmup_t"), _IN_FRONT),
    **dict.fromkeys(("num_warmup_steps", "warmup_ratio", "warmup_epochs"), _IN_FRONT),
    "transition_begin": "write schedule.shift(n) behind it",
    "last_epoch": f"{_STATELESS}, which opt.load brings back",
    "optimizer": f"{_STATELESS}; give it to the optimizer, as lr",
    **{f"{owner}.optimizer": _FOLLOWING for owner in _CONTROLLERS.split()},
    **dict.fromkeys(("foreach", "fused", "capturable", "differentiable", "jit_compile"), _ONE_CALL),
    "monitor": "leave it out: report the value, controller.update(value)",
    "verbose": "leave it out; schedule.describe() and opt.lr tell",
}

_NOT_STEPPED: Final = "no schedule is stepped: give it as lr, and opt.step asks it"
# Attributes of optimizers.
OPTIMIZER: Final = words(
    {
        "learning_rate current_lr": "opt.lr",
        "get_lr": "opt.lr, no method",
        "get_last_lr": "opt.last_lr, no method",
        "set_lr": "an assignment, opt.lr = rate",
        "lr_schedule scheduler lr_scheduler": "opt.schedule",
        "iterations iteration step_count num_updates n_steps steps": "opt.t",
        "zero_grad": "lrc.zero_grads(grads), where gradients are gathered; opt.step keeps none",
        "param_groups groups": "opt.params, with rates opt.lrs and options opt.hyperparameters",
        "defaults": "opt.hyperparameters",
        "get_config": "opt.hyperparameters, no method",
        "parameters variables trainable_variables": "opt.params",
        "param_names": "opt.names",
        "add_param_group": "opt.add(params, **options)",
        "apply_gradients apply update minimize": "opt.step(grads)",
        "get_weights get_state": "opt.state_dict()",
        "set_weights set_state": "opt.load_state_dict(d)",
        "checkpoint": "opt.save(path)",
        "restore_checkpoint": "opt.load(path)",
        "eval train finalize_variable_values": "a block, with opt.eval_params(): ...",
        "callbacks": "opt.controllers",
        "skipped_steps": "opt.skipped",
        "exp_avg": 'opt.state[name]["m"]',
        "exp_avg_sq square_avg": 'opt.state[name]["v"]',
        "momentum_buffer": 'opt.state[name]["b"]',
        "moments": "opt.state[name]",
    }
)

# Attributes of schedules.
SCHEDULE: Final = words(
    {
        "step": _NOT_STEPPED,
        "last_epoch": "opt.t of the optimizer",
        "get_lr": "a call, schedule(t); opt.lr is the rate of the next update",
        "get_last_lr": "opt.last_lr of the optimizer",
        "simulate_values": "a call, schedule(np.arange(n)); schedule.plot(n) draws it",
        "state_dict": "nothing to save: opt.state_dict() of the optimizer holds t",
        "load_state_dict": "nothing to load: opt.load_state_dict(d) of the optimizer brings t back",
        "get_config": "schedule.to_dict()",
        "from_config from_dict": "lrc.schedule_from_dict(d)",
        "join chain followed_by": "schedule.then(other, at=n)",
        "with_warmup linear_warmup": "schedule.warmup(n)",
        "delay": "schedule.shift(n)",
        "scale": "a product, lrc.Constant(lr) * 0.5",
        "clamp": "schedule.clip(lo, hi)",
        "min": "schedule.minimum(other)",
        "epochs": "schedule.per_epoch(n)",
        "cycle restart": "schedule.repeat(period)",
        "total_steps": "schedule.length",
    }
)

# Attributes of controllers.
CONTROLLER: Final = words(
    {
        "step on_epoch_end report observe": "controller.update(value)",
        "get_last_lr": "opt.last_lr of the optimizer",
        "get_lr lr": "opt.lr of the optimizer; controller.scale is the factor on it",
        "should_stop early_stop stop_training stopped": "stop, of an lrc.EarlyStopping",
        "best_score best_loss": "best, of an lrc.EarlyStopping or lrc.ReduceOnPlateau",
        "best_epoch stopped_epoch": "best_step, of an lrc.EarlyStopping",
        "restore_best_weights": "restore(), of an lrc.EarlyStopping",
    }
)


def said(text: str) -> str:
    """What a text of these tables is in a sentence: most begin with code."""
    return text if text.startswith(("no ", "nothing ")) else f"it is {text}"


def synonym(owner: str, word: str, accepted: Sequence[str]) -> str:
    """What an argument of another library is among those `accepted`; empty if unknown."""
    for ours in (ARGUMENTS.get(f"{owner}.{word}") or ARGUMENTS.get(word, "")).split():
        if ours in accepted:
            remark = REMARKS.get((word, ours), "")
            return f"it is {ours}{remark and ', ' + remark}"
    return INSTEAD.get(f"{owner}.{word}") or INSTEAD.get(word, "")


def way(owner: str, word: str, accepted: Sequence[str]) -> str:
    """What to write in the place of an argument that is not among those `accepted`.

    >>> way("Adam", "learning_rate", ["params", "lr"])
    'it is lr'
    >>> way("Adam", "prams", ["params", "lr"])
    'did you mean params? It takes params, lr'
    """
    known = synonym(owner, word, accepted)
    if known:
        return known
    hint = suggest(word, accepted)
    return f"{hint} It takes {', '.join(accepted)}" if hint.endswith("?") else hint


def flag(command: str, word: str, flags: Sequence[str]) -> str:
    """What to write in the place of a flag that a command does not have.

    >>> flag("demo", "--learning-rate", ["--lr", "--batch"])
    'it is --lr'
    """
    plain = word.lstrip("-").replace("-", "_")
    known = synonym(command, plain, [each.lstrip("-").replace("-", "_") for each in flags])
    if known.startswith("it is "):
        return f"it is --{known.removeprefix('it is ').partition(',')[0].replace('_', '-')}"
    return suggest(word, flags)


def closest(word: str, names: Iterable[str]) -> str:
    """The names that are like a word; if there are none, what it is in another library.

    >>> closest("ExponentialLR", ["Constant", "WSD"])
    'it is lrc.ExponentialDecay(lr, gamma=gamma)'
    """
    hint = suggest(word, names)
    return hint if hint.endswith("?") or word not in NAMES else said(NAMES[word])


def name(word: str, names: Iterable[str]) -> str:
    """What to write in the place of a name that the module does not have.

    >>> name("CosineDecay", ["CosineAnnealing"])
    'it is lrc.CosineAnnealing(lr, steps, end=alpha * lr)'
    >>> name("CosineAnealing", ["CosineAnnealing"])
    'did you mean CosineAnnealing?'
    """
    if word in NAMES:
        return said(NAMES[word])
    hint = suggest(word, names)
    return hint if hint.endswith("?") else "dir(lrcore) lists what there is"
