// SPDX-License-Identifier: Apache-2.0
// Whether encoding takes linear time and memory: for each tokenizer.json and each kind of hostile
// text, seconds of CPU for 1, 2, 4 … megabytes. A line each: throughput at the largest size, the
// worst ratio of a size to half of it, bytes of memory beyond the text for each byte of it. Freed
// memory stays with the process: what the system takes to clear gigabytes of fresh pages is not
// linear everywhere (in a virtual machine each is fetched from its host first).
// Usage: bench_linear MEGABYTES TOKENIZER.json…; exit status 1 when a ratio is above 2.3.
#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "../../models/tern.h"

namespace {

constexpr double kWorst = 2.3;

double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// Resident, at most since the last call of reset_peak().
double peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::atof(line.c_str() + 6) * 1024;
  }
  return 0;
}

void reset_peak() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

struct Kind {
  const char* name;
  std::string unit;  // repeated; empty: random, of `random`
  int random = 0;    // 1: bytes, 2: letters of both cases
};

std::string text_of(const Kind& kind, size_t bytes) {
  std::string out;
  out.reserve(bytes + kind.unit.size());
  if (!kind.unit.empty()) {
    while (out.size() < bytes) out += kind.unit;
    return out;
  }
  std::mt19937 random(1);
  while (out.size() < bytes) {
    const auto r = static_cast<uint32_t>(random());
    out += kind.random == 1 ? static_cast<char>(r) : static_cast<char>((r & 32) | 65 | r % 26);
  }
  return out;
}

double seconds(const tern::Tokenizer& tokenizer, const std::string& text, int calls) {
  double best = 1e9;
  for (int i = 0; i < calls; ++i) {
    std::vector<int64_t> ids;
    const double from = cpu_seconds();
    tokenizer.encode_ids(text, {}, ids);
    best = std::min(best, cpu_seconds() - from);
  }
  return best;
}

/// Returns whether all ratios are as they should be.
bool measure(const char* path, const tern::Tokenizer& tokenizer, const Kind& kind, size_t largest) {
  double last = 0, worst = 0, at = 0;
  size_t last_bytes = 0;
  double memory = 0, speed = 0;
  for (size_t bytes = 1'000'000;; bytes = std::min(bytes * 2, largest)) {
    const std::string text = text_of(kind, bytes);
    reset_peak();
    const double before = peak_bytes();
    double now = seconds(tokenizer, text, bytes <= 4'000'000 ? 5 : 2);
    memory = (peak_bytes() - before) / static_cast<double>(text.size());
    speed = static_cast<double>(text.size()) / now / 1e6;
    if (last_bytes > 0) {
      // The last step may be less than a doubling.
      const double doublings =
          std::log2(static_cast<double>(bytes) / static_cast<double>(last_bytes));
      double ratio = std::pow(now / last, 1 / doublings);
      if (ratio > kWorst) {  // other programs only ever make it longer
        now = std::min(now, seconds(tokenizer, text, 4));
        ratio = std::pow(now / last, 1 / doublings);
      }
      if (ratio > worst) worst = ratio, at = static_cast<double>(bytes) / 1e6;
    }
    last = now;
    last_bytes = bytes;
    if (bytes >= largest) break;
  }
  std::printf("%s\t%s\t%.1f MB/s\tworst ratio %.2f at %.0f MB%s\t%.1f bytes per byte\n", path,
              kind.name, speed, worst, at, worst > kWorst ? " NOT LINEAR" : "", memory);
  std::fflush(stdout);
  return worst <= kWorst;
}

int run(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: bench_linear MEGABYTES TOKENIZER.json…\n");
    return 2;
  }
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, 512 << 20);
  const auto largest = static_cast<size_t>(std::atof(arguments[1]) * 1e6);
  bool linear = true;
  for (int i = 2; i < count; ++i) {
    std::ifstream file(arguments[i], std::ios::binary);
    const std::string json{std::istreambuf_iterator<char>(file), {}};
    const tern::Tokenizer tokenizer = tern::AutoTokenizer::from_json(json, arguments[i]);
    const std::string added = tokenizer.id_to_token(tokenizer.vocab_size() - 1);
    const Kind kinds[] = {{"letter", "A"},
                          {"blanks", " "},
                          {"combining marks", "\u0301"},
                          {"marked letter", "a\u0301"},
                          {"emoji", "\U0001F468\u200D"},
                          {"line feeds", "\n"},
                          {"random bytes", "", 1},
                          {"one word of mixed letters", "", 2},
                          {"words", "aB cD1 "},
                          {"last token", added.empty() ? "x" : added}};
    for (const Kind& kind : kinds) {
      try {
        linear = measure(arguments[i], tokenizer, kind, largest) && linear;
      } catch (const tern::Error& e) {
        std::printf("%s\t%s\trefused: %s\n", arguments[i], kind.name, e.what());
      }
    }
  }
  return linear ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run(count, arguments);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_linear: %s\n", e.what());
    return 1;
  }
}
