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

/* You et al. 2020. A pass over all elements advances m and v; both take the direction from what it
 * stored. What is no norm or no rate gives a ratio of 1, as for lars. */
COEFFICIENTS(lamb)
{
    const bool inside = h->decay_in_ratio != 0;
    NARROW_BETAS;
    k->product1 *= (double)c->beta1;
    k->product2 *= (double)c->beta2;
    const double c1 = 1 - k->product1, c2 = 1 - k->product2;
    c->scale = (real)(sqrt(c2) / c1);
    c->root = (real)(h->eps_root * c2);
    c->eps = (real)(h->eps * sqrt(c2));
    c->inner = (real)(inside ? h->weight_decay : 0);
    c->decay = (real)(inside ? 0 : h->lr * h->weight_decay);
    c->rate = (real)h->lr;
    c->least = NAME(least)(c2 / (double)c->gain2);
}

static inline real NAME(lamb_direction)(const struct NAME(lamb_folded) *c, real p, real m, real v)
{
    return c->scale * over(m, sqrt(v + c->root) + c->eps, c->least) + c->inner * p;
}

MEASURE(lamb, lamb)
{
    const real *p = (const real *)a[0] + i, *g = (const real *)a[1] + i;
    real *m = (real *)a[2] + i, *v = (real *)a[3] + i;
    SIMD
    for (size_t j = 0; j < LRC_LANES; j++) {
        m[j] = halt(c->beta1 * m[j] + c->gain1 * g[j]);
        v[j] = settle(c->beta2 * v[j] + c->gain2 * (g[j] * g[j]));
        const double u = (double)NAME(lamb_direction)(c, p[j], m[j], v[j]);
        s->pp[j] += (double)p[j] * (double)p[j];
        s->uu[j] += u * u;
    }
}

BETWEEN(lamb, lamb)
{
    const double left = h->decay_in_ratio != 0 ? 1 : fabs(1 - h->lr * h->weight_decay);
    const double p = left * norm_of(s->pp), u = norm_of(s->uu);
    const double ratio = p > 0 && u > 0 ? p / u : 1;
    k->ratio = ratio < h->max_trust ? ratio : h->max_trust;
    c->rate = (real)(h->lr * k->ratio);
    if (!isfinite(c->rate)) {
        k->ratio = 1;
        c->rate = (real)h->lr;
    }
}

KERNEL(lamb, lamb)
{
    real *restrict p = a[0];
    const real *restrict m = a[2], *restrict v = a[3];
    SIMD
    for (size_t i = 0; i < n; i++) {
        const real u = NAME(lamb_direction)(&c, p[i], m[i], v[i]);
        p[i] -= c.decay * p[i] + c.rate * u;
    }
}
