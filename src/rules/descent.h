/* Steps along the gradient, or along a velocity that gathers gradients. Refuses to know a scale of
 * each element. */

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

/* The rate outside the velocity (torch) or inside it (Keras), with Nesterov or without: they differ
 * in these scalars only. */
struct NAME(velocity) {
    double gain, rate_b, rate_g;
};
static inline struct NAME(velocity)
    NAME(velocity)(double lr, double momentum, double nesterov, double lr_in_momentum)
{
    const double outer = lr_in_momentum != 0 ? 1 : lr, inner = lr_in_momentum != 0 ? lr : 1;
    return (struct NAME(velocity)){inner, nesterov != 0 ? outer * momentum : outer,
                                   nesterov != 0 ? lr : 0};
}

/* Polyak 1964; Sutskever et al. 2013 (Nesterov). */
COEFFICIENTS(momentum)
{
    const struct NAME(velocity) r =
        NAME(velocity)(h->lr, h->momentum, h->nesterov, h->lr_in_momentum);
    c->mu = (real)h->momentum;
    c->gain = (real)(k->first != 0 ? r.gain : r.gain * (1 - h->dampening));
    c->rate_b = (real)r.rate_b;
    c->rate_g = (real)r.rate_g;
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

/* Loshchilov & Hutter 2019. */
COEFFICIENTS(sgdw)
{
    const bool nesterov = h->nesterov != 0;
    (void)k;
    c->mu = (real)h->momentum;
    c->rate_b = (real)(nesterov ? h->lr * h->momentum : h->lr);
    c->rate_g = (real)(nesterov ? h->lr : 0);
    c->decay = (real)(h->lr * h->weight_decay);
}

/* Without momentum the velocity is the gradient. */
KERNEL(sgdw, sgdw)
{
    real *restrict p = a[0];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++)
        p[i] -= c.decay * p[i] + c.rate_b * g[i];
}

KERNEL(sgdw_momentum, sgdw)
{
    real *restrict p = a[0], *restrict b = a[2];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        b[i] = halt(c.mu * b[i] + g[i]);
        p[i] -= c.decay * p[i] + (c.rate_b * b[i] + c.rate_g * g[i]);
    }
}
