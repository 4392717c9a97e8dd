/* The update rules: for each family what is computed once a step, for each rule the loop.
 * Simplest first. Included once for each dtype (`real`) by kernels.c.
 *
 * Loops use + - * / sqrt and selections only, so that every compiler and instruction set gives
 * the same bits as lrcore/reference.py.
 *
 * Letters: p parameter, g gradient, m v moments, b velocity; h hyperparameters, k carried
 * scalars, c folded scalars.
 *
 * A decay such as beta is rounded to the dtype first and its complement (the gain) taken from
 * that, so that beta + gain is exactly 1 and the average of a constant stays constant. Averages
 * are written beta * v + gain * x, not v + gain * (x - v): while v fades out the product of the
 * latter is denormal, hence slow, for thousands of steps.
 *
 * Second moments below TINY are stored as zero, so an average may miss TINY of each update, after n
 * updates TINY * (1 - beta^n) / gain of them all. Where the root that was stored is below the root
 * of that (least), the true one is not known, and the element is left where it is: with any eps
 * above, such as the defaults, that never happens. Adagrad's sum may miss TINY of each update for
 * ever; there no step passes the rate.
 *
 * Each loop evaluates all of its terms: a coefficient of 0 (no decay, no Nesterov) times an infinite
 * p or g is NaN, where the formula without that term would give an infinity. To leave terms out
 * would take a loop of its own for each combination. */

COEFFICIENTS(sgd)
{
    (void)k;
    c->rate = (real)h->lr;
}

KERNEL(sgd, sgd)
{
    real *restrict p = a[0];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++)
        p[i] -= c.rate * g[i];
}

/* Polyak 1964; Sutskever et al. 2013 (Nesterov). The rate outside the velocity (torch) or inside
 * it (Keras), with Nesterov or without: they differ in these scalars only. */
COEFFICIENTS(momentum)
{
    const bool nesterov = h->nesterov != 0, inside = h->lr_in_momentum != 0;
    const double outer = inside ? 1 : h->lr, inner = inside ? h->lr : 1;
    c->mu = (real)h->momentum;
    c->gain = (real)(k->first != 0 ? inner : inner * (1 - h->dampening));
    c->rate_b = (real)(nesterov ? outer * h->momentum : outer);
    c->rate_g = (real)(nesterov ? h->lr : 0);
    k->first = 0;
}

KERNEL(momentum, momentum)
{
    real *restrict p = a[0], *restrict b = a[2];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        b[i] = halt(c.mu * b[i] + c.gain * g[i]);
        p[i] -= c.rate_b * b[i] + c.rate_g * g[i];
    }
}

/* Tieleman & Hinton 2012. */
COEFFICIENTS(rmsprop)
{
    (void)k;
    c->rho = (real)h->rho;
    c->gain = 1 - c->rho;
    c->rate = (real)h->lr;
    c->root = (real)h->eps_root;
    c->eps = (real)h->eps;
    c->mu = (real)h->momentum;
    c->least = (real)((double)ROOT * sqrt(1 / (double)c->gain));
    /* differences below 256 * ROOT are missed as well */
    c->least_s = (real)((double)ROOT * sqrt(1 / (double)c->gain + 65536));
}

KERNEL(rmsprop, rmsprop)
{
    real *restrict p = a[0], *restrict v = a[2];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        v[i] = settle(c.rho * v[i] + c.gain * (g[i] * g[i]));
        p[i] -= c.rate * over(g[i], sqrt(v[i] + c.root) + c.eps, c.least);
    }
}

KERNEL(rmsprop_momentum, rmsprop)
{
    real *restrict p = a[0], *restrict v = a[2], *restrict b = a[3];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        v[i] = settle(c.rho * v[i] + c.gain * (g[i] * g[i]));
        b[i] = halt(c.mu * b[i] + over(g[i], sqrt(v[i] + c.root) + c.eps, c.least));
        p[i] -= c.rate * b[i];
    }
}

/* Graves 2013, with the exponentially weighted variance s instead of the difference v - mean^2,
 * which cancels and can turn negative. */
KERNEL(rmsprop_centered, rmsprop)
{
    real *restrict p = a[0], *restrict mean = a[2], *restrict s = a[3];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        const real d = halt_root(g[i] - mean[i]);
        mean[i] = halt(c.rho * mean[i] + c.gain * g[i]);
        s[i] = settle(c.rho * (s[i] + c.gain * (d * d)));
        p[i] -= c.rate * over(g[i], sqrt(s[i] + c.root) + c.eps, c.least_s);
    }
}

KERNEL(rmsprop_centered_momentum, rmsprop)
{
    real *restrict p = a[0], *restrict mean = a[2], *restrict s = a[3], *restrict b = a[4];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        const real d = halt_root(g[i] - mean[i]);
        mean[i] = halt(c.rho * mean[i] + c.gain * g[i]);
        s[i] = settle(c.rho * (s[i] + c.gain * (d * d)));
        b[i] = halt(c.mu * b[i] + over(g[i], sqrt(s[i] + c.root) + c.eps, c.least_s));
        p[i] -= c.rate * b[i];
    }
}

/* Duchi, Hazan & Singer 2011. */
COEFFICIENTS(adagrad)
{
    (void)k;
    c->rate = (real)h->lr;
    c->root = (real)h->eps_root;
    c->eps = (real)h->eps;
    c->least = ROOT;
}

KERNEL(adagrad, adagrad)
{
    real *restrict p = a[0], *restrict s = a[2];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        s[i] = settle(s[i] + g[i] * g[i]);
        p[i] -= c.rate * over(g[i], sqrt(s[i] + c.root) + c.eps, c.least);
    }
}

/* Zeiler 2012. */
COEFFICIENTS(adadelta)
{
    (void)k;
    c->rho = (real)h->rho;
    c->gain = 1 - c->rho;
    c->rate = (real)h->lr;
    c->eps = (real)h->eps;
    c->least = (real)((double)TINY / (double)c->gain);
}

KERNEL(adadelta, adadelta)
{
    real *restrict p = a[0], *restrict v = a[2], *restrict u = a[3];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        v[i] = settle(c.rho * v[i] + c.gain * (g[i] * g[i]));
        const real delta = sqrt(over(u[i] + c.eps, v[i] + c.eps, c.least)) * g[i];
        u[i] = settle(c.rho * u[i] + c.gain * (delta * delta));
        p[i] -= c.rate * delta;
    }
}

/* Kingma & Ba 2015; Loshchilov & Hutter 2019 (decay). The bias corrections 1 - product are moved
 * out of the loop: m / c1 / (sqrt(v / c2 + eps_root) + eps) =
 * sqrt(c2) / c1 * m / (sqrt(v + eps_root * c2) + eps * sqrt(c2)). */
COEFFICIENTS(adam)
{
    c->beta1 = (real)h->beta1;
    c->gain1 = 1 - c->beta1;
    c->beta2 = (real)h->beta2;
    c->gain2 = 1 - c->beta2;
    k->product1 *= (double)c->beta1;
    k->product2 *= (double)c->beta2;
    const double c1 = 1 - k->product1, c2 = 1 - k->product2;
    c->rate = (real)(h->lr * sqrt(c2) / c1);
    c->root = (real)(h->eps_root * c2);
    c->eps = (real)(h->eps_hat != 0 ? h->eps : h->eps * sqrt(c2));
    c->decay = (real)(h->lr * h->weight_decay);
    c->least = (real)((double)ROOT * sqrt(c2 / (double)c->gain2));
}

KERNEL(adam, adam)
{
    real *restrict p = a[0], *restrict m = a[2], *restrict v = a[3];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        m[i] = halt(c.beta1 * m[i] + c.gain1 * g[i]);
        v[i] = settle(c.beta2 * v[i] + c.gain2 * (g[i] * g[i]));
        p[i] -= c.decay * p[i] + c.rate * over(m[i], sqrt(v[i] + c.root) + c.eps, c.least);
    }
}

/* Reddi et al. 2018. */
KERNEL(amsgrad, adam)
{
    real *restrict p = a[0], *restrict m = a[2], *restrict v = a[3], *restrict v_max = a[4];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        m[i] = halt(c.beta1 * m[i] + c.gain1 * g[i]);
        v[i] = settle(c.beta2 * v[i] + c.gain2 * (g[i] * g[i]));
        v_max[i] = v[i] > v_max[i] ? v[i] : v_max[i];
        p[i] -= c.decay * p[i] + c.rate * over(m[i], sqrt(v_max[i] + c.root) + c.eps, c.least);
    }
}
