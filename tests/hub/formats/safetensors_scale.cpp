// SPDX-License-Identifier: Apache-2.0
// Headers of many tensors: time grows with the size, memory stays below four times the header (of
// which the header itself is one).
#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>

#include "../../../engine/base/format.h"
#include "../../allocations.h"
#include "../expect_error.h"
#include "safetensors_bytes.h"

using namespace tern;
using namespace tern::test;

namespace {

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

enum class Offsets { dense, reversed, shared };

// A file of `count` one-byte tensors; shared: all claim the same byte.
std::string many_tensors(size_t count, Offsets offsets, std::string_view prefix) {
  std::string header = "{";
  for (size_t i = 0; i < count; ++i) {
    const size_t begin = offsets == Offsets::shared     ? 0
                         : offsets == Offsets::reversed ? count - 1 - i
                                                        : i;
    header += cat(i ? "," : "", "\"", prefix, i, R"(":{"dtype":"U8","shape":[1],"data_offsets":[)",
                  begin, ",", begin + 1, "]}");
  }
  return safetensors_bytes(header + "}", offsets == Offsets::shared ? 1 : count);
}

void parse_any(const std::string& file, Offsets offsets) {
  if (offsets == Offsets::shared) {
    expect_error([&] { parse_safetensors_bytes(file); }, ErrorCode::corrupt, "inside tensor");
  } else {
    parse_safetensors_bytes(file);
  }
}

}  // namespace

TEST_CASE("a header of many tensors takes linear time and at most three more times its size") {
  constexpr size_t kSmall = 40'000;
  for (const std::string_view prefix : {"", "model.layers.self_attn.weight."}) {
    for (const Offsets offsets : {Offsets::dense, Offsets::reversed, Offsets::shared}) {
      CAPTURE(prefix);
      CAPTURE(static_cast<int>(offsets));
      double seconds[2] = {1e9, 1e9};
      size_t header = 0;
      const std::string files[2] = {many_tensors(kSmall, offsets, prefix),
                                    many_tensors(4 * kSmall, offsets, prefix)};
      for (int round = 0; round < 5; ++round) {
        for (int i = 0; i < 2; ++i) {
          header = files[i].size();
          start_peak();
          const double begin = cpu_seconds();
          parse_any(files[i], offsets);
          seconds[i] = std::min(seconds[i], cpu_seconds() - begin);
          CHECK(peak_bytes() <= 3 * header);
        }
      }
      // Four times the tensors; sorting adds log(4n)/log(n) = 1.13, caches the rest.
      CHECK(seconds[1] <= 4 * 2 * seconds[0]);
      MESSAGE(prefix << "* " << static_cast<int>(offsets) << ": " << 1e-6 * double(header) / seconds[1]
                     << " MB/s of header, peak " << double(peak_bytes()) / double(header)
                     << " x header");
    }
  }
}

TEST_CASE("rejecting a header length needs less than a kilobyte") {
  const std::string file = length_bytes(99'999'999) + "{}";
  start_peak();
  size_t peak = 0;
  try {
    parse_safetensors_bytes(file);
  } catch (const Error&) {
    peak = peak_bytes();
  }
  CHECK(peak > 0);
  CHECK(peak < 1024);
}
