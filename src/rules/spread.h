/* Steps of a mean over how far gradients spread: over the largest, or over a deviation. Refuses the
 * root of a mean square. */

/* Kingma & Ba 2015, section 7.1: the largest of fading gradients in the place of a root. */
COEFFICIENTS(adamax)
{
    NARROW(beta1, gain1);
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

/* Zhuang et al. 2020: the deviation of gradients from their mean. eps_root gathers in v. */
COEFFICIENTS(adabelief)
{
    NARROW_BETAS;
    k->product1 *= (double)c->beta1;
    k->product2 *= (double)c->beta2;
    const double c1 = 1 - k->product1, c2 = 1 - k->product2;
    c->rate = (real)(h->lr * sqrt(c2) / c1);
    c->root = (real)h->eps_root;
    c->eps = (real)(h->eps * sqrt(c2));
    c->decay = (real)(h->lr * h->weight_decay);
    /* differences below 256 * ROOT are missed as well */
    c->least = NAME(least)(c2 * (1 / (double)c->gain2 + 65536));
}

KERNEL(adabelief, adabelief)
{
    real *restrict p = a[0], *restrict m = a[2], *restrict v = a[3];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        m[i] = halt(c.beta1 * m[i] + c.gain1 * g[i]);
        const real d = halt_root(g[i] - m[i]);
        v[i] = settle(c.beta2 * v[i] + c.gain2 * (d * d) + c.root);
        p[i] -= c.decay * p[i] + c.rate * over(m[i], sqrt(v[i]) + c.eps, c.least);
    }
}
