// SPDX-License-Identifier: Apache-2.0
// A million corruptions each of zip archives, pickles, and PyTorch files of both forms: an Error,
// or values that lie where they may.
#include <doctest/doctest.h>

#include <algorithm>

#include "corruption.h"
#include "torch_bytes.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;
namespace pk = tern::test::pickled;

namespace {

std::vector<std::pair<std::string, std::string>> members() {
  const auto floats = [](const char* key, int64_t n) {
    return pk::storage("FloatStorage", key, n);
  };
  return {{"a", pk::tensor(floats("0", 6), {0, {2, 3}, {3, 1}})},
          {"b", pk::tensor(floats("0", 6), {1, {3, 2}, {1, 2}})},
          {"c", pk::global("torch._utils", "_rebuild_parameter") + "("s +
                    pk::tensor(floats("1", 2), {0, {2}, {1}}) + "\x88}tR"}};
}

std::vector<std::string> pickles() {
  return {
      pk::dict(members()),
      pk::kBegin + pk::global("collections", "OrderedDict") + "q\x01)Rq\x02("s + pk::text("k") +
          "q\x03](K\x01K\x02"
          "e"s +
          pk::text("m") + "}"s + pk::text("x") + "h\x02su}"s + pk::text("_metadata") + "h\x01)Rsb.",
      "\x80\x04\x95\x10\0\0\0\0\0\0\0\x8C\x01kK\x07\x86\x94\x8C\x05torch\x8C\x04Size\x93\x85."s};
}

const std::vector<StoredBytes> kStorages = {{"0", std::string(24, 'x')},
                                            {"1", std::string(8, 'y')}};

constexpr std::string_view kOpcodes =
    "\x80.(NKMJXU)]}ateusbqrhjcQR\x85\x86\x87\x88\x89\x8A\x8C\x93\x94\x95";

/// What a pickle is made of, or a number in place.
void change(Corruptor& c, size_t at) {
  if (c.below(2) == 0) {
    if (at < c.file.size()) c.file[at] = c.any(kOpcodes);
  } else if (at + 8 <= c.file.size()) {
    put(c.file, at, c.number() >> c.below(32), 1 << c.below(4));
  }
}

constexpr size_t kPickle = (1 << 20) + (16 << 10);  // the least that its objects may take

template <class Check>
Counts run(std::vector<std::string> files, Check check, size_t fixed = kPickle) {
  const Counts counts = check_corruptions(
      {.files = std::move(files), .seed = 6367, .own = change, .rarity_of_ends = 4, .fixed = fixed},
      check);
  CHECK(counts.accepted > kRounds / 1000);
  CHECK(counts.corrupt > kRounds / 10);
  return counts;
}

const char* zip_problem(const std::string& file) {
  const auto entries = parse_zip(as_bytes(file), "model.bin");
  std::vector<std::pair<size_t, size_t>> ranges;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].end < entries[i].begin || entries[i].end > file.size())
      return "outside the file";
    if (i > 0 && !(entries[i - 1].name < entries[i].name)) return "a name twice";
    if (find_entry(entries, entries[i].name) != &entries[i]) return "not found by its name";
    ranges.emplace_back(entries[i].header, entries[i].end);
  }
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first < ranges[i - 1].second) return "an overlap";
  }
  return nullptr;
}

const char* pickle_problem(const std::string& bytes) {
  constexpr PickleGlobal kGlobals[] = {
      {"collections", "OrderedDict", PickleGlobal::Use::dict},
      {"torch", "Size", PickleGlobal::Use::call},
      {"torch", "FloatStorage"},
      {"torch._utils", "_rebuild_tensor_v2", PickleGlobal::Use::call},
      {"torch._utils", "_rebuild_parameter", PickleGlobal::Use::call}};
  const Pickle pickle = Pickle::parse({.bytes = as_bytes(bytes),
                                       .offset = 0,
                                       .what = "model.bin",
                                       .globals = kGlobals,
                                       .file_size = bytes.size()});
  if (pickle.size() > bytes.size()) return "longer than its bytes";
  // Two levels are enough to touch every way a value points somewhere.
  for (const Pickle::Value value : pickle.items(pickle.root())) {
    const auto text = pickle.text(value);
    if (text && text->data() + text->size() > bytes.data() + bytes.size()) return "a text outside";
    if (pickle.where(value) >= bytes.size()) return "made outside the bytes";
    for (const Pickle::Value inner : pickle.items(value)) {
      const auto global = pickle.global(inner);
      if (global && *global >= std::size(kGlobals)) return "an unknown global";
      (void)pickle.integer(inner);
    }
  }
  return nullptr;
}

const char* torch_problem(const std::string& bytes) {
  const StorageRef file =
      borrowed_storage(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
  const TorchFile opened = open_torch_file(file, "model.bin");
  uint64_t total = 0;
  for (const TorchTensor& tensor : opened.tensors) {
    const size_t rank = tensor.shape.size(), width = bits(tensor.dtype) / 8;
    if (!tensor.strides.empty() && tensor.strides.size() != rank) return "strides without a shape";
    uint64_t numel = 1, last = 0, dense = 1;
    for (size_t i = rank; i-- > 0;) {
      const auto dim = static_cast<uint64_t>(tensor.shape[i]);
      const uint64_t stride =
          tensor.strides.empty() ? dense : static_cast<uint64_t>(tensor.strides[i]);
      dense *= dim;
      numel *= dim;
      if (dim > 0) last += (dim - 1) * stride;
    }
    const size_t end = tensor.begin + (numel ? (last + 1) * width : 0);
    if (tensor.begin > tensor.storage->size() || end > tensor.storage->size()) return "outside";
    total += numel * width;
  }
  return total <= 4 * bytes.size() + (1u << 20) ? nullptr : "more than four times the file";
}

}  // namespace

TEST_CASE("any of a million corruptions of a zip archive gives an Error or entries inside it") {
  run({build_zip({{"m/data.pkl", "abc"}, {"m/data/0", "0123456789"}, {"m/v", ""}}).bytes,
       build_zip({{"m/x", "content"}, {"m/y", "other"}}, false).bytes, build_zip({}).bytes},
      zip_problem, 16 << 10);
}

TEST_CASE("any of a million corruptions of a pickle gives an Error or values inside it") {
  const Counts counts = run(pickles(), pickle_problem);
  CHECK(counts.denied > kRounds / 1000);
}

TEST_CASE("any of a million corruptions of a PyTorch zip gives an Error or tensors inside it") {
  // No checksum in front of the pickle, or most corruptions would end there.
  std::vector<std::string> seeds;
  for (const bool ordered : {false, true}) {
    BuiltZip zip = torch_zip(ordered ? pickles()[1] : pickles()[0], kStorages);
    put(zip.bytes, zip.central[0] + 16, 0, 4);
    seeds.push_back(zip.bytes);
  }
  const Counts counts = run(std::move(seeds), torch_problem);
  CHECK(counts.denied > kRounds / 1000);
}

TEST_CASE(
    "any of a million corruptions of an old PyTorch file gives an Error or tensors inside it") {
  const Counts counts =
      run({torch_old(pickles()[0], kStorages, 4), torch_old(pk::dict({}), {}, 4)}, torch_problem);
  CHECK(counts.denied > kRounds / 1000);
}
