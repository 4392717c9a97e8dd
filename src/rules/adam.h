/* Steps of a mean over the root of a mean square, both corrected for their start at zero.
 * Refuses rules without a mean of gradients. n counts updates, this one included. */

/* Kingma & Ba 2015; Loshchilov & Hutter 2019 (decay). The bias corrections 1 - product are moved
 * out of the loop: m / c1 / (sqrt(v / c2 + eps_root) + eps) =
 * sqrt(c2) / c1 * m / (sqrt(v + eps_root * c2) + eps * sqrt(c2)). */
COEFFICIENTS(adam)
{
    NARROW_BETAS;
    k->product1 *= (double)c->beta1;
    k->product2 *= (double)c->beta2;
    const double c1 = 1 - k->product1, c2 = 1 - k->product2;
    c->rate = (real)(h->lr * sqrt(c2) / c1);
    c->decay = (real)(h->lr * h->weight_decay);
    c->root = (real)(h->eps_root * c2);
    c->eps = (real)(h->eps_hat != 0 ? h->eps : h->eps * sqrt(c2));
    c->least = NAME(least)(c2 / (double)c->gain2);
}

KERNEL(adam, adam)
{
    real *restrict p = a[0], *restrict m = a[2], *restrict v = a[3];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        m[i] = halt(c.beta1 * m[i] + c.gain1 * g[i]);
        v[i] = settle(c.beta2 * v[i] + c.gain2 * (g[i] * g[i]));
        p[i] -= c.decay * p[i] + c.rate * over(m[i], sqrt(v[i] + c.root) + c.eps, c.least);
    }
}

/* Reddi et al. 2018. */
KERNEL(amsgrad, adam)
{
    real *restrict p = a[0], *restrict m = a[2], *restrict v = a[3], *restrict v_max = a[4];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        m[i] = halt(c.beta1 * m[i] + c.gain1 * g[i]);
        v[i] = settle(c.beta2 * v[i] + c.gain2 * (g[i] * g[i]));
        v_max[i] = v[i] > v_max[i] ? v[i] : v_max[i];
        p[i] -= c.decay * p[i] + c.rate * over(m[i], sqrt(v_max[i] + c.root) + c.eps, c.least);
    }
}

/* Dozat 2016, with a momentum that stays: the mean of the next update, if its gradient were 0. */
COEFFICIENTS(adam_nesterov)
{
    NARROW_BETAS;
    const double beta1 = (double)c->beta1;
    k->product1 *= beta1;
    k->product2 *= (double)c->beta2;
    const double c1 = 1 - k->product1, c2 = 1 - k->product2, rate = h->lr * sqrt(c2);
    c->rate_m = (real)(rate * beta1 / (1 - k->product1 * beta1));
    c->rate_g = (real)(rate * (1 - beta1) / c1);
    c->decay = (real)(h->lr * h->weight_decay);
    c->root = (real)(h->eps_root * c2);
    c->eps = (real)(h->eps_hat != 0 ? h->eps : h->eps * sqrt(c2));
    c->least = NAME(least)(c2 / (double)c->gain2);
}

KERNEL(adam_nesterov, adam_nesterov)
{
    real *restrict p = a[0], *restrict m = a[2], *restrict v = a[3];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        m[i] = halt(c.beta1 * m[i] + c.gain1 * g[i]);
        v[i] = settle(c.beta2 * v[i] + c.gain2 * (g[i] * g[i]));
        const real u = c.rate_m * m[i] + c.rate_g * g[i];
        p[i] -= c.decay * p[i] + over(u, sqrt(v[i] + c.root) + c.eps, c.least);
    }
}

/* Reddi et al. 2018, with the largest of what is corrected already: its root and what is added to
 * it are not scaled. */
COEFFICIENTS(amsgrad_corrected)
{
    NARROW_BETAS;
    k->product1 *= (double)c->beta1;
    k->product2 *= (double)c->beta2;
    c->over2 = (real)(1 / (1 - k->product2));
    c->rate = (real)(h->lr / (1 - k->product1));
    c->decay = (real)(h->lr * h->weight_decay);
    c->root = (real)h->eps_root;
    c->eps = (real)h->eps;
    /* the largest may have been the first, missed whole: twice its root */
    c->least = NAME(least)(4 / (double)c->gain2);
}

KERNEL(amsgrad_corrected, amsgrad_corrected)
{
    real *restrict p = a[0], *restrict m = a[2], *restrict v = a[3], *restrict v_max = a[4];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        m[i] = halt(c.beta1 * m[i] + c.gain1 * g[i]);
        v[i] = settle(c.beta2 * v[i] + c.gain2 * (g[i] * g[i]));
        const real v_hat = c.over2 * v[i];
        v_max[i] = v_hat > v_max[i] ? v_hat : v_max[i];
        p[i] -= c.decay * p[i] + c.rate * over(m[i], sqrt(v_max[i] + c.root) + c.eps, c.least);
    }
}

/* 0.96^x for x >= 0: the series of e^y for a small y, squared as often as y was halved. No pow has
 * the same bits everywhere. */
static inline double NAME(warming)(double x)
{
    double y = -0.04082199452025513 * x, sum = 1;
    int halved = 0;
    if (y < -750)
        return 0;
    for (; y < -0.0625; halved++)
        y /= 2;
    for (int i = 9; i > 0; i--)
        sum = 1 + y * sum / i;
    for (; halved > 0; halved--)
        sum *= sum;
    return sum;
}

/* Dozat 2016. */
COEFFICIENTS(nadam)
{
    NARROW_BETAS;
    const double beta1 = (double)c->beta1, warm = h->momentum_decay;
    k->n += 1;
    const double mu = beta1 * (1 - 0.5 * NAME(warming)(k->n * warm));
    const double next = beta1 * (1 - 0.5 * NAME(warming)((k->n + 1) * warm));
    k->product *= mu;
    k->product2 *= (double)c->beta2;
    const double c2 = 1 - k->product2, rate = h->lr * sqrt(c2);
    c->rate_m = (real)(rate * next / (1 - k->product * next));
    c->rate_g = (real)(rate * (1 - mu) / (1 - k->product));
    c->eps = (real)(h->eps * sqrt(c2));
    c->decay = (real)(h->lr * h->weight_decay);
    c->least = NAME(least)(c2 / (double)c->gain2);
}

KERNEL(nadam, nadam)
{
    real *restrict p = a[0], *restrict m = a[2], *restrict v = a[3];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        m[i] = halt(c.beta1 * m[i] + c.gain1 * g[i]);
        v[i] = settle(c.beta2 * v[i] + c.gain2 * (g[i] * g[i]));
        const real u = c.rate_m * m[i] + c.rate_g * g[i];
        p[i] -= c.decay * p[i] + over(u, sqrt(v[i]) + c.eps, c.least);
    }
}

/* Liu et al. 2020. The length of the average cancels three digits, so beta2 is taken as given, and
 * not as the dtype can hold it. */
COEFFICIENTS(radam)
{
    NARROW_BETAS;
    k->n += 1;
    k->product1 *= (double)c->beta1;
    k->product2 *= (double)c->beta2;
    k->given2 *= h->beta2;
    const double c1 = 1 - k->product1, c2 = 1 - k->product2;
    const double longest = 2 / (1 - h->beta2) - 1;
    const double length = longest - 2 * k->n * k->given2 / (1 - k->given2);
    const double above = (length - 4) * (length - 2) * longest;
    const double below = (longest - 4) * (longest - 2) * length;
    const bool rectified = length > 5;
    c->rectified = rectified;
    c->rate = (real)(rectified ? h->lr * sqrt(above / below) * sqrt(c2) / c1 : h->lr / c1);
    c->eps = (real)(h->eps_hat != 0 ? h->eps : h->eps * sqrt(c2));
    c->decay = (real)(h->lr * h->weight_decay);
    c->least = NAME(least)(c2 / (double)c->gain2);
}

KERNEL(radam, radam)
{
    real *restrict p = a[0], *restrict m = a[2], *restrict v = a[3];
    const real *restrict g = a[1];
    SIMD
    for (size_t i = 0; i < n; i++) {
        m[i] = halt(c.beta1 * m[i] + c.gain1 * g[i]);
        v[i] = settle(c.beta2 * v[i] + c.gain2 * (g[i] * g[i]));
        const real root = c.rectified != 0 ? sqrt(v[i]) + c.eps : 1;
        p[i] -= c.decay * p[i] + c.rate * over(m[i], root, c.least);
    }
}
