/* The update rules: for each set of scalars what is computed once a step, for each rule the loop,
 * and before it for rules with sums the pass that measures and what is made of its sums.
 * One header a family, simplest first. kernels/real.h includes them once for each dtype (`real`);
 * they refuse to know tensors, strides, threads and instruction sets.
 *
 * Loops use + - * / sqrt and selections only, so that every compiler and instruction set gives
 * the same bits as lrcore/reference.
 *
 * Letters: p parameter, g gradient, m v moments, b velocity; h hyperparameters, k carried
 * scalars, c folded scalars.
 *
 * Each loop evaluates all of its terms: a coefficient of 0 (no decay, no Nesterov) times an
 * infinite p or g is NaN, where the formula without that term would give an infinity. To leave
 * terms out would take a loop of its own for each combination. */

#include "rounding.h"

#include "descent.h"

#include "adagrad.h"

#include "adam.h"

#include "spread.h"

#include "sign.h"

#include "leader.h"

#include "free.h"

#include "trust.h"
