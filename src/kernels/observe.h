/* The loop over one flat block of an update that is observed. Included like blocks.h; refuses to
 * know what the sums are wanted for. */

static inline void NAME(add_update)(const void *context, void *const *arrays, size_t i,
                                    lrc_lanes *lane)
{
    const real *before = (const real *)arrays[0] + i, *after = (const real *)arrays[1] + i;
    const real *g = (const real *)arrays[2] + i;
    real *restrict last = (real *)arrays[3] + i;
    lrc_lanes_of_update *restrict s = (void *)lane;
    (void)context;
    SIMD
    for (size_t j = 0; j < LRC_LANES; j++) {
        const real u = after[j] - before[j];
        const double p0 = (double)before[j], gradient = (double)g[j], update = (double)u;
        const double some = gradient != 0, none = update == 0;
        s->p[j] += p0 * p0;
        s->g[j] += gradient * gradient;
        s->u[j] += update * update;
        s->product[j] += update * (double)last[j];
        s->along[j] += update * gradient;
        s->wanted[j] += some;
        s->dead[j] += some * none;
        s->nonfinite[j] += gradient - gradient != 0;
        last[j] = u;
    }
}

static void NAME(observe)(void *restrict last, const void *restrict before,
                          const void *restrict after, const void *restrict g, size_t n,
                          lrc_sums *restrict sums)
{
    void *const arrays[] = {(void *)before, (void *)after, (void *)g, last};
    NAME(over_lanes)(NAME(add_update), NULL, arrays, 4, 3, 0, n, (double *)sums,
                     LRC_SUMS_OF_UPDATE);
}
