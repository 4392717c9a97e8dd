/* Steps by a sign, of gradients or of a mean of them. Refuses to know how large gradients are. */

static inline real NAME(sign)(real x)
{
    return x > 0 ? 1 : x < 0 ? -1 : x - x; /* of zeros 0, of NaN NaN */
}

/* Bernstein et al. 2018. */
COEFFICIENTS(signsgd)
{
    (void)k;
    c->beta = (real)h->momentum;
    c->gain = 1 - c->beta;
    c->rate = (real)h->lr;
    c->decay = (real)(h->lr * h->weight_decay);
}

KERNEL(signsgd, signsgd)
{
    real *restrict p = a[0];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++)
        p[i] -= c.decay * p[i] + c.rate * NAME(sign)(g[i]);
}

/* The sign of the mean as it is before it ends, so that equal betas of Lion give the same. */
KERNEL(signsgd_momentum, signsgd)
{
    real *restrict p = a[0], *restrict m = a[2];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        const real mean = c.beta * m[i] + c.gain * g[i];
        m[i] = halt(mean);
        p[i] -= c.decay * p[i] + c.rate * NAME(sign)(mean);
    }
}

/* Chen et al. 2023. */
COEFFICIENTS(lion)
{
    (void)k;
    NARROW_BETAS;
    c->rate = (real)h->lr;
    c->decay = (real)(h->lr * h->weight_decay);
}

KERNEL(lion, lion)
{
    real *restrict p = a[0], *restrict m = a[2];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        const real u = NAME(sign)(c.beta1 * m[i] + c.gain1 * g[i]);
        m[i] = halt(c.beta2 * m[i] + c.gain2 * g[i]);
        p[i] -= c.decay * p[i] + c.rate * u;
    }
}

/* Riedmiller & Braun 1993, as Igel & Huesken 2000 (iRprop-) change it. The rate is where the steps
 * start. Signs are compared and not multiplied gradients, whose product may underflow. */
COEFFICIENTS(rprop)
{
    (void)k;
    c->down = (real)h->eta1;
    c->up = (real)h->eta2;
    c->least = (real)h->step_size1;
    c->most = (real)h->step_size2;
}

KERNEL(rprop, rprop)
{
    real *restrict p = a[0], *restrict g_old = a[2], *restrict step = a[3];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        const real turn = NAME(sign)(g[i]) * NAME(sign)(g_old[i]);
        const real taken = turn < 0 ? 0 : g[i];
        const real changed = step[i] * (turn > 0 ? c.up : turn < 0 ? c.down : 1);
        const real capped = changed > c.most ? c.most : changed;
        step[i] = capped < c.least ? c.least : capped;
        g_old[i] = taken;
        p[i] -= NAME(sign)(taken) * step[i];
    }
}
