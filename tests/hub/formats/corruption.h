// SPDX-License-Identifier: Apache-2.0
// A million corruptions of valid files: what every format's test of them does, so that it holds
// only its files, the changes of its own, and what must be true of what is accepted.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "../../../engine/base/error.h"
#include "../../allocations.h"

namespace tern::test {

class Corruptor {
 public:
  struct Plan {
    std::vector<std::string> files;  // valid ones
    unsigned seed;
    /// A quarter of the changes: one of the format's own, at a place of the file.
    void (*own)(Corruptor&, size_t at);
    /// Sets right again what nearly every change breaks.
    void (*mend)(Corruptor&) = nullptr;
    /// The file is cut, or goes on as another, in one of so many cases where it might: formats
    /// whose end says where all else is.
    size_t rarity_of_ends = 1;
    size_t fixed = 16 << 10;  // bytes of the heap that a parser may take whatever the file's size
  };
  explicit Corruptor(Plan plan) : plan_(std::move(plan)), random_(plan_.seed) {}

  std::string file;

  uint32_t number() { return static_cast<uint32_t>(random_()); }
  size_t below(size_t n) { return n ? number() % n : 0; }
  template <class Values>
  auto& any(const Values& values) {
    return values[below(std::size(values))];
  }
  void next() {
    file = any(plan_.files);
    for (size_t i = 1 + below(3); i > 0; --i) corrupt();
    if (plan_.mend) plan_.mend(*this);
  }

 private:
  void corrupt() {
    const size_t at = below(file.size() + 1), length = std::min(below(12), file.size() - at);
    switch (below(8)) {
      case 0:
        if (at < file.size()) file[at] = static_cast<char>(file[at] ^ (1 << below(8)));
        break;
      case 1:
        if (below(plan_.rarity_of_ends) == 0) file.resize(at);
        break;
      case 2:  // a block once more
        file.insert(at, file.substr(below(file.size()), length));
        break;
      case 3:
        file.erase(at, length);
        break;
      case 4:
        file.replace(at, length, std::string(length, below(2) ? '\0' : '\xFF'));
        break;
      case 5: {
        const std::string& other = any(plan_.files);
        if (below(plan_.rarity_of_ends) != 0) break;
        file.replace(at, std::string::npos, other.substr(below(other.size())));
        break;
      }
      default:
        plan_.own(*this, at);
    }
  }

  Plan plan_;
  std::mt19937 random_;
};

struct Counts {
  int accepted = 0, corrupt = 0, denied = 0, unsupported = 0;
};

constexpr int kRounds = 1'000'000;

/// Runs `check` on every corruption: what is wrong with what it was given, or nullptr; an Error of
/// a code that a parser may give is as good. Neither takes more of the
/// heap than four times the file and `plan.fixed`.
template <class Check>
Counts check_corruptions(Corruptor::Plan plan, Check check) {
  CAPTURE(plan.seed);
  const size_t fixed = plan.fixed;
  Corruptor corruptor(std::move(plan));
  Counts counts;
  for (int round = 0; round < kRounds; ++round) {
    corruptor.next();
    const char* problem = nullptr;
    start_peak();
    try {
      problem = check(corruptor.file);
      ++counts.accepted;
    } catch (const Error& error) {
      counts.corrupt += error.code() == ErrorCode::corrupt;
      counts.denied += error.code() == ErrorCode::denied;
      counts.unsupported += error.code() == ErrorCode::unsupported;
    }
    if (peak_bytes() > 4 * corruptor.file.size() + fixed) problem = "out of proportion to the file";
    if (!problem) continue;
    CAPTURE(round);
    CAPTURE(corruptor.file);
    FAIL(std::string(problem));
  }
  CHECK(counts.accepted + counts.corrupt + counts.denied + counts.unsupported == kRounds);
  MESSAGE(counts.accepted << " accepted, " << counts.corrupt << " corrupt, " << counts.denied
                          << " denied, " << counts.unsupported << " unsupported");
  return counts;
}

}  // namespace tern::test
