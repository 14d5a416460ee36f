// SPDX-License-Identifier: Apache-2.0
// Tokenizing on request, one per line of standard input, so that a script can interleave it with a
// peer's. CORPORA are files of documents that end in a zero byte. Says "ready" when the tokenizer
// stands, then answers:
//   pass C B E     encodes documents [B, E) of corpus C one by one, ids only; seconds
//   offsets C B E  the same with offsets
//   threads C B E  the same, ids only, by all threads; seconds
//   load           loads TOKENIZER.json once more; seconds of the first time and of this one
//   short          one sentence of 13 words, median seconds of 2,000 calls
//   ids C B E      the ids of each document as a CRC-32 of little-endian uint32; one line
// Usage: bench_tokenize TOKENIZER.json THREADS CORPUS…
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "../../engine/base/storage.h"
#include "../../models/tern.h"

namespace {

using Documents = std::vector<std::string>;

double seconds_of(auto&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string_view text_of(const tern::StorageRef& bytes) {
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

Documents split(std::string_view corpus) {
  Documents out;
  for (size_t begin = 0; begin < corpus.size();) {
    const size_t end = std::min(corpus.find('\0', begin), corpus.size());
    out.emplace_back(corpus.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

uint32_t crc32(const std::vector<int64_t>& ids) {
  uint32_t crc = ~0u;
  for (const int64_t id : ids) {
    for (int byte = 0; byte < 4; ++byte) {
      crc ^= static_cast<uint32_t>(id >> (8 * byte)) & 0xFF;
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
  }
  return ~crc;
}

class Bench {
 public:
  Bench(std::string path, int threads) : path_(std::move(path)), pool_(threads) {
    first_load_ = seconds_of([&] { tokenizer_ = load(); });
  }

  double first_load() const { return first_load_; }
  double load_again() const {
    return seconds_of([&] { load(); });
  }

  double pass(std::span<const std::string> documents) {
    return seconds_of([&] {
      for (const std::string& d : documents) encode(d, ids_);
    });
  }

  double offsets(std::span<const std::string> documents) {
    return seconds_of([&] {
      for (const std::string& d : documents) {
        tokenizer_.encode(d, {.add_special_tokens = false, .want_offsets = true});
      }
    });
  }

  double threads(std::span<const std::string> documents) {
    // Blocks, so that a thread's vector is used again.
    constexpr size_t kBlock = 64;
    const auto tiles = static_cast<int64_t>((documents.size() + kBlock - 1) / kBlock);
    const auto tile = [&](int64_t t, int) {
      static thread_local std::vector<int64_t> ids;
      const size_t begin = static_cast<size_t>(t) * kBlock;
      const size_t end = std::min(begin + kBlock, documents.size());
      for (size_t i = begin; i < end; ++i) encode(documents[i], ids);
    };
    return seconds_of([&] { pool_.parallel_for(tiles, tile); });
  }

  double one_sentence() {
    const std::string text = "The quick brown fox jumps over the lazy dog near the river bank.";
    std::vector<double> times;
    for (int i = 0; i < 2000; ++i) times.push_back(seconds_of([&] { encode(text, ids_); }));
    std::nth_element(times.begin(), times.begin() + 1000, times.end());
    return times[1000];
  }

  void write_ids(std::span<const std::string> documents) {
    for (const std::string& d : documents) {
      encode(d, ids_);
      std::printf("%08x ", crc32(ids_));
    }
    std::puts("");
  }

 private:
  tern::Tokenizer load() const {
    return tern::AutoTokenizer::from_json(text_of(tern::map_storage(path_)), path_);
  }
  void encode(const std::string& text, std::vector<int64_t>& ids) const {
    ids.clear();
    tokenizer_.encode_ids(text, {.add_special_tokens = false}, ids);
  }

  std::string path_;
  double first_load_ = 0;
  tern::Tokenizer tokenizer_;
  tern::ThreadPool pool_;
  std::vector<int64_t> ids_;
};

void serve(Bench& bench, const std::vector<Documents>& corpora) {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb;
    size_t corpus = 0, begin = 0, end = 0;
    words >> verb >> corpus >> begin >> end;
    std::span<const std::string> documents;
    if (corpus < corpora.size()) {
      end = std::min(end, corpora[corpus].size());
      documents =
          std::span(corpora[corpus]).subspan(std::min(begin, end), end - std::min(begin, end));
    }
    if (verb == "ids") {
      bench.write_ids(documents);
    } else if (verb == "load") {
      std::printf("%.9f %.9f\n", bench.first_load(), bench.load_again());
    } else {
      const double seconds = verb == "pass"      ? bench.pass(documents)
                             : verb == "offsets" ? bench.offsets(documents)
                             : verb == "threads" ? bench.threads(documents)
                                                 : bench.one_sentence();
      std::printf("%.9f\n", seconds);
    }
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: bench_tokenize TOKENIZER.json THREADS CORPUS...\n", stderr);
    return 2;
  }
  try {
    std::vector<Documents> corpora;
    for (int i = 3; i < argc; ++i) corpora.push_back(split(text_of(tern::map_storage(argv[i]))));
    Bench bench(argv[1], std::atoi(argv[2]));
    std::puts("ready");
    std::fflush(stdout);
    serve(bench, corpora);
  } catch (const tern::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return 0;
}
