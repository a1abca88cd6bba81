// The gates of a mixed edge in one sweep: y[e] = x * (c[e] + sum_k w[e, k] * sigmoid(z_k[e])), and its gradients.
//
// e counts the edges that leave a node, k their gates. A z is a vector (one value a channel), a map (one value a pixel)
// or wide (one a channel and pixel); a wide one is a sum of given tensors and of small convolutions, which are computed
// here and never stored. The backward pass computes all of it again. No block is known by name: Python (kernel.py)
// describes what is to be computed, in the order in which `Reader` reads it.
//
// Memory is channels last: (N, H, W, edges, channels). The inner loops run over lanes of channels, as vectors of the
// compiler (GCC, Clang), four pixels at a time so that a weight is loaded once for four. Sums over images are made one
// image after the other, whatever the number of threads, so that values do not depend on it.
#include <cmath>

#include "lanes.h"

namespace {

// 1 / (1 + exp(-z)); exp(t) = 2^n * exp(r) with t = n ln 2 + r, |r| <= ln 2 / 2, and the series of exp(r). NaN stays NaN.
template <typename T> INLINE Vec<T> sigmoid(Vec<T> z) {
  typedef Lanes<T> L;
  const Vec<T> most = Vec<T>{} + L::most;
  Vec<T> t = -z;
  t = t > most ? most : t;
  t = t < -most ? -most : t;
  const Vec<T> shifted = t * T(1.44269504088896340736) + L::rounder;
  const Vec<T> n = shifted - L::rounder;
  const Vec<T> r = (t - n * L::ln2) - n * L::ln2_rest;
  Vec<T> series = Vec<T>{} + T(1);
  for (int k = L::terms; k > 0; --k) series = series * r * (T(1) / T(k)) + T(1);
  typename L::Bits bits;  // the last bits of `shifted` are n: moved to where the exponent is
  std::memcpy(&bits, &shifted, sizeof bits);
  const Vec<T> one = Vec<T>{} + T(1);
  typename L::Bits unit;
  std::memcpy(&unit, &one, sizeof unit);
  bits = (bits << L::mantissa) + unit;
  Vec<T> power;
  std::memcpy(&power, &bits, sizeof power);
  return T(1) / (T(1) + series * power);
}
template <typename T> INLINE T sigmoid_of_one(T z) { return T(1) / (T(1) + std::exp(-z)); }

// One summand of a wide z: a given tensor (no kernel) or a convolution that keeps the size.
template <typename T> struct Term {
  const T *base, *kernel, *bias;
  T *g_base, *g_kernel, *g_bias;
  Int inputs, groups, shared, rows, columns, row_step, column_step;  // inputs and groups: those of an edge
  // derived
  Int pad_y, pad_x, each;       // each: input channels of a group
  Int ring, pitch, width, g_width;  // rows kept at a time, pixels of such a row, values of a pixel and of its gradient
  Int first;                    // where its kernel lies among the packed ones of an edge
  std::vector<T> packed;        // (edges, taps, each, padded channels), then the biases
  bool dense() const { return groups == 1; }
  Int taps() const { return rows * columns; }
};
enum Kind { VECTOR, MAP, WIDE };
template <typename T> struct Gate {
  Kind kind;
  const T* z;  // of vectors (N, edges, C) and maps (N, H, W, edges)
  T* g_z;
  std::vector<Term<T>> terms;
};

template <typename T> struct Problem {
  Int N, H, W, C, E, threads, K, Cp;
  const T *x, *weights, *constant;
  T *g_x, *g_weights, *g_constant;
  std::vector<T*> y;
  std::vector<const T*> g_y;
  std::vector<Gate<T>> gates;
  Int size = 0;  // packed kernel values and biases of an edge
  Int places;    // of an edge in the sums of one image: those, the weights, the constant

  Problem(const Int* arguments, bool back) {
    Reader in{arguments};
    N = in.number(), H = in.number(), W = in.number(), C = in.number(), E = in.number();
    threads = in.number(), K = in.number();
    Cp = (C + lanes<T> - 1) / lanes<T> * lanes<T>;
    x = in.pointer<T>(), weights = in.pointer<T>(), constant = in.pointer<T>();
    g_x = in.pointer<T>(), g_weights = in.pointer<T>(), g_constant = in.pointer<T>();
    for (Int e = 0; e < E; ++e) back ? g_y.push_back(in.pointer<T>()) : y.push_back(in.pointer<T>());
    gates.resize(K);
    for (auto& gate : gates) read(gate, in);
    places = size + K + 1;
  }

  void read(Gate<T>& gate, Reader& in) {
    gate.kind = static_cast<Kind>(in.number());
    if (gate.kind != WIDE) {
      gate.z = in.pointer<T>(), gate.g_z = in.pointer<T>();
      return;
    }
    gate.terms.resize(in.number());
    for (auto& t : gate.terms) {
      t.base = in.pointer<T>(), t.kernel = in.pointer<T>(), t.bias = in.pointer<T>();
      t.g_base = in.pointer<T>(), t.g_kernel = in.pointer<T>(), t.g_bias = in.pointer<T>();
      t.inputs = in.number(), t.groups = in.number(), t.shared = in.number();
      t.rows = in.number(), t.columns = in.number(), t.row_step = in.number(), t.column_step = in.number();
      if (t.kernel) pack(t);
    }
  }

  void pack(Term<T>& t) {
    t.pad_y = t.rows / 2 * t.row_step, t.pad_x = t.columns / 2 * t.column_step;
    t.each = t.inputs / t.groups;
    t.ring = 2 * t.pad_y + 1, t.pitch = W + 2 * t.pad_x;
    t.width = t.dense() ? t.each : t.each * Cp;
    t.g_width = t.dense() ? t.each * lanes<T> : t.each * Cp;
    const Int values = t.taps() * t.each * Cp;
    t.first = size;
    size += values + Cp;
    t.packed.assign(E * (values + Cp), T(0));
    for (Int e = 0; e < E; ++e) {
      T* to = t.packed.data() + e * (values + Cp);
      for (Int c = 0; c < C; ++c) {
        for (Int i = 0; i < t.each; ++i)
          for (Int tap = 0; tap < t.taps(); ++tap)
            to[(tap * t.each + i) * Cp + c] = t.kernel[((e * C + c) * t.each + i) * t.taps() + tap];
        if (t.bias) to[values + c] = t.bias[e * C + c];
      }
    }
  }

  // The sums of all images, in order, to where the gradients of kernels, biases, weights and constants are wanted.
  void unpack(const std::vector<T>& sums) const {
    std::vector<T> total(E * places, T(0));
    for (Int n = 0; n < N; ++n)
      for (Int i = 0; i < E * places; ++i) total[i] += sums[n * E * places + i];
    for (Int e = 0; e < E; ++e) {
      const T* of = total.data() + e * places;
      for (const auto& gate : gates)
        for (const auto& t : gate.terms) {
          if (!t.kernel) continue;
          const Int values = t.taps() * t.each * Cp;
          for (Int c = 0; c < C; ++c) {
            for (Int i = 0; t.g_kernel && i < t.each; ++i)
              for (Int tap = 0; tap < t.taps(); ++tap)
                t.g_kernel[((e * C + c) * t.each + i) * t.taps() + tap] = of[t.first + (tap * t.each + i) * Cp + c];
            if (t.g_bias) t.g_bias[e * C + c] = of[t.first + values + c];
          }
        }
      for (Int k = 0; g_weights && k < K; ++k) g_weights[e * K + k] = of[size + k];
      if (g_constant) g_constant[e] = of[size + K];
    }
  }
};

// The sweep over one edge of one image. BACK: gradients instead of values.
template <typename T, bool BACK> struct Sweep {
  typedef Vec<T> V;
  static constexpr Int L = lanes<T>;
  const Problem<T>& q;
  Int n = 0, e = 0, row = 0;
  T* sums = nullptr;            // of this image and edge
  std::vector<T> even, g_even;  // what all pixels have in common, (Cp)
  std::vector<T> map, g_map;    // what all channels have in common: (W), and its gradient (W, lanes)
  std::vector<V> g_weight;      // (K)
  struct Kept { std::vector<T> values, slopes; };  // rows around the present one, with zeros around the image
  std::vector<std::vector<Kept>> kept;

  explicit Sweep(const Problem<T>& problem)
      : q(problem), even(q.Cp), g_even(q.Cp), map(q.W + L), g_map(q.W * L), g_weight(q.K), kept(q.K) {
    for (Int k = 0; k < q.K; ++k)
      for (const auto& t : q.gates[k].terms) {
        kept[k].emplace_back();
        if (!t.kernel) continue;
        kept[k].back().values.assign(t.ring * t.pitch * t.width, T(0));
        if (BACK && t.g_base) kept[k].back().slopes.assign(t.ring * t.pitch * t.g_width, T(0));
      }
  }

  T weight(Int k) const { return q.weights[e * q.K + k]; }
  const T* packed(const Term<T>& t) const { return t.packed.data() + e * (t.taps() * t.each * q.Cp + q.Cp); }
  Int pixel() const { return (n * q.H + row) * q.W; }  // the first one of the row

  // ---------------------------------------------------------------- rows of what convolutions read
  void enter(const Term<T>& t, Kept& k, Int y) {
    const Int slot = (y + t.pad_y) % t.ring;
    T* to = k.values.data() + slot * t.pitch * t.width;
    if (BACK && t.g_base) std::fill_n(k.slopes.data() + slot * t.pitch * t.g_width, t.pitch * t.g_width, T(0));
    if (y < 0 || y >= q.H) {
      std::fill_n(to, t.pitch * t.width, T(0));
      return;
    }
    to += t.pad_x * t.width;
    const Int apart = t.shared ? t.inputs : q.E * t.inputs, M = q.C / t.groups;
    const T* from = t.base + (n * q.H + y) * q.W * apart + (t.shared ? 0 : e * t.inputs);
    for (Int w = 0; w < q.W; ++w, from += apart, to += t.width) {
      if (t.dense()) { std::copy_n(from, t.each, to); continue; }
      for (Int i = 0; i < t.each; ++i)
        for (Int g = 0; g < t.groups; ++g) std::fill_n(to + i * q.Cp + g * M, M, from[g * t.each + i]);
    }
  }
  void leave(const Term<T>& t, const Kept& k, Int y) {  // its gradient is complete
    if (y < 0 || !t.g_base) return;
    const T* from = k.slopes.data() + ((y + t.pad_y) % t.ring * t.pitch + t.pad_x) * t.g_width;
    const Int apart = t.shared ? t.inputs : q.E * t.inputs, M = q.C / t.groups;
    T* to = t.g_base + (n * q.H + y) * q.W * apart + (t.shared ? 0 : e * t.inputs);
    for (Int w = 0; w < q.W; ++w, from += t.g_width, to += apart)
      for (Int g = 0; g < t.groups; ++g)
        for (Int i = 0; i < t.each; ++i) {
          T total = 0;
          if (t.dense()) total = sum<T>(load(from + i * L));
          else for (Int m = 0; m < M; ++m) total += from[i * q.Cp + g * M + m];
          T& place = to[g * t.each + i];
          place = t.shared && e > 0 ? place + total : total;
        }
  }
  template <typename F> void each_term(F f) {
    for (Int k = 0; k < q.K; ++k)
      for (size_t i = 0; i < kept[k].size(); ++i)
        if (q.gates[k].terms[i].kernel) f(q.gates[k].terms[i], kept[k][i]);
  }

  // ---------------------------------------------------------------- P neighbouring pixels, one vector of channels
  template <Int P, bool FULL> INLINE void add_term(const Term<T>& t, const Kept& k, V* z, Int c, Int w, Int left) {
    if (!t.kernel) {
      for (Int p = 0; p < P; ++p) z[p] += get<FULL>(t.base + ((pixel() + w + p) * q.E + e) * q.C + c, left);
      return;
    }
    const T* kernel = packed(t) + c;
    const V bias = load(kernel + t.taps() * t.each * q.Cp);
    for (Int p = 0; p < P; ++p) z[p] += bias;
    for (Int a = 0; a < t.rows; ++a) {
      const T* line = k.values.data() + ((row + a * t.row_step) % t.ring * t.pitch + w) * t.width;
      for (Int b = 0; b < t.columns; ++b, line += t.column_step * t.width)
        for (Int i = 0; i < t.each; ++i, kernel += q.Cp) {
          const V v = load(kernel);
          if (t.dense()) for (Int p = 0; p < P; ++p) z[p] += v * line[p * t.width + i];
          else for (Int p = 0; p < P; ++p) z[p] += v * load(line + p * t.width + i * q.Cp + c);
        }
    }
  }
  template <Int P, bool FULL> INLINE void into_term(const Term<T>& t, Kept& k, const V* z, Int c, Int w, Int left) {
    if (!t.kernel) {
      for (Int p = 0; t.g_base && p < P; ++p)
        put<FULL>(t.g_base + ((pixel() + w + p) * q.E + e) * q.C + c, z[p], left);
      return;
    }
    const T* kernel = packed(t) + c;
    T* g_kernel = sums + t.first + c;
    V bias = z[0];
    for (Int p = 1; p < P; ++p) bias += z[p];
    add_to<T>(g_kernel + t.taps() * t.each * q.Cp, bias);
    for (Int a = 0; a < t.rows; ++a) {
      const Int place = (row + a * t.row_step) % t.ring * t.pitch + w;
      const T* line = k.values.data() + place * t.width;
      T* slope = k.slopes.data() + place * t.g_width;
      for (Int b = 0; b < t.columns; ++b, line += t.column_step * t.width, slope += t.column_step * t.g_width)
        for (Int i = 0; i < t.each; ++i, kernel += q.Cp, g_kernel += q.Cp) {
          if (t.g_kernel) {
            V total = load(g_kernel);
            if (t.dense()) for (Int p = 0; p < P; ++p) total += z[p] * line[p * t.width + i];
            else for (Int p = 0; p < P; ++p) total += z[p] * load(line + p * t.width + i * q.Cp + c);
            store<T>(g_kernel, total);
          }
          if (!t.g_base) continue;
          const V v = load(kernel);
          T* to = slope + (t.dense() ? i * L : i * q.Cp + c);
          for (Int p = 0; p < P; ++p) add_to<T>(to + p * t.g_width, z[p] * v);
        }
    }
  }
  template <Int P, bool FULL> INLINE void block(Int c, Int w) {
    const Int left = q.C - c;
    const T* x = q.x + (pixel() + w) * q.C + c;
    V total[P], g[P], z[P];
    for (Int p = 0; p < P; ++p) {
      total[p] = load(even.data() + c) + map[w + p];
      if (BACK) g[p] = get<FULL>(q.g_y[e] + (pixel() + w + p) * q.C + c, left) * get<FULL>(x + p * q.C, left);
    }
    for (Int k = 0; k < q.K; ++k) {
      if (q.gates[k].kind != WIDE) continue;
      const auto& terms = q.gates[k].terms;
      for (Int p = 0; p < P; ++p) z[p] = V{};
      for (size_t i = 0; i < terms.size(); ++i) add_term<P, FULL>(terms[i], kept[k][i], z, c, w, left);
      const T u = weight(k);
      for (Int p = 0; p < P; ++p) {
        const V s = sigmoid<T>(z[p]);
        total[p] += u * s;
        if (BACK) {
          const V gs = g[p] * s;
          g_weight[k] += gs;
          z[p] = u * gs * (T(1) - s);
        }
      }
      if (BACK)
        for (size_t i = 0; i < terms.size(); ++i) into_term<P, FULL>(terms[i], kept[k][i], z, c, w, left);
    }
    if (!BACK) {
      T* y = q.y[e] + (pixel() + w) * q.C + c;
      for (Int p = 0; p < P; ++p) put<FULL>(y + p * q.C, get<FULL>(x + p * q.C, left) * total[p], left);
      return;
    }
    V same = load(g_even.data() + c);
    for (Int p = 0; p < P; ++p) {
      same += g[p];
      add_to<T>(g_map.data() + (w + p) * L, g[p]);
      if (!q.g_x) continue;
      T* g_x = q.g_x + (pixel() + w + p) * q.C + c;
      const V own = get<FULL>(q.g_y[e] + (pixel() + w + p) * q.C + c, left) * total[p];
      put<FULL>(g_x, e > 0 ? get<FULL>(g_x, left) + own : own, left);
    }
    store<T>(g_even.data() + c, same);
  }
  template <bool FULL> void pixels(Int c) {
    Int w = 0;
    for (; w + 4 <= q.W; w += 4) block<4, FULL>(c, w);
    for (; w < q.W; ++w) block<1, FULL>(c, w);
  }

  // ---------------------------------------------------------------- vectors and maps
  void begin_edge() {
    std::fill(even.begin(), even.end(), q.constant ? q.constant[e] : T(0));
    std::fill(g_even.begin(), g_even.end(), T(0));
    std::fill(g_weight.begin(), g_weight.end(), V{});
    for (Int k = 0; k < q.K; ++k)
      for (Int c = 0; q.gates[k].kind == VECTOR && c < q.C; ++c)
        even[c] += weight(k) * sigmoid_of_one(q.gates[k].z[(n * q.E + e) * q.C + c]);
  }
  void end_edge() {
    for (Int k = 0; k < q.K; ++k) {
      T total = sum<T>(g_weight[k]);
      for (Int c = 0; q.gates[k].kind == VECTOR && c < q.C; ++c) {
        const Int place = (n * q.E + e) * q.C + c;
        const T s = sigmoid_of_one(q.gates[k].z[place]);
        total += g_even[c] * s;
        if (q.gates[k].g_z) q.gates[k].g_z[place] = g_even[c] * weight(k) * s * (T(1) - s);
      }
      sums[q.size + k] += total;
    }
    for (Int c = 0; c < q.C; ++c) sums[q.size + q.K] += g_even[c];
  }
  void begin_row() {
    std::fill(map.begin(), map.end(), T(0));
    std::fill(g_map.begin(), g_map.end(), T(0));
    for (Int k = 0; k < q.K; ++k) {
      if (q.gates[k].kind != MAP) continue;
      const T* z = q.gates[k].z + pixel() * q.E + e;
      for (Int w = 0; w < q.W; w += L) {
        V v = {};
        for (Int i = 0; i < std::min(L, q.W - w); ++i) v[i] = z[(w + i) * q.E];
        add_to<T>(map.data() + w, weight(k) * sigmoid<T>(v));
      }
    }
  }
  void end_row() {
    for (Int w = 0; w < q.W; ++w) {
      const T slope = sum<T>(load(g_map.data() + w * L));
      for (Int k = 0; k < q.K; ++k) {
        if (q.gates[k].kind != MAP) continue;
        const Int place = (pixel() + w) * q.E + e;
        const T s = sigmoid_of_one(q.gates[k].z[place]);
        sums[q.size + k] += slope * s;
        if (q.gates[k].g_z) q.gates[k].g_z[place] = slope * weight(k) * s * (T(1) - s);
      }
    }
  }

  void run(Int image, Int edge, T* sums_of_both) {
    n = image, e = edge, sums = sums_of_both;
    begin_edge();
    each_term([&](const Term<T>& t, Kept& k) { for (Int y = -t.pad_y; y < t.pad_y; ++y) enter(t, k, y); });
    for (row = 0; row < q.H; ++row) {
      each_term([&](const Term<T>& t, Kept& k) { enter(t, k, row + t.pad_y); });
      begin_row();
      Int c = 0;
      for (; c + L <= q.C; c += L) pixels<true>(c);
      if (c < q.C) pixels<false>(c);
      if (!BACK) continue;
      end_row();
      each_term([&](const Term<T>& t, Kept& k) { leave(t, k, row - t.pad_y); });
    }
    if (!BACK) return;
    each_term([&](const Term<T>& t, Kept& k) {
      for (Int y = std::max<Int>(0, q.H - t.pad_y); y < q.H; ++y) leave(t, k, y);
    });
    end_edge();
  }
};

template <typename T, bool BACK> void sweep(const Int* arguments) {
  const Problem<T> q(arguments, BACK);
  std::vector<T> sums(BACK ? q.N * q.E * q.places : 0, T(0));
  in_parallel(q.N, q.threads, [&](Int first, Int last) {
    Sweep<T, BACK> own(q);
    for (Int n = first; n < last; ++n)
      for (Int e = 0; e < q.E; ++e) own.run(n, e, BACK ? sums.data() + (n * q.E + e) * q.places : nullptr);
  });
  if (BACK) q.unpack(sums);
}

}  // namespace

extern "C" {
void gates_float(const Int* arguments) { sweep<float, false>(arguments); }
void gates_double(const Int* arguments) { sweep<double, false>(arguments); }
void gates_backward_float(const Int* arguments) { sweep<float, true>(arguments); }
void gates_backward_double(const Int* arguments) { sweep<double, true>(arguments); }
}
