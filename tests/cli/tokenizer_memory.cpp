// SPDX-License-Identifier: Apache-2.0
// What loading a tokenizer.json takes, each in a process of its own: what others have freed before
// would hide it.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "../../engine/base/format.h"
#include "program.h"

using namespace tern::test;
using ::tern::cat;

namespace {

namespace fs = std::filesystem;

long peak_kilobytes(const std::string& tokenizer) {
  const Outcome outcome = run_tern({"tokenize", "--tokenizer", tokenizer}, {.input = "a\n"});
  CAPTURE(outcome.err);
  CHECK(outcome.exit_code == 0);
  return outcome.peak_kilobytes;
}

/// Eight times the file, and the pages of 2 MiB that tables and the word cache begin with.
void check(const TemporaryFolder& folder, const std::string& path, const std::string& what) {
  const std::string small = folder.write(
      "small.json",
      R"({"model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"[UNK]":0,"a":1}}})");
  const long taken = peak_kilobytes(path) - peak_kilobytes(small);
  const auto file = static_cast<long>(fs::file_size(path) / 1024);
  CAPTURE(what);
  MESSAGE(what << ": a file of " << file << " KB, " << taken << " KB of memory");
  if (std::getenv("TERN_TEST_SANITIZED") == nullptr) CHECK(taken <= 8 * file + (16 << 10));
}

}  // namespace

TEST_CASE("a tokenizer.json is loaded in memory of eight times its size and 16 MiB") {
  const TemporaryFolder folder;
  for (const std::string root : {TERN_TEST_DATA, TERN_SHARED_DATA}) {
    if (!fs::exists(root + "/tokenizers")) {
      MESSAGE("skipped: no " << root);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(root + "/tokenizers")) {
      const std::string packed = entry.path().string() + "/tokenizer.json.xz";
      const std::string path = folder / "tokenizer.json";
      if (!fs::exists(packed)) continue;
      REQUIRE(std::system(cat("xz -dc '", packed, "' > '", path, "'").c_str()) == 0);
      check(folder, path, entry.path().filename().string());
    }
  }
}

TEST_CASE("a token or a replaced text of a megabyte takes no more than that") {
  const TemporaryFolder folder;
  const std::string piece(size_t{1} << 20, 'a');
  const std::string words =
      R"("model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"[UNK]":0,"a":1}})";
  const std::pair<const char*, std::string> table[] = {
      {"WordPiece", cat(R"({"model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"[UNK]":0,")",
                        piece, R"(":1}}})")},
      {"BPE", cat(R"({"model":{"type":"BPE","vocab":{"a":0,")", piece, R"(":1},"merges":[]}})")},
      {"Unigram",
       cat(R"({"model":{"type":"Unigram","unk_id":0,"vocab":[["?",0],[")", piece, R"(",-1]]}})")},
      {"added token", cat(R"({"added_tokens":[{"id":9,"content":")", piece, R"("}],)", words, "}")},
      {"replaced text", cat(R"({"normalizer":{"type":"Replace","pattern":{"String":")", piece,
                            R"("},"content":"b"},)", words, "}")}};
  for (const auto& row : table) {
    check(folder, folder.write("large.json", row.second), row.first);
  }
}
