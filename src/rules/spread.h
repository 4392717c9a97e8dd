/* Steps of a mean over how far gradients spread: over the largest, or over a deviation. Refuses the
 * root of a mean square. */

/* Kingma & Ba 2015, section 7.1: the largest of fading gradients in the place of a root. */
COEFFICIENTS(adamax)
{
    c->beta1 = (real)h->beta1;
    c->gain1 = 1 - c->beta1;
    c->beta2 = (real)h->beta2;
    k->product1 *= (double)c->beta1;
    c->rate = (real)(h->lr / (1 - k->product1));
    c->eps = (real)h->eps;
    c->eps_out = (real)h->eps_out;
}

KERNEL(adamax, adamax)
{
    real *restrict p = a[0], *restrict m = a[2], *restrict u = a[3];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        const real faded = c.beta2 * u[i], size = fabs(g[i]) + c.eps;
        m[i] = halt(c.beta1 * m[i] + c.gain1 * g[i]);
        u[i] = settle(faded > size ? faded : size);
        p[i] -= c.rate * over(m[i], u[i] + c.eps_out, TINY);
    }
}
