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
