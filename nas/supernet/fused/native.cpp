// One sweep over the values of a node for what torch needs many for; compiled by native.py where a user asks for it.
// Images are rows: (images * pixels, channels), dense. float and double; NaN and infinity are passed on.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

inline double sigmoid(double z) { return 1.0 / (1.0 + std::exp(-z)); }

// exp by Cody and Waite's reduction and a polynomial, so that the compiler can compute it for many values at once;
// its error is below 2 units in the last place
inline float sigmoid(float z) {
  float t = -z;
  t = t < -87.0f ? -87.0f : t;  // comparisons that leave a NaN as it is
  t = t > 88.0f ? 88.0f : t;
  const float shift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const float sum = t * 1.44269504088896341f + shift;
  const float n = sum - shift;
  const float r = (t - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  int32_t bits;
  std::memcpy(&bits, &sum, 4);
  bits = static_cast<int32_t>((static_cast<uint32_t>(bits) + 127u) << 23);  // 2^n
  float scale;
  std::memcpy(&scale, &bits, 4);
  p *= scale;  // a product: a NaN stays one
  return 1.0f / (1.0f + p);
}

// y = x * (a + b + sum_k w_k sigmoid(z_k)); a (images, c) and b (rows) may be missing
template <typename T, int K>
void forward(T* y, const T* x, T* const* z, const T* w, const T* a, const T* b, int64_t images, int64_t pixels, int64_t c) {
  std::vector<T> none(c, T(0));
  for (int64_t m = 0; m < images; ++m) {
    const T* am = a ? a + m * c : none.data();
    for (int64_t p = m * pixels; p < (m + 1) * pixels; ++p) {
      const T bp = b ? b[p] : T(0);
      const T* xp = x + p * c;
      T* yp = y + p * c;
#pragma omp simd
      for (int64_t k = 0; k < c; ++k) {
        T gate = am[k] + bp;
        for (int j = 0; j < K; ++j) gate += w[j] * sigmoid(z[j][p * c + k]);
        yp[k] = xp[k] * gate;
      }
    }
  }
}

// z_k becomes the gradient of the gates' sum times sigmoid'(z_k); gx, ga and gw are added to, gb is set; each may be missing
template <typename T, int K>
void backward(T* const* z, const T* g, const T* x, const T* w, const T* a, const T* b, T* gx, T* ga, T* gb, T* gw,
              int64_t images, int64_t pixels, int64_t c) {
  std::vector<T> none(c, T(0)), lost(c), sums(c * (K + 1));
  std::vector<T> unused(gx ? 0 : c);
  for (int64_t m = 0; m < images; ++m) {
    const T* am = a ? a + m * c : none.data();
    std::vector<T> of_a(c, T(0));
    T* sa = of_a.data();
    for (int64_t p = m * pixels; p < (m + 1) * pixels; ++p) {
      const T bp = b ? b[p] : T(0);
      const T *xp = x + p * c, *gp = g + p * c;
      T* gxp = gx ? gx + p * c : unused.data();
      T sb = 0;
#pragma omp simd reduction(+ : sb)
      for (int64_t k = 0; k < c; ++k) {
        const T of_gate = gp[k] * xp[k];
        T gate = am[k] + bp;
        for (int j = 0; j < K; ++j) {
          const T s = sigmoid(z[j][p * c + k]);
          const T weighted = of_gate * s;
          gate += w[j] * s;
          sums[j * c + k] += weighted;
          z[j][p * c + k] = weighted * (T(1) - s);
        }
        gxp[k] += gp[k] * gate;
        sa[k] += of_gate;
        sb += of_gate;
      }
      if (gb) gb[p] = sb;
    }
    if (ga)
      for (int64_t k = 0; k < c; ++k) ga[m * c + k] += sa[k];
  }
  if (gw)
    for (int j = 0; j < K; ++j)
      for (int64_t k = 0; k < c; ++k) gw[j] += sums[j * c + k];
}

// mean and variance of each channel over the pixels (images, c); maximum and mean over the channels (rows)
template <typename T>
void statistics(const T* x, T* mean, T* variance, T* maximum, T* average, int64_t images, int64_t pixels, int64_t c) {
  for (int64_t m = 0; m < images; ++m) {
    T *mm = mean + m * c, *vm = variance + m * c;
    for (int64_t k = 0; k < c; ++k) mm[k] = vm[k] = T(0);
    for (int64_t p = m * pixels; p < (m + 1) * pixels; ++p) {
      const T* xp = x + p * c;
      T sum = 0, top = xp[0];
#pragma omp simd reduction(+ : sum) reduction(max : top)
      for (int64_t k = 0; k < c; ++k) {
        mm[k] += xp[k];
        sum += xp[k];
        top = xp[k] > top ? xp[k] : top;
      }
      maximum[p] = sum == sum ? top : sum;
      average[p] = sum / c;
    }
    for (int64_t k = 0; k < c; ++k) mm[k] /= pixels;
    for (int64_t p = m * pixels; p < (m + 1) * pixels; ++p) {
      const T* xp = x + p * c;
#pragma omp simd
      for (int64_t k = 0; k < c; ++k) {
        const T d = xp[k] - mm[k];
        vm[k] += d * d;
      }
    }
    for (int64_t k = 0; k < c; ++k) vm[k] /= pixels;
  }
}

// the gradient of x of all of them; the maximum's is shared among equal values
template <typename T>
void statistics_backward(const T* x, const T* mean, const T* maximum, const T* of_mean, const T* of_variance,
                         const T* of_maximum, const T* of_average, T* gx, int64_t images, int64_t pixels, int64_t c) {
  std::vector<T> slope(c), offset(c);
  for (int64_t m = 0; m < images; ++m) {
    for (int64_t k = 0; k < c; ++k) {
      slope[k] = of_variance ? of_variance[m * c + k] * T(2) / pixels : T(0);
      offset[k] = (of_mean ? of_mean[m * c + k] / pixels : T(0)) - slope[k] * mean[m * c + k];
    }
    const T *sl = slope.data(), *of = offset.data();
    for (int64_t p = m * pixels; p < (m + 1) * pixels; ++p) {
      const T* xp = x + p * c;
      T *gp = gx + p * c, count = 0;
      const T top = maximum[p], every = of_average ? of_average[p] / c : T(0);
#pragma omp simd reduction(+ : count)
      for (int64_t k = 0; k < c; ++k) count += xp[k] == top ? T(1) : T(0);
      const T share = of_maximum ? of_maximum[p] / count : T(0);
#pragma omp simd
      for (int64_t k = 0; k < c; ++k) gp[k] = xp[k] * sl[k] + of[k] + every + (xp[k] == top ? share : T(0));
    }
  }
}

}  // namespace

#define GATES(T, NAME)                                                                                                     \
  extern "C" void NAME##_forward(int k, T* y, const T* x, T* const* z, const T* w, const T* a, const T* b, int64_t n,      \
                                 int64_t p, int64_t c) {                                                                   \
    switch (k) {                                                                                                           \
      case 0: return forward<T, 0>(y, x, z, w, a, b, n, p, c);                                                             \
      case 1: return forward<T, 1>(y, x, z, w, a, b, n, p, c);                                                             \
      case 2: return forward<T, 2>(y, x, z, w, a, b, n, p, c);                                                             \
      case 3: return forward<T, 3>(y, x, z, w, a, b, n, p, c);                                                             \
      case 4: return forward<T, 4>(y, x, z, w, a, b, n, p, c);                                                             \
    }                                                                                                                      \
  }                                                                                                                        \
  extern "C" void NAME##_backward(int k, T* const* z, const T* g, const T* x, const T* w, const T* a, const T* b, T* gx,   \
                                  T* ga, T* gb, T* gw, int64_t n, int64_t p, int64_t c) {                                  \
    switch (k) {                                                                                                           \
      case 0: return backward<T, 0>(z, g, x, w, a, b, gx, ga, gb, gw, n, p, c);                                            \
      case 1: return backward<T, 1>(z, g, x, w, a, b, gx, ga, gb, gw, n, p, c);                                            \
      case 2: return backward<T, 2>(z, g, x, w, a, b, gx, ga, gb, gw, n, p, c);                                            \
      case 3: return backward<T, 3>(z, g, x, w, a, b, gx, ga, gb, gw, n, p, c);                                            \
      case 4: return backward<T, 4>(z, g, x, w, a, b, gx, ga, gb, gw, n, p, c);                                            \
    }                                                                                                                      \
  }                                                                                                                        \
  extern "C" void NAME##_statistics(const T* x, T* mean, T* variance, T* maximum, T* average, int64_t n, int64_t p,        \
                                    int64_t c) {                                                                           \
    statistics<T>(x, mean, variance, maximum, average, n, p, c);                                                           \
  }                                                                                                                        \
  extern "C" void NAME##_statistics_backward(const T* x, const T* mean, const T* maximum, const T* of_mean,                \
                                             const T* of_variance, const T* of_maximum, const T* of_average, T* gx,        \
                                             int64_t n, int64_t p, int64_t c) {                                            \
    statistics_backward<T>(x, mean, maximum, of_mean, of_variance, of_maximum, of_average, gx, n, p, c);                   \
  }

GATES(float, float32)
GATES(double, float64)
