/* Steps of a mean over the root of a mean square, both corrected for their start at zero.
 * Refuses rules without a mean of gradients. */

/* Kingma & Ba 2015; Loshchilov & Hutter 2019 (decay). The bias corrections 1 - product are moved
 * out of the loop: m / c1 / (sqrt(v / c2 + eps_root) + eps) =
 * sqrt(c2) / c1 * m / (sqrt(v + eps_root * c2) + eps * sqrt(c2)). */
COEFFICIENTS(adam)
{
    c->beta1 = (real)h->beta1;
    c->gain1 = 1 - c->beta1;
    c->beta2 = (real)h->beta2;
    c->gain2 = 1 - c->beta2;
    k->product1 *= (double)c->beta1;
    k->product2 *= (double)c->beta2;
    const double c1 = 1 - k->product1, c2 = 1 - k->product2;
    c->rate = (real)(h->lr * sqrt(c2) / c1);
    c->root = (real)(h->eps_root * c2);
    c->eps = (real)(h->eps_hat != 0 ? h->eps : h->eps * sqrt(c2));
    c->decay = (real)(h->lr * h->weight_decay);
    c->least = (real)((double)ROOT * sqrt(c2 / (double)c->gain2));
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
