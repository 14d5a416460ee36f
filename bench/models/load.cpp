// SPDX-License-Identifier: Apache-2.0
// What loading costs beside what memory allows, on request, one per line of standard input:
//   load         seconds of from_pretrained, the packed cache in use
//   pack         the same without the cache
//   place        the same, nothing packed yet
//   read FILE…   seconds to map these files and to read each byte once
//   write BYTES  seconds to write so much fresh memory, in large pages where the system has them
// All with as many threads as the shared pool has (TERN_NUM_THREADS).
// Usage: bench_load MODEL bfloat16|int8|int4
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>

#include "../../engine/base/error.h"
#include "../../engine/base/huge_pages.h"
#include "../../engine/base/storage.h"
#include "../../engine/threads.h"
#include "../../models/tern.h"

namespace {

constexpr size_t kPiece = size_t{2} << 20;

template <class F>
double seconds(const F& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// work(offset, size) for each piece of so many bytes.
template <class F>
void in_pieces(size_t bytes, const F& work) {
  const auto pieces = static_cast<int64_t>((bytes + kPiece - 1) / kPiece);
  tern::ThreadPool::shared().parallel_for(pieces, [&](int64_t i, int) {
    const size_t begin = static_cast<size_t>(i) * kPiece;
    work(begin, std::min(kPiece, bytes - begin));
  });
}

void read(const std::string& path) {
  const tern::StorageRef file = tern::map_storage(path);
  static std::atomic<uint64_t> kept{0};  // so that no compiler leaves the reading out
  in_pieces(file->size(), [&](size_t begin, size_t size) {
    uint64_t sum = 0, word = 0;
    for (size_t i = 0; i + sizeof word <= size; i += sizeof word) {
      std::memcpy(&word, file->data() + begin + i, sizeof word);
      sum += word;
    }
    kept += sum;
  });
}

void write(size_t bytes) {
  const tern::ZeroedPages memory(bytes);
  in_pieces(bytes, [&](size_t begin, size_t size) {
    std::memset(static_cast<std::byte*>(memory.data()) + begin, 1, size);
  });
}

double answer(const std::string& model, const std::string& type, const std::string& request) {
  std::istringstream words(request);
  std::string verb;
  words >> verb;
  if (verb == "read") {
    double sum = 0;
    for (std::string path; words >> path;) sum += seconds([&] { read(path); });
    return sum;
  }
  if (verb == "write") {
    size_t bytes = 0;
    words >> bytes;
    return seconds([&] { write(bytes); });
  }
  tern::LoadOptions options;
  (type.starts_with("int") ? options.quantize : options.dtype) = type;
  options.packed_cache = verb == "load";  // of floats too
  options.pack_at_load = verb != "place";
  tern::PretrainedModel loaded;
  return seconds([&] { loaded = tern::AutoModelForCausalLM::from_pretrained(model, options); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_load MODEL bfloat16|int8|int4\n");
    return 2;
  }
  try {
    std::puts("ready");
    std::fflush(stdout);
    for (std::string line; std::getline(std::cin, line);) {
      std::printf("%.9f\n", answer(argv[1], argv[2], line));
      std::fflush(stdout);
    }
  } catch (const tern::Error& error) {
    std::fprintf(stderr, "bench_load: %s\n", error.what());
    return tern::exit_code(error.code());
  }
  return 0;
}
