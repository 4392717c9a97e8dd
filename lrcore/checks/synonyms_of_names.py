"""What names of modules of torch, Keras, optax, timm and others are called in ours."""

from __future__ import annotations

from typing import Final


def words(rows: dict[str, str]) -> dict[str, str]:
    """One entry a word, of rows for several."""
    return {word: ours for words, ours in rows.items() for word in words.split()}


# Names of the module.
NAMES: Final = words(
    {
        # torch
        "StepLR": "lrc.StepDecay(lr, every=step_size, factor=gamma)",
        "MultiStepLR": "lrc.MultiStepDecay(lr, milestones, factor=gamma)",
        "ExponentialLR": "lrc.ExponentialDecay(lr, gamma=gamma)",
        "LinearLR": "lrc.Linear(start, end, steps)",
        "ConstantLR": "lrc.Constant(lr)",
        "PolynomialLR": "lrc.PolynomialDecay(lr, steps)",
        "CosineAnnealingLR": "lrc.CosineAnnealing(lr, steps=T_max, end=eta_min)",
        "CosineAnnealingWarmRestarts": "lrc.CosineWarmRestarts(lr, first=T_0, mult=T_mult)",
        "OneCycleLR": "lrc.OneCycle(peak, steps)",
        "CyclicLR": "lrc.Cyclical(low, high, up)",
        "LambdaLR": "lrc.Lambda(fn), whose values are rates",
        "MultiplicativeLR": "lrc.ExponentialDecay(lr, gamma=factor)",
        "SequentialLR join_schedules Sequential": "schedule.then(other, at=n)",
        "ChainedScheduler": "the product of schedules, lrc.Constant(lr) * other",
        "ReduceLROnPlateau": "lrc.ReduceOnPlateau, given as controller=",
        "LRScheduler LearningRateSchedule": "lrc.Schedule",
        "lr_scheduler": "no module: all schedules stand in lrcore, as lrc.CosineAnnealing",
        "optim": "no module: all optimizers stand in lrcore, as lrc.Adam",
        "clip_grad_norm": "lrc.clip_grad_norm_(grads, max_norm), or clip_norm= of the optimizer",
        "clip_grad_value_": "clip_value= of the optimizer, as in lrc.Adam(params, clip_value=1.0)",
        "get_total_norm": "lrc.global_norm(arrays)",
        "zero_grad": "lrc.zero_grads(grads)",
        "AveragedModel ExponentialMovingAverage": "average=lrc.EMA(decay) of the optimizer",
        # Keras
        "CosineDecay": "lrc.CosineAnnealing(lr, steps, end=alpha * lr)",
        "CosineDecayRestarts": "lrc.CosineWarmRestarts(lr, first)",
        "PiecewiseConstantDecay": "lrc.PiecewiseConstant(boundaries, values), boundaries plus 1",
        "LearningRateScheduler": "lrc.Lambda(fn), or the function itself as lr",
        # optax
        "constant_schedule get_constant_schedule": "lrc.Constant(lr)",
        "linear_schedule": "lrc.Linear(start, end, steps)",
        "polynomial_schedule PolyLRScheduler": "lrc.PolynomialDecay(lr, steps)",
        "exponential_decay": "lrc.ExponentialDecay(lr, gamma=decay_rate, steps=transition_steps)",
        "cosine_decay_schedule": "lrc.CosineAnnealing(lr, steps, end=alpha * lr)",
        "cosine_onecycle_schedule": "lrc.OneCycle(peak, steps)",
        "linear_onecycle_schedule": 'lrc.OneCycle(peak, steps, anneal="linear")',
        "piecewise_constant_schedule": "lrc.PiecewiseConstant(boundaries, values)",
        "piecewise_interpolate_schedule": "lrc.Interp(steps, values)",
        "warmup_cosine_decay_schedule": "lrc.CosineAnnealing(lr, steps).warmup(n)",
        "warmup_exponential_decay_schedule": "lrc.ExponentialDecay(lr, gamma=gamma).warmup(n)",
        "warmup_constant_schedule": "lrc.Constant(lr).warmup(n)",
        "clip_by_global_norm": "clip_norm= of the optimizer, as in lrc.Adam(params, clip_norm=1.0)",
        "adaptive_grad_clip adaptive_clip_grad": "lrc.clip_units_(grads, params, factor)",
        "MultiSteps": "accumulate=k of the optimizer, as in lrc.Adam(params, accumulate=4)",
        "reduce_on_plateau": "lrc.ReduceOnPlateau, given as controller=",
        "apply_updates": "opt.step(grads), which changes the parameters in place",
        "chain": "options of the optimizer, as in lrc.Adam(params, clip_norm=1.0)",
        # transformers and timm
        "get_constant_schedule_with_warmup": "lrc.Constant(lr).warmup(n)",
        "get_linear_schedule_with_warmup": "lrc.Linear(lr, 0, steps).warmup(n)",
        "get_cosine_schedule_with_warmup": "lrc.CosineAnnealing(lr, steps).warmup(n)",
        "get_cosine_with_hard_restarts_schedule_with_warmup": "lrc.CosineWarmRestarts(lr, first)",
        "get_polynomial_decay_schedule_with_warmup": "lrc.PolynomialDecay(lr, steps).warmup(n)",
        "get_inverse_sqrt_schedule": "lrc.InverseSqrt(lr, warmup_steps)",
        "get_wsd_schedule": "lrc.WSD(peak, warmup_steps=..., stable_steps=..., decay_steps=...)",
        "get_scheduler": "one class a schedule, as lrc.CosineAnnealing(lr, steps)",
        "CosineLRScheduler": "lrc.CosineAnnealing(lr, steps), or lrc.CosineWarmRestarts(lr, first)",
        "StepLRScheduler": "lrc.StepDecay(lr, every=decay_t, factor=decay_rate)",
        # finders of rates
        "lr_find lr_finder LRFinder": "lrc.RangeTest(opt), or lrc.range_test(opt, step)",
        "LearningRateFinder find_lr find": "lrc.RangeTest(opt), or lrc.range_test(opt, step)",
        "suggest_lr": "lrc.RangeTest(opt), whose result has a suggestion",
        # names that are used everywhere
        "Cosine CosineSchedule": "lrc.CosineAnnealing(lr, steps)",
        "CosineWithWarmup WarmupCosine": "lrc.CosineAnnealing(lr, steps).warmup(n)",
        "Warmup LinearWarmup WarmUp": "schedule.warmup(n), put in front of any schedule",
        "GradualWarmupScheduler warmup": "schedule.warmup(n), put in front of any schedule",
        "SGDR sgdr_schedule": "lrc.CosineWarmRestarts(lr, first)",
        "Noam NoamLR": "lrc.InverseSqrt(lr, warmup_steps)",
        "Trapezoid": 'lrc.WSD(peak, ..., shape="linear")',
        "Triangular": "lrc.Cyclical(low, high, up)",
        "fit_one_cycle": "lrc.OneCycle(peak, steps)",
        "fit_flat_cos": "lrc.Constant(lr).then(lrc.CosineAnnealing(lr, steps), at=n)",
        "Momentum": "lrc.SGD(params, momentum=0.9)",
        "Nesterov NesterovSGD": "lrc.SGD(params, momentum=0.9, nesterov=True)",
        "AMSGrad": "lrc.Adam(params, amsgrad=True)",
        "ParamGroup": "lrc.Group(params, lr_scale=...)",
        "SignalHandler GracefulKiller": "lrc.stoppable()",
        "ModelCheckpoint": "opt.save(path, params=True)",
        "save": "opt.save(path)",
        "load": "opt.load(path)",
    }
)
