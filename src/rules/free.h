/* Steps of a point z that is never evaluated; x, which is, averages z and is stored nowhere, and p
 * lies between the two, where gradients are taken: p = x + (1 - beta) * (z - x). Refuses to know x,
 * which follows from p, z and the beta of the last update. n counts updates, this one included.
 *
 * The first update takes z from p: whatever was written into p before is where it all begins. */

/* x^y for x, y >= 0: whole powers by products, the rest by the series of the logarithm and of e^f.
 * No pow has the same bits everywhere. */
static inline double NAME(power)(double x, double y)
{
    double product = 1, whole = floor(y), base = x, sum = 0;
    const double rest = y - whole;
    int exponent;
    for (; whole > 0; whole = floor(whole / 2)) {
        if (fmod(whole, 2) != 0)
            product *= base;
        base *= base;
    }
    if (rest == 0 || x == 0)
        return rest == 0 ? product : 0;
    const double m = frexp(x, &exponent), t = (m - 0.7) / (m + 0.7);
    for (int i = 23; i > 0; i -= 2)
        sum = sum * (t * t) + 1.0 / i;
    /* the logarithm to base 2 of 0.7, and 2 / ln 2 */
    const double log2_m = 2.8853900817779268 * (t * sum) - 0.5145731728297583;
    const double log2 = rest * (exponent + log2_m), nearest = floor(log2 + 0.5);
    const double f = (log2 - nearest) * 0.6931471805599453;
    sum = 1;
    for (int i = 14; i > 0; i--)
        sum = 1 + f * sum / i;
    return product * ldexp(sum, (int)nearest);
}

/* What an update does to z and p: its rate, which rises over the first ones, that of p, and the
 * share of the new z in x: the weight of this update in the sum of those so far. */
struct NAME(pace) {
    double rate, rate_p, mix;
};
static inline struct NAME(pace)
    NAME(pace)(double lr, double beta, double warmup, double r, double weight_lr_power, double n,
               double *lr_max, double *weights)
{
    const double rate = n < warmup ? lr * (n / warmup) : lr;
    *lr_max = rate > *lr_max ? rate : *lr_max;
    const double weight = NAME(power)(n, r) * NAME(power)(*lr_max, weight_lr_power);
    *weights += weight;
    const double mix = *weights == 0 ? 0 : weight / *weights;
    return (struct NAME(pace)){rate, rate * (1 - beta * (1 - mix)), mix};
}

/* The carried scalars that both rules have, and the folded ones. */
#define PACE(momentum)                                                                             \
    k->n += 1;                                                                                     \
    k->beta = h->momentum;                                                                         \
    const struct NAME(pace) pace = NAME(pace)(h->lr, k->beta, h->warmup, h->r, h->weight_lr_power, \
                                              k->n, &k->lr_max, &k->weights);                      \
    c->fresh = k->n == 1;                                                                          \
    c->mix = (real)pace.mix;                                                                       \
    c->rate_p = (real)pace.rate_p;                                                                 \
    c->rate_z = (real)pace.rate

/* Defazio et al. 2024. */
COEFFICIENTS(schedule_free)
{
    PACE(momentum);
}

KERNEL(schedule_free, schedule_free)
{
    real *restrict p = a[0], *restrict z = a[2];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        const real from = c.fresh != 0 ? p[i] : z[i];
        z[i] = halt(from - c.rate_z * g[i]);
        p[i] -= c.mix * (p[i] - from) + c.rate_p * g[i];
    }
}

/* The same with Adam's root, corrected outside of the quotient. Decay is that of p. */
COEFFICIENTS(schedule_free_adam)
{
    PACE(beta1);
    NARROW(beta2, gain2);
    k->product2 *= (double)c->beta2;
    const double c2 = 1 - k->product2;
    c->scale = (real)sqrt(c2);
    c->eps = (real)(h->eps * sqrt(c2));
    c->decay = (real)h->weight_decay;
    c->least = NAME(least)(c2 / (double)c->gain2);
}

KERNEL(schedule_free_adam, schedule_free_adam)
{
    real *restrict p = a[0], *restrict z = a[2], *restrict v = a[3];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        const real from = c.fresh != 0 ? p[i] : z[i];
        v[i] = settle(c.beta2 * v[i] + c.gain2 * (g[i] * g[i]));
        const real u = c.scale * over(g[i], sqrt(v[i]) + c.eps, c.least) + c.decay * p[i];
        z[i] = halt(from - c.rate_z * u);
        p[i] -= c.mix * (p[i] - from) + c.rate_p * u;
    }
}
