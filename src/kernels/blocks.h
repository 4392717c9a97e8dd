/* Loops over one flat block: norm, finiteness, clipping, coupled decay and means of gradients, the
 * average of parameters.
 * Included once for each dtype by real.h, like the rules; refuses to know any of these. */

static inline void NAME(add_squares)(const void *factor, void *const *arrays, size_t i,
                                     lrc_lanes *lane)
{
    const real *x = (const real *)arrays[0] + i;
    const double scale = *(const double *)factor;
    SIMD
    for (size_t j = 0; j < LRC_LANES; j++) {
        const double y = scale * (double)x[j];
        lane[0][j] += y * y;
    }
}

static double NAME(squares)(const void *restrict data, size_t n, double factor)
{
    void *const arrays[] = {(void *)data};
    double sum = 0;
    NAME(over_lanes)(NAME(add_squares), &factor, arrays, 1, 1, 0, n, &sum, 1);
    return sum;
}

/* The exponent of what is not finite is all ones: one more in it carries into the sign. */
static bool NAME(finite)(const void *restrict data, size_t n)
{
    const real *x = data, least = TINY;
    const bits sign = ~((bits)-1 >> 1);
    bits one, found = 0;
    memcpy(&one, &least, sizeof one);
    for (size_t i = 0; i < n; i++) {
        bits u;
        memcpy(&u, &x[i], sizeof u);
        found |= (u & ~sign) + one;
    }
    return (found & sign) == 0;
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

static void NAME(add)(void *out_data, const void *a_data, const void *restrict b_data, size_t n)
{
    real *out = out_data;
    const real *a = a_data, *restrict b = b_data;
    SIMD
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] + b[i];
}

static void NAME(divide)(void *data, size_t n, double by)
{
    real *x = data;
    const real divisor = (real)by;
    SIMD
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] / divisor;
}

/* A difference, not decay * a + gain * p: that has the gain of a rounded decay, which at 0.9999 in
 * float32 is off by 1.7e-4. */
static void NAME(average)(void *restrict a_data, const void *restrict p_data, size_t n, double gain)
{
    real *restrict a = a_data;
    const real *restrict p = p_data;
    const real c = (real)gain;
    SIMD
    for (size_t i = 0; i < n; i++)
        a[i] = c < 1 ? halt(a[i] + c * (p[i] - a[i])) : p[i];
}
