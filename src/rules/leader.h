/* Steps to the point that all gradients so far make the best. Refuses to move from where a
 * parameter lies: it is set. */

/* McMahan et al. 2013, algorithm 1. At a rate of 0 nothing changes. */
COEFFICIENTS(ftrl)
{
    (void)k;
    const double slope = h->lr > 0 ? 1 / h->lr : 0;
    c->slope = (real)slope;
    c->ridge = (real)(h->beta * slope + h->l2);
    c->l1 = (real)h->l1;
    c->moves = h->lr > 0;
}

KERNEL(ftrl, ftrl)
{
    real *restrict p = a[0], *restrict z = a[2], *restrict s = a[3];
    const real *restrict g = a[1];
    const size_t moved = c.moves != 0 ? n : 0;
    SIMD
    for (size_t i = 0; i < moved; i++) {
        const real total = settle(s[i] + g[i] * g[i]), root = sqrt(total);
        const real q = root * c.slope + c.ridge;
        /* where the square of a gradient overflows an element stays, as with the other rules */
        const real sigma = q == (real)INFINITY ? 0 : (root - sqrt(s[i])) * c.slope;
        z[i] = halt(z[i] + (g[i] - sigma * p[i]));
        s[i] = total;
        const real pull = z[i] > c.l1 ? c.l1 - z[i] : z[i] < -c.l1 ? -c.l1 - z[i] : z[i] - z[i];
        p[i] = q == 0 ? 0 : q == (real)INFINITY ? p[i] + 0 * g[i] : pull / q;
    }
}
