// What attention blocks know of a node, in two sweeps forward and one back: mean and variance of each channel over the
// image, (N, C), maximum and mean over the channels of each pixel, (N, H, W). Memory is channels last.
#include "lanes.h"

namespace {

template <typename T> struct Statistics {
  typedef Vec<T> V;
  static constexpr Int L = lanes<T>;
  Int N, P, C, threads, Cp;  // P: pixels
  const T* x;
  T *mean, *variance, *maximum, *channel_mean;                     // forward: null where not wanted
  const T *g_mean, *g_variance, *g_maximum, *g_channel_mean;       // back: likewise
  T* g_x;

  explicit Statistics(const Int* arguments) {
    Reader in{arguments};
    N = in.number(), P = in.number(), C = in.number(), threads = in.number();
    Cp = (C + L - 1) / L * L;
    x = in.pointer<T>();
    mean = in.pointer<T>(), variance = in.pointer<T>(), maximum = in.pointer<T>(), channel_mean = in.pointer<T>();
    g_mean = in.pointer<T>(), g_variance = in.pointer<T>();
    g_maximum = in.pointer<T>(), g_channel_mean = in.pointer<T>(), g_x = in.pointer<T>();
  }
  // f(channel, how many are left) for each vector of channels.
  template <typename F> INLINE void each(F f) const {
    Int c = 0;
    for (; c + L <= C; c += L) f(c, std::integral_constant<bool, true>());
    if (c < C) f(c, std::integral_constant<bool, false>());
  }
  template <typename FULL> INLINE V at(const T* p, Int c, FULL) const { return get<FULL::value>(p + c, C - c); }

  // The largest value of each lane; channels beyond the last whole vector are compared in lane 0.
  V largest_of(const T* pixel) const {
    V most = V{} + pixel[0];
    each([&](Int c, auto full) {
      if (full.value) {
        const V v = load(pixel + c);
        most = v > most ? v : most;
      } else {
        for (Int i = c; i < C; ++i) most[0] = pixel[i] > most[0] ? pixel[i] : most[0];
      }
    });
    return most;
  }
  static T largest(V most) {
    T found = most[0];
    for (Int i = 1; i < L; ++i) found = most[i] > found ? most[i] : found;
    return found;
  }
  // The sums over the image of each channel, in `total`, and what is asked of each pixel.
  void first_sweep(Int n, T* total) const {
    std::fill_n(total, Cp, T(0));
    for (Int p = n * P; p < (n + 1) * P; ++p) {
      V all = {};
      each([&](Int c, auto full) {
        const V v = at(x + p * C, c, full);
        add_to<T>(total + c, v);
        all += v;
      });
      if (channel_mean) channel_mean[p] = sum<T>(all) / C;
      if (maximum) maximum[p] = largest(largest_of(x + p * C));
    }
  }
  void second_sweep(Int n, const T* of, T* total) const {
    std::fill_n(total, Cp, T(0));
    for (Int p = n * P; p < (n + 1) * P; ++p)
      each([&](Int c, auto full) {
        const V d = at(x + p * C, c, full) - load(of + c);
        add_to<T>(total + c, d * d);
      });
  }
  void forward(Int n) const {
    std::vector<T> total(Cp), squares(Cp);
    first_sweep(n, total.data());
    for (T& t : total) t /= P;
    if (mean) std::copy_n(total.data(), C, mean + n * C);
    if (!variance) return;
    second_sweep(n, total.data(), squares.data());
    for (Int c = 0; c < C; ++c) variance[n * C + c] = squares[c] / P;
  }

  // d x = x * slope[c] + offset[c] + what all channels of a pixel get + the share of those that are the maximum.
  void backward(Int n) const {
    std::vector<T> slope(Cp, T(0)), offset(Cp, T(0)), total(Cp);
    if (g_variance) first_sweep(n, total.data());
    for (Int c = 0; c < C; ++c) {
      if (g_variance) slope[c] = g_variance[n * C + c] * 2 / P, offset[c] = -slope[c] * total[c] / P;
      if (g_mean) offset[c] += g_mean[n * C + c] / P;
    }
    for (Int p = n * P; p < (n + 1) * P; ++p) {
      const T* pixel = x + p * C;
      const T even = g_channel_mean ? g_channel_mean[p] / C : T(0);
      T share = 0, most = 0;
      if (g_maximum) {
        most = largest(largest_of(pixel));
        V count = {};
        each([&](Int c, auto full) {
          if (full.value) count += load(pixel + c) == most ? V{} + T(1) : V{};
          else for (Int i = c; i < C; ++i) count[0] += pixel[i] == most ? T(1) : T(0);
        });
        share = g_maximum[p] / sum<T>(count);
      }
      each([&](Int c, auto full) {
        const V v = at(pixel, c, full);
        V slopes = v * load(slope.data() + c) + load(offset.data() + c) + even;
        if (g_maximum) slopes += v == most ? V{} + share : V{};
        put<full.value>(g_x + p * C + c, slopes, C - c);
      });
    }
  }
};

template <typename T, bool BACK> void statistics(const Int* arguments) {
  const Statistics<T> q(arguments);
  in_parallel(q.N, q.threads, [&](Int first, Int last) {
    for (Int n = first; n < last; ++n) BACK ? q.backward(n) : q.forward(n);
  });
}

}  // namespace

extern "C" {
void statistics_float(const Int* arguments) { statistics<float, false>(arguments); }
void statistics_double(const Int* arguments) { statistics<double, false>(arguments); }
void statistics_backward_float(const Int* arguments) { statistics<float, true>(arguments); }
void statistics_backward_double(const Int* arguments) { statistics<double, true>(arguments); }
}
