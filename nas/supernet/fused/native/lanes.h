// What gates.cpp and statistics.cpp share: vectors of channels, threads, and how arguments are read.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#define INLINE inline __attribute__((always_inline))

namespace {

typedef int64_t Int;

template <typename T> struct Lanes;
template <> struct Lanes<float> {
  typedef float V __attribute__((vector_size(64)));
  typedef float Half __attribute__((vector_size(32)));
  typedef float Quarter __attribute__((vector_size(16)));
  typedef uint32_t Bits __attribute__((vector_size(64)));
  // exp: the largest argument; 1.5 * 2^23, which rounds what is added to it; ln 2 in two parts; terms of the series
  static constexpr float most = 87.0f, rounder = 12582912.0f, ln2 = 0.693359375f, ln2_rest = -2.12194440e-4f;
  static constexpr int mantissa = 23, terms = 7;
};
template <> struct Lanes<double> {
  typedef double V __attribute__((vector_size(64)));
  typedef double Half __attribute__((vector_size(32)));
  typedef double Quarter __attribute__((vector_size(16)));
  typedef uint64_t Bits __attribute__((vector_size(64)));
  static constexpr double most = 708.0, rounder = 6755399441055744.0;
  static constexpr double ln2 = 0.693145751953125, ln2_rest = 1.42860682030941723212e-6;
  static constexpr int mantissa = 52, terms = 13;
};
template <typename T> using Vec = typename Lanes<T>::V;
template <typename T> constexpr Int lanes = 64 / sizeof(T);

template <typename T> INLINE Vec<T> load(const T* p) { Vec<T> v; std::memcpy(&v, p, sizeof v); return v; }
template <typename T> INLINE void store(T* p, Vec<T> v) { std::memcpy(p, &v, sizeof v); }
template <typename T> INLINE void add_to(T* p, Vec<T> v) { store<T>(p, load(p) + v); }
// Fewer than all lanes, the others zero: the last channels of a width that is no multiple of the lanes.
template <bool FULL, typename T> INLINE Vec<T> get(const T* p, Int count) {
  if (FULL) return load(p);
  Vec<T> v = {};
  std::memcpy(&v, p, count * sizeof(T));
  return v;
}
template <bool FULL, typename T> INLINE void put(T* p, Vec<T> v, Int count) {
  if (FULL) store<T>(p, v); else std::memcpy(p, &v, count * sizeof(T));
}
template <typename T> INLINE T sum(Vec<T> v) {
  typename Lanes<T>::Half a, b;
  std::memcpy(&a, &v, sizeof a);
  std::memcpy(&b, reinterpret_cast<char*>(&v) + sizeof a, sizeof b);
  a += b;
  typename Lanes<T>::Quarter c, d;
  std::memcpy(&c, &a, sizeof c);
  std::memcpy(&d, reinterpret_cast<char*>(&a) + sizeof c, sizeof d);
  c += d;
  T total = c[0];
  for (size_t i = 1; i < sizeof c / sizeof(T); ++i) total += c[i];
  return total;
}

// f(first, last) over parts of 0..count, each in a thread of its own.
template <typename F> void in_parallel(Int count, Int threads, F f) {
  const Int parts = std::max<Int>(1, std::min(count, threads));
  std::vector<std::thread> others;
  for (Int i = 1; i < parts; ++i) others.emplace_back(f, count * i / parts, count * (i + 1) / parts);
  f(0, count / parts);
  for (auto& other : others) other.join();
}

struct Reader {
  const Int* at;
  Int number() { return *at++; }
  template <typename T> T* pointer() { return reinterpret_cast<T*>(*at++); }
};

}  // namespace
