// SPDX-License-Identifier: Apache-2.0
// Loading and saving where any allocation, or any question to the system, fails: an Error that
// names what was loaded, nothing lost, and the next call does what it did before.
#include <doctest/doctest.h>

#include <filesystem>
#include <functional>

#include "../../models/sentence_transformer.h"
#include "../../models/text/chat_template.h"
#include "../../models/text/tokenizer.h"
#include "../allocations.h"
#include "../hub/faulty_env.h"
#include "../hub/formats/torch_bytes.h"
#include "gguf_export.h"
#include "golden.h"
#include "random_decoder.h"

using namespace tern;
using namespace tern::test;

namespace {

constexpr const char* kTiny = R"("model_type": "llama", "hidden_size": 16, "num_hidden_layers": 1)";

const LoadOptions kGguf = {.dtype = "float32", .gguf_file = "model.gguf"};

const std::string kTokenizer = std::string(TERN_TEST_DATA) + "/tokenizers/chat";

/// The same weights in every form that from_pretrained reads, and texts to vectors.
struct Forms {
  std::string folder = golden::scratch_folder("load-faults");

  Forms() {
    const PretrainedModel model = random_decoder(kTiny);
    model.save_pretrained(folder + "/one");
    model.save_pretrained(folder + "/shards", {.max_shard_size = "4KB"});
    std::filesystem::create_directories(folder + "/bin");
    golden::write(folder + "/bin/config.json", golden::read(folder + "/one/config.json"));
    golden::write(folder + "/bin/pytorch_model.bin", torch());
    std::filesystem::create_directories(folder + "/gguf");
    golden::write(folder + "/gguf/model.gguf", export_gguf(folder + "/one", "llama").made());
    std::filesystem::copy(std::string(TERN_TEST_DATA) + "/golden/minilm", folder + "/sentences",
                          std::filesystem::copy_options::recursive);
    std::filesystem::copy(kTokenizer, folder + "/sentences");
  }

 private:
  std::string torch() const {
    std::vector<std::pair<std::string, std::string>> items;
    std::vector<StoredBytes> storages;
    for (const auto& [name, t] : golden::tensors(folder + "/one/model.safetensors")) {
      const std::string key = std::to_string(items.size());
      pickled::Place place;
      place.shape.assign(t.shape().dims().begin(), t.shape().dims().end());
      int64_t stride = 1;
      for (size_t i = place.shape.size(); i-- > 0; stride *= place.shape[i])
        place.strides.insert(place.strides.begin(), stride);
      items.emplace_back(name,
                         pickled::tensor(pickled::storage("FloatStorage", key, stride), place));
      storages.push_back({key, std::string(as_text({t.raw(), t.bytes()}))});
    }
    return torch_zip(pickled::dict(items), storages).bytes;
  }
};

Tensor logits(const PretrainedModel& model) {
  const std::vector<int64_t> ids = {5, 6};
  return model({{"input_ids", Tensor::from<int64_t>(ids, {1, 2})}}).get("logits").clone();
}

struct Call {
  const char* name;
  std::string what;  // an Error names it
  std::function<void()> call;
  size_t least = 100;  // allocations
};

/// What loads, of these folders: the model in each form, quantised, and its parts.
std::vector<Call> loads(const std::string& folder) {
  const auto model = [&](const char* name, const char* form, const LoadOptions& options = {}) {
    const std::string path = folder + "/" + form;
    return Call{name, path, [=] { AutoModelForCausalLM::from_pretrained(path, options); }};
  };
  const std::string one = folder + "/one", sentences = folder + "/sentences";
  return {model("safetensors", "one", {.revision = "longer than what a string holds in itself"}),
          model("shards", "shards"),
          model("bin", "bin"),
          model("gguf", "gguf", kGguf),
          model("int8", "one", {.quantize = "int8", .packed_cache = false}),
          model("disk", "one", {.device_map = "disk"}),
          {"config", one, [=] { AutoConfig::from_pretrained(one); }, 20},
          {"tokenizer", kTokenizer, [] { AutoTokenizer::from_pretrained(kTokenizer); }},
          {"chat", kTokenizer, [] { ChatTemplate::from_pretrained(kTokenizer); }, 50},
          {"sentences", sentences, [=] { SentenceTransformer::from_pretrained(sentences); }}};
}

/// Makes the k-th allocation of `call`, or that and all after it, fail, for every k.
void fail_each_allocation(const Call& tried) {
  CAPTURE(std::string(tried.name));
  tried.call();  // what is made once stays
  for (const bool onwards : {false, true}) {
    size_t k = 0, thrown = 0, nameless = 0;
    for (bool failed = true; failed;) {
      ++k;
      CAPTURE(k);
      CAPTURE(onwards);
      const long live = live_allocations();
      bool threw = false, names = false, others = false;
      ErrorCode code = ErrorCode::out_of_memory;
      {
        const FailAllocation failing(k, onwards);
        try {
          tried.call();
        } catch (const Error& error) {
          threw = true;
          code = error.code();
          names = std::string_view(error.what()).starts_with(tried.what);
        } catch (const std::exception&) {
          others = true;
        }
        failed = failing.hit();
      }
      // A few of the library's own are tries, which it does without.
      thrown += threw;
      CHECK(!others);
      CHECK(code == ErrorCode::out_of_memory);
      nameless += threw && !names;
      CHECK((failed || !threw));
      CHECK(live_allocations() == live);
    }
    MESSAGE(std::string(tried.name), ": ", thrown, " errors of ", k - 1, " allocations");
    CHECK(thrown > (k - 1) * 9 / 10);
    CHECK(nameless <= 8);  // where there was no memory for the text
    CHECK(k > tried.least);
  }
  tried.call();
}

/// The real system but for one of its answers about files, counted from the first.
class UnreadableEnv : public Env {
 public:
  UnreadableEnv() { set_env(this); }
  ~UnreadableEnv() override { set_env(nullptr); }
  int calls = 0, at = -1;

  FileInfo stat(const std::string& path) override { return step(path), Env::stat(path); }
  FileInfo link_info(const std::string& path) override { return step(path), Env::link_info(path); }
  std::string read_file(const std::string& path, uint64_t limit) override {
    return step(path), Env::read_file(path, limit);
  }
  FileMapping map_file(const std::string& path, bool populate) override {
    return step(path), Env::map_file(path, populate);
  }
  FileMapping map_memory(size_t size) override { return step("memory"), Env::map_memory(size); }
  std::vector<std::string> list_directory(const std::string& path) override {
    return step(path), Env::list_directory(path);
  }
  std::string real_path(const std::string& path) override {
    return step(path), Env::real_path(path);
  }

 private:
  void step(const std::string& path) {
    if (calls++ == at) fail(ErrorCode::io, path + ": cannot read: Input/output error");
  }
};

}  // namespace

TEST_CASE("every form of the weights is the same model") {
  const Forms forms;
  const auto of = [&](const char* form, const LoadOptions& options = {}) {
    return logits(AutoModelForCausalLM::from_pretrained(forms.folder + "/" + form, options));
  };
  const Tensor expected = of("one");
  CHECK(golden::same_bits(of("shards"), expected));
  CHECK(golden::same_bits(of("bin"), expected));
  CHECK(golden::error(of("gguf", kGguf), expected) <= 1e-6);
}

TEST_CASE("any allocation of loading may fail, and nothing is lost") {
  const Forms forms;
  for (const Call& load : loads(forms.folder)) fail_each_allocation(load);
  const Config config(AutoConfig::from_pretrained(forms.folder + "/one").json(), "a decoder");
  fail_each_allocation({"random", "a decoder", [&] { AutoModel::from_config(config); }});
  const std::string json = golden::read(kTokenizer + "/tokenizer.json");
  fail_each_allocation({"json", "a text", [&] { AutoTokenizer::from_json(json, "a text"); }});
}

TEST_CASE("a size that no memory has is an Error that names the model") {
  const Forms forms;
  const auto make = [](const Config& c, const Weights&) -> std::unique_ptr<Model> {
    std::vector<float> values;
    values.reserve(static_cast<size_t>(c.integer({"rows"}, 0, 0, int64_t{1} << 62)));
    static const volatile float* seen;  // else clang leaves an allocation out that nobody uses
    seen = values.data();
    fail(ErrorCode::internal, seen ? "there was memory for it" : "nothing was asked for");
  };
  register_model({.name = "Greedy", .model_type = "greedy", .task = "AutoModel", .make = make});
  for (const int64_t rows : {int64_t{1} << 60, int64_t{1} << 62}) {  // bad_alloc, length_error
    CAPTURE(rows);
    const hub::Json config =
        hub::Json::object({{"model_type", hub::Json::make(std::string_view("greedy"))},
                           {"rows", hub::Json::make(rows)}});
    const auto [code, message] = golden::error_of(
        [&] { AutoModel::from_pretrained(forms.folder + "/one", {.config_overrides = config}); });
    CHECK(code == ErrorCode::out_of_memory);
    CHECK(message.starts_with(forms.folder + "/one: no memory is left: free some"));
  }
}

TEST_CASE("any allocation of saving may fail, and the next save is whole") {
  const Forms forms;
  const PretrainedModel model = AutoModelForCausalLM::from_pretrained(forms.folder + "/one");
  const std::string folder = forms.folder + "/saved";
  FaultyEnv no_waiting;
  fail_each_allocation({"save_pretrained", folder, [&] { model.save_pretrained(folder); }});
  const std::string own = forms.folder + "/tokenizer";
  std::filesystem::copy(kTokenizer, own);
  fail_each_allocation(
      {"tokenizer", own, [&] { AutoTokenizer::from_pretrained(own).save_pretrained(own); }});
  CHECK(golden::files_of(own) == golden::files_of(kTokenizer));
  CHECK(golden::files_of(folder) == golden::files_of(forms.folder + "/one"));
  CHECK(golden::read(folder + "/model.safetensors") ==
        golden::read(forms.folder + "/one/model.safetensors"));
}

TEST_CASE("whichever file cannot be asked or read, loading is an Error that names it") {
  const Forms forms;
  for (const Call& load : loads(forms.folder)) {
    CAPTURE(std::string(load.name));
    const long live = live_allocations();
    int at = 0, thrown = 0;
    for (bool more = true; more; ++at) {
      CAPTURE(at);
      UnreadableEnv env;
      env.at = at;
      const auto [code, message] = golden::error_of(load.call);
      more = env.calls > at;
      if (message != "nothing was thrown") {
        ++thrown;
        CHECK(code == ErrorCode::io);
        CHECK(message.find("Input/output error") != std::string::npos);
      }
    }
    MESSAGE(std::string(load.name), ": ", thrown, " errors of ", at - 1, " calls");
    CHECK(thrown >= 3);
    load.call();
    CHECK(live_allocations() == live);
  }
}
