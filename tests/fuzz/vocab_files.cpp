// SPDX-License-Identifier: Apache-2.0
// Any bytes as a file of a repository without tokenizer.json: an Error, or a tokenizer that runs.
// The first byte chooses the file and the class.
#include "../../engine/base/format.h"
#include "../../models/text/tokenizer.h"
#include "target.h"

namespace {

using namespace tern;

struct Kind {
  const char *file, *name;
};
constexpr Kind kKinds[] = {
    {"tokenizer.model", "T5Tokenizer"},
    {"tokenizer.model", "LlamaTokenizer"},
    {"tokenizer.model", "PreTrainedTokenizerFast"},
    {"tokenizer.model", "NllbTokenizer"},
    {"tokenizer.model", "PegasusTokenizer"},
    {"tiktoken.model", "PreTrainedTokenizerFast"},
    {"tekken.json", "PreTrainedTokenizerFast"},
    {"vocab.txt", "BertTokenizer"},
    {"vocab.json", "GPT2Tokenizer"},
    {"merges.txt", "GPT2Tokenizer"},
    {"vocab.json", "Wav2Vec2CTCTokenizer"},
    {"tokenizer_config.json", "BertTokenizer"},
    {"special_tokens_map.json", "BertTokenizer"},
    {"added_tokens.json", "BertTokenizer"},
};

StorageRef stored(std::string_view text) {
  const StorageRef storage = heap_storage(text.size());
  text.copy(reinterpret_cast<char*>(storage->data()), text.size());
  return storage;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Kind& kind = kKinds[data[0] % std::size(kKinds)];
  return fuzz::answer([&] {
    std::map<std::string, StorageRef> files;
    const std::string_view name = kind.name;
    files["config.json"] = stored(cat("{\"tokenizer_class\":\"", name, "\"}"));
    if (name == "BertTokenizer") files["vocab.txt"] = stored("[UNK]\n[CLS]\n[SEP]\n[PAD]\na\n##b");
    if (name == "GPT2Tokenizer") {
      files["vocab.json"] = stored(R"({"a":0,"b":1,"ab":2,"Ġ":3})");
      files["merges.txt"] = stored("#version\na b\n");
    }
    files[kind.file] = stored(as_text(fuzz::input(data + 1, size - 1)));
    const Tokenizer t =
        AutoTokenizer::from_repo(hub::Repo::from_memory(std::move(files), "fuzzed"));
    t.decode(t.encode("ab <s> \xE4\xB8\xAD [MASK]A", "b", {.want_tokens = true}).ids);
  });
}
