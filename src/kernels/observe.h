/* The loop over one flat block of an update that is observed. Included like blocks.h; refuses to
 * know what the sums are wanted for. */

struct NAME(lanes) {
    double p[NAME(LANES)], g[NAME(LANES)], u[NAME(LANES)], product[NAME(LANES)], along[NAME(LANES)];
    bits wanted[NAME(LANES)], dead[NAME(LANES)], nonfinite[NAME(LANES)];
};

static inline void NAME(add_update)(struct NAME(lanes) *restrict lane, real *restrict last,
                                    const real *restrict before, const real *restrict after,
                                    const real *restrict g)
{
    SIMD
    for (size_t j = 0; j < NAME(LANES); j++) {
        const real u = after[j] - before[j];
        const bits some = g[j] != 0, none = u == 0;
        lane->p[j] += (double)before[j] * (double)before[j];
        lane->g[j] += (double)g[j] * (double)g[j];
        lane->u[j] += (double)u * (double)u;
        lane->product[j] += (double)u * (double)last[j];
        lane->along[j] += (double)u * (double)g[j];
        lane->wanted[j] += some;
        lane->dead[j] += some & none;
        lane->nonfinite[j] += g[j] - g[j] != 0;
        last[j] = u;
    }
}

static void NAME(observe)(void *restrict last_data, const void *restrict before_data,
                          const void *restrict after_data, const void *restrict g_data, size_t n,
                          lrc_sums *restrict sums)
{
    real *last = last_data, rest[4][NAME(LANES)] = {{0}};
    const real *before = before_data, *after = after_data, *g = g_data;
    struct NAME(lanes) lane = {{0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}};
    size_t i = 0;
    for (; i + NAME(LANES) <= n; i += NAME(LANES))
        NAME(add_update)(&lane, last + i, before + i, after + i, g + i);
    for (size_t j = 0; i + j < n; j++) {
        rest[0][j] = last[i + j];
        rest[1][j] = before[i + j];
        rest[2][j] = after[i + j];
        rest[3][j] = g[i + j];
    }
    NAME(add_update)(&lane, rest[0], rest[1], rest[2], rest[3]);
    for (size_t j = 0; i + j < n; j++)
        last[i + j] = rest[0][j];
    for (size_t j = 0; j < NAME(LANES); j++) {
        sums->p += lane.p[j];
        sums->g += lane.g[j];
        sums->u += lane.u[j];
        sums->product += lane.product[j];
        sums->along += lane.along[j];
        sums->wanted += (double)lane.wanted[j];
        sums->dead += (double)lane.dead[j];
        sums->nonfinite += (double)lane.nonfinite[j];
    }
}
