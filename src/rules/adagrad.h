/* Steps over the root of gathered squares: of their sum, or of an average. Refuses to correct for
 * the start at zero. */

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

/* Tieleman & Hinton 2012. */
COEFFICIENTS(rmsprop)
{
    (void)k;
    NARROW(rho, gain);
    c->rate = (real)h->lr;
    c->root = (real)h->eps_root;
    c->eps = (real)h->eps;
    c->mu = (real)h->momentum;
    c->least = NAME(least)(1 / (double)c->gain);
    /* differences below 256 * ROOT are missed as well */
    c->least_s = NAME(least)(1 / (double)c->gain + 65536);
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

/* Dozat 2016 (Nesterov's velocity of these steps); with the mean square corrected as Adam's is, by
 * the same factor taken out of the loop. */
COEFFICIENTS(rmsprop_ahead)
{
    const struct NAME(velocity) r =
        NAME(velocity)(h->lr, h->momentum, h->nesterov, h->lr_in_momentum);
    NARROW(rho, rest);
    k->product *= (double)c->rho;
    const double whole = h->bias_correction != 0 ? 1 - k->product : 1, size = sqrt(whole);
    c->rate = (real)(h->lr * size);
    c->gain = (real)(r.gain * size);
    c->rate_b = (real)r.rate_b;
    c->rate_u = (real)(r.rate_g * size);
    c->root = (real)(h->eps_root * whole);
    c->eps = (real)(h->eps * size);
    c->mu = (real)h->momentum;
    c->least = NAME(least)(whole / (double)c->rest);
    c->least_s = NAME(least)(1 / (double)c->rest + 65536);
}

KERNEL(rmsprop_corrected, rmsprop_ahead)
{
    real *restrict p = a[0], *restrict v = a[2];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        v[i] = settle(c.rho * v[i] + c.rest * (g[i] * g[i]));
        p[i] -= c.rate * over(g[i], sqrt(v[i] + c.root) + c.eps, c.least);
    }
}

KERNEL(rmsprop_ahead, rmsprop_ahead)
{
    real *restrict p = a[0], *restrict v = a[2], *restrict b = a[3];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        v[i] = settle(c.rho * v[i] + c.rest * (g[i] * g[i]));
        const real u = over(g[i], sqrt(v[i] + c.root) + c.eps, c.least);
        b[i] = halt(c.mu * b[i] + c.gain * u);
        p[i] -= c.rate_b * b[i] + c.rate_u * u;
    }
}

KERNEL(rmsprop_centered_ahead, rmsprop_ahead)
{
    real *restrict p = a[0], *restrict mean = a[2], *restrict s = a[3], *restrict b = a[4];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        const real d = halt_root(g[i] - mean[i]);
        mean[i] = halt(c.rho * mean[i] + c.rest * g[i]);
        s[i] = settle(c.rho * (s[i] + c.rest * (d * d)));
        const real u = over(g[i], sqrt(s[i] + c.root) + c.eps, c.least_s);
        b[i] = halt(c.mu * b[i] + c.gain * u);
        p[i] -= c.rate_b * b[i] + c.rate_u * u;
    }
}

/* Zeiler 2012. */
COEFFICIENTS(adadelta)
{
    (void)k;
    NARROW(rho, gain);
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
