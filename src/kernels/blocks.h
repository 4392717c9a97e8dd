/* Loops over one flat block of gradients: norm, finiteness, clipping, coupled decay.
 * Included once for each dtype by real.h, like the rules; refuses to know any of these. */

enum { NAME(LANES) = 16 };

/* The lanes and the tree that joins them are fixed: the sum has the same bits everywhere. */
static inline void NAME(add_squares)(double *restrict lane, const real *restrict x, double factor)
{
    SIMD
    for (size_t j = 0; j < NAME(LANES); j++) {
        const double y = factor * (double)x[j];
        lane[j] += y * y;
    }
}

static double NAME(squares)(const void *restrict data, size_t n, double factor)
{
    const real *x = data;
    double lane[NAME(LANES)] = {0};
    real rest[NAME(LANES)] = {0};
    for (; n >= NAME(LANES); n -= NAME(LANES), x += NAME(LANES))
        NAME(add_squares)(lane, x, factor);
    for (size_t j = 0; j < n; j++)
        rest[j] = x[j];
    NAME(add_squares)(lane, rest, factor);
    for (size_t half = NAME(LANES) / 2; half > 0; half /= 2)
        for (size_t j = 0; j < half; j++)
            lane[j] += lane[j + half];
    return lane[0];
}

static bool NAME(finite)(const void *restrict data, size_t n)
{
    const real *x = data;
    bits found = 0;
    for (size_t i = 0; i < n; i++)
        found |= x[i] - x[i] != 0; /* inf - inf and nan - nan are nan */
    return found == 0;
}

/* The scale multiplies in double: narrowed to float32 it might vanish. */
static void NAME(clip)(void *out_data, const void *in_data, size_t n, double scale, double bound)
{
    real *out = out_data;
    const real *in = in_data;
    const real limit = (real)bound;
    SIMD
    for (size_t i = 0; i < n; i++) {
        const real g = (real)(scale * (double)in[i]);
        out[i] = g > limit ? limit : g < -limit ? -limit : g;
    }
}

static void NAME(couple)(void *out_data, const void *in_data, const void *restrict p_data, size_t n,
                         double l2)
{
    real *out = out_data;
    const real *in = in_data, *restrict p = p_data;
    const real decay = (real)l2;
    SIMD
    for (size_t i = 0; i < n; i++)
        out[i] = in[i] + decay * p[i];
}
