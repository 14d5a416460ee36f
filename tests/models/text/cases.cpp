// SPDX-License-Identifier: Apache-2.0
// The recorded answers of the reference library, text by text: ids, offsets, tokens, decoded text.
#include "cases.h"

#include <doctest/doctest.h>
#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>

#include "../../../models/text/jsonl.h"
#include "../../needs.h"

using namespace tern;
using hub::Json;

namespace tern::test {

namespace {

std::string read_pipe(FILE* file, int (*close)(FILE*)) {
  std::string out;
  if (!file) return out;
  char buffer[1 << 16];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;) out.append(buffer, n);
  close(file);
  return out;
}

Json copy_of(const Json& json, std::initializer_list<std::string_view> names) {
  std::vector<Json::NewMember> members;
  for (const std::string_view name : names) {
    if (json.contains(name)) members.emplace_back(std::string(name), json[name]);
  }
  return Json::object(std::move(members));
}

/// The files write ids and type_ids where the answers have the long names.
void check_same(const Json& expected, const Json& found, std::string_view name,
                std::string_view key) {
  CAPTURE(key);
  CHECK(found[key].dump() == expected[name].dump());
}

void check_rows(const Json& expected, const Json& found) {
  check_same(expected, found, "ids", "input_ids");
  check_same(expected, found, "type_ids", "token_type_ids");
  for (const char* key : {"attention_mask", "special_tokens_mask", "offsets"}) {
    check_same(expected, found, key, key);
  }
}

void check_encodings(const Json& expected, const Json& found) {
  REQUIRE(found.elements().size() == expected.elements().size());
  for (size_t i = 0; i < found.elements().size(); ++i) {
    const Json &e = expected.elements()[i], &f = found.elements()[i];
    check_rows(e, f);
    REQUIRE(f["overflowing"].elements().size() == e["overflowing"].elements().size());
    for (size_t k = 0; k < e["overflowing"].elements().size(); ++k) {
      check_rows(e["overflowing"].elements()[k], f["overflowing"].elements()[k]);
    }
  }
}

Json ask(const Tokenizer& tokenizer, const Json& request) {
  return Json::parse(text::answer_jsonl(tokenizer, request.dump(), true), "answer");
}

}  // namespace

std::string read_maybe_xz(const std::string& path) {
  if (FILE* plain = fopen(path.c_str(), "rb")) return read_pipe(plain, fclose);
  if (FILE* packed = fopen((path + ".xz").c_str(), "rb")) {
    fclose(packed);
    return read_pipe(popen(("xz -dc '" + path + ".xz'").c_str(), "r"), pclose);
  }
  return {};
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    out.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

std::vector<std::string> tokenizer_folders() {
  std::vector<std::string> out = {TERN_TEST_DATA "/tokenizers/bert-base-uncased"};
  const std::string root = TERN_SHARED_DATA "/tokenizers";
  std::error_code none;
  for (const std::string& parent : {root, root + "/small"}) {
    for (const auto& entry : std::filesystem::directory_iterator(parent, none)) {
      const std::string json = entry.path().string() + "/tokenizer.json";
      if (std::filesystem::exists(json) || std::filesystem::exists(json + ".xz"))
        out.push_back(entry.path().string());
    }
  }
  std::sort(out.begin() + 1, out.end());
  if (out.size() == 1) MESSAGE("shared vocabularies skipped: no data at " TERN_SHARED_DATA);
  return out;
}

double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void with_stack(size_t bytes, const std::function<void()>& work) {
  struct Call {
    const std::function<void()>& work;
    std::exception_ptr thrown = nullptr;
  } call{work};
  const auto run = [](void* argument) -> void* {
    auto& c = *static_cast<Call*>(argument);
    try {
      c.work();
    } catch (...) {
      c.thrown = std::current_exception();
    }
    return nullptr;
  };
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, bytes) == 0);
  pthread_t thread;
  REQUIRE(pthread_create(&thread, &attributes, run, &call) == 0);
  REQUIRE(pthread_join(thread, nullptr) == 0);
  pthread_attr_destroy(&attributes);
  if (call.thrown) std::rethrow_exception(call.thrown);
}

std::string repeated(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

Tokenizer load(const std::string& folder) {
  return AutoTokenizer::from_json(read_maybe_xz(folder + "/tokenizer.json"), "tokenizer.json");
}

Tokenizer from_files(const std::map<std::string, std::string>& files) {
  std::map<std::string, StorageRef> stored;
  for (const auto& [name, text] : files) {
    const StorageRef storage = heap_storage(text.size());
    text.copy(reinterpret_cast<char*>(storage->data()), text.size());
    stored[name] = storage;
  }
  return AutoTokenizer::from_repo(hub::Repo::from_memory(std::move(stored), "test"));
}

size_t check_cases(const std::string& folder) {
  const Tokenizer tokenizer = load(folder);
  const auto all = lines(read_maybe_xz(folder + "/cases.jsonl"));
  for (const std::string& line : all) {
    const Json expected = Json::parse(line, "case");
    CAPTURE(line.substr(0, 400));
    const Json found = ask(tokenizer, copy_of(expected, {"text", "pair"}));
    CHECK(found.contains("error") == expected.contains("error"));
    if (expected.contains("error")) continue;
    check_same(expected, found, "ids", "input_ids");
    check_same(expected, found, "type_ids", "token_type_ids");
    for (const char* key : {"offsets", "tokens", "decoded", "decoded_all"}) {
      check_same(expected, found, key, key);
    }
    const Json plain = copy_of(expected, {"text", "pair"});
    std::vector<Json::NewMember> members(plain.members().begin(), plain.members().end());
    members.emplace_back("add_special_tokens", Json::make(false));
    check_same(expected, ask(tokenizer, Json::object(members)), "ids_plain", "input_ids");
    if (expected.contains("pair")) continue;
    std::vector<int64_t> ids;
    tokenizer.encode_ids(*expected["text"].string(), {}, ids);
    std::vector<Json> numbers;
    for (const int64_t id : ids) numbers.push_back(Json::make(id));
    CHECK(Json::array(numbers).dump() == expected["ids"].dump());
  }
  return all.size();
}

size_t check_truncation(const std::string& folder) {
  const Tokenizer tokenizer = load(folder);
  const auto all = lines(read_maybe_xz(folder + "/truncation.jsonl"));
  for (const std::string& line : all) {
    const Json expected = Json::parse(line, "case");
    CAPTURE(line.substr(0, 400));
    const Json found =
        ask(tokenizer, copy_of(expected, {"batch", "truncation", "padding", "add_special_tokens"}));
    CHECK(found.contains("error") == expected.contains("error"));
    if (!expected.contains("error")) check_encodings(expected["encodings"], found["encodings"]);
  }
  return all.size();
}

}  // namespace tern::test

using namespace tern::test;

TEST_CASE("bert-base-uncased gives the reference's ids, offsets, tokens and decoded texts") {
  CHECK(check_cases(TERN_TEST_DATA "/tokenizers/bert-base-uncased") == 1500);
}

TEST_CASE("real vocabularies give the reference's results, text by text and in windows") {
  for (const char* name : {"albert-base-v1", "bert-base-uncased", "gemma3", "gpt2", "llama2",
                           "llama3", "mistral", "qwen3"}) {
    CAPTURE(std::string(name));
    const std::string folder = std::string(TERN_SHARED_DATA "/tokenizers/") + name;
    const size_t cases = check_cases(folder), windows = check_truncation(folder);
    if (cases == 0) {
      MESSAGE("skipped: no shared data at " TERN_SHARED_DATA);
      return;
    }
    MESSAGE(std::string(name) << ": " << cases << " texts, " << windows << " batches");
  }
}

TEST_CASE("small tokenizers of every component give the reference's results" * NeedsRegex()) {
  for (const char* name : {"added-token-flags", "added-token-flags-wordpiece", "bpe-byte-fallback",
                           "bpe-byte-level-normalizer", "bpe-end-of-word", "bpe-scripts",
                           "bpe-splits", "unigram-byte-fallback", "unigram-t5", "wordlevel",
                           "wordlevel-missing-unk", "wordpiece-cased"}) {
    CAPTURE(std::string(name));
    const std::string folder = std::string(TERN_SHARED_DATA "/tokenizers/small/") + name;
    if (read_maybe_xz(folder + "/tokenizer.json").empty()) {
      MESSAGE("skipped: no shared data at " TERN_SHARED_DATA);
      return;
    }
    CHECK(check_cases(folder) >= 1000);
  }
}
