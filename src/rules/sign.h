/* Steps by the sign of a mean of gradients. Refuses to know how large gradients are. */

static inline real NAME(sign)(real x)
{
    return x > 0 ? 1 : x < 0 ? -1 : x - x; /* of zeros 0, of NaN NaN */
}

/* Chen et al. 2023. */
COEFFICIENTS(lion)
{
    (void)k;
    c->beta1 = (real)h->beta1;
    c->gain1 = 1 - c->beta1;
    c->beta2 = (real)h->beta2;
    c->gain2 = 1 - c->beta2;
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
