/* Sums over one flat block in double: 16 lanes, the tail and the tree that joins them, the same
 * bits everywhere. Included like blocks.h; refuses to know what is summed. */

/* What a body adds to the lanes of its sums from the elements i .. i + LRC_LANES of some arrays. */
typedef void NAME(lane_body)(const void *context, void *const *arrays, size_t i, lrc_lanes *lane);

/* Adds to each sum what body gathers over n elements. The arrays from number `written` on are
 * changed by it; those in the bits of `single` have one number for all n. The tail is padded with
 * zeros. */
static inline
    __attribute__((always_inline)) void NAME(over_lanes)(NAME(lane_body) *body, const void *context,
                                                         void *const *arrays, size_t n_arrays,
                                                         size_t written, unsigned single, size_t n,
                                                         double *restrict sums, size_t n_sums)
{
    lrc_lanes lane[LRC_MAX_SUMS];
    size_t i = 0;
    for (size_t k = 0; k < n_sums; k++)
        for (size_t j = 0; j < LRC_LANES; j++)
            lane[k][j] = 0;
    for (; i + LRC_LANES <= n; i += LRC_LANES)
        body(context, arrays, i, lane);
    if (i < n) {
        real rest[LRC_MAX_ARRAYS][LRC_LANES] = {{0}};
        void *tail[LRC_MAX_ARRAYS];
        for (size_t k = 0; k < n_arrays; k++) {
            const bool one = single >> k & 1;
            tail[k] = one ? arrays[k] : rest[k];
            for (size_t j = 0; !one && i + j < n; j++)
                rest[k][j] = ((const real *)arrays[k])[i + j];
        }
        body(context, tail, 0, lane);
        for (size_t k = written; k < n_arrays; k++)
            for (size_t j = 0; tail[k] == rest[k] && i + j < n; j++)
                ((real *)arrays[k])[i + j] = rest[k][j];
    }
    for (size_t k = 0; k < n_sums; k++) {
        for (size_t half = LRC_LANES / 2; half > 0; half /= 2)
            for (size_t j = 0; j < half; j++)
                lane[k][j] += lane[k][j + half];
        sums[k] += lane[k][0];
    }
}
