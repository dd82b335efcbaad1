/* One pass of hinge SGD with the telescoping l2 over consecutive CSR rows: what hogwild.kernels.linear does, in plain C.
 * The weights are w / divisor; see there. */
#include <stdint.h>

void hinge_pass(int64_t n, const uint64_t *restrict indptr, const uint32_t *restrict indices,
                const float *restrict values, const float *restrict targets, float *restrict w, double gain,
                double growth)
{
    double divisor = 1.0;
    for (int64_t i = 0; i < n; i++) {
        float p = 0.0f;
        for (uint64_t k = indptr[i]; k < indptr[i + 1]; k++)
            p += values[k] * w[indices[k]];
        if (targets[i] * (p / divisor) < 1.0) {
            const float step = (float)(gain * targets[i]);
            for (uint64_t k = indptr[i]; k < indptr[i + 1]; k++)
                w[indices[k]] += step * values[k];
        }
        divisor += growth;
    }
}
