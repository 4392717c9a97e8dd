/* What one writes by hand: a plain loop over each array, shared among the threads of OpenMP.
 * Called by compiled.py through ctypes. */
#include <math.h>
#include <stddef.h>

void adam(size_t arrays, const size_t *sizes, float **params, float **grads, float **first,
          float **second, float rate, float eps)
{
    for (size_t k = 0; k < arrays; k++) {
        float *restrict const p = params[k], *restrict const m = first[k];
        float *restrict const v = second[k];
        const float *restrict const g = grads[k];
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < sizes[k]; i++) {
            m[i] = 0.9f * m[i] + 0.1f * g[i];
            v[i] = 0.999f * v[i] + 0.001f * g[i] * g[i];
            p[i] -= rate * m[i] / (sqrtf(v[i]) + eps);
        }
    }
}

void momentum(size_t arrays, const size_t *sizes, float **params, float **grads, float **velocity,
              float rate, float decay)
{
    for (size_t k = 0; k < arrays; k++) {
        float *restrict const p = params[k], *restrict const b = velocity[k];
        const float *restrict const g = grads[k];
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < sizes[k]; i++) {
            b[i] = decay * b[i] + g[i];
            p[i] -= rate * b[i];
        }
    }
}
