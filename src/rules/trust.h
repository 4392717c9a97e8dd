/* Steps whose length follows that of the array that they change. Refuses to know more of another
 * array than its own sums. */

/* You, Gitman & Ginsburg 2017. A norm that is 0, or whose square leaves the range of double, and a
 * ratio that the dtype cannot hold give a ratio of 1. */
static inline void NAME(lars_scale)(const struct lars_hyper *h, double ratio,
                                    struct NAME(lars_folded) *c)
{
    const struct NAME(velocity) r =
        NAME(velocity)(h->lr, h->momentum, h->nesterov, h->lr_in_momentum);
    c->mu = (real)h->momentum;
    c->gain = (real)(r.gain * ratio);
    c->rate_b = (real)r.rate_b;
    c->rate_g = (real)(r.rate_g * ratio);
    c->l2 = (real)h->l2;
}

COEFFICIENTS(lars)
{
    (void)k;
    NAME(lars_scale)(h, 1, c);
}

static inline real NAME(lars_direction)(const struct NAME(lars_folded) *c, real p, real g)
{
    return g + c->l2 * p;
}

MEASURE(lars, lars)
{
    const real *p = (const real *)a[0] + i, *g = (const real *)a[1] + i;
    SIMD
    for (size_t j = 0; j < LRC_LANES; j++) {
        const double d = (double)NAME(lars_direction)(c, p[j], g[j]);
        s->pp[j] += (double)p[j] * (double)p[j];
        s->gg[j] += (double)g[j] * (double)g[j];
        s->dd[j] += d * d;
    }
}

BETWEEN(lars, lars)
{
    const double p = norm_of(s->pp), g = norm_of(h->joint_norm != 0 ? s->dd : s->gg);
    const double whole = h->joint_norm != 0 ? g : g + h->l2 * p;
    const double ratio = h->trust * p / (whole + h->eps);
    const bool known = h->adaptive != 0 && p > 0 && g > 0;
    k->ratio = known ? ratio : 1;
    NAME(lars_scale)(h, k->ratio, c);
    if (!isfinite(c->gain) || !isfinite(c->rate_g)) {
        k->ratio = 1;
        NAME(lars_scale)(h, 1, c);
    }
}

KERNEL(lars, lars)
{
    real *restrict p = a[0], *restrict b = a[2];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        const real d = NAME(lars_direction)(&c, p[i], g[i]);
        b[i] = halt(c.mu * b[i] + c.gain * d);
        p[i] -= c.rate_b * b[i] + c.rate_g * d;
    }
}
