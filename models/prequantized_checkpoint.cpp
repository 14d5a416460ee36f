// SPDX-License-Identifier: Apache-2.0
// The parts of prequantized weights in a checkpoint ("….qweight" and its kin) become one entry
// "….weight" [out, in], which is unpacked when a model takes it.
#include <algorithm>
#include <cstring>
#include <set>
#include <unordered_map>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "key_names.h"
#include "prequantized_weight.h"
#include "stored_tensor.h"

namespace tern {

namespace {

using Entry = Checkpoint::Entry;

class Joiner {
 public:
  Joiner(const std::vector<Entry>& entries, const PrequantizedFormat& format,
         const std::string& repo)
      : entries_(entries), format_(format), repo_(repo) {
    for (size_t i = 0; i < entries.size(); ++i) index_.emplace(entries[i].name, i);
  }

  std::vector<Entry> joined() {
    std::vector<Entry> out;
    for (const Entry& entry : entries_) {
      if (entry.name.ends_with(kCodes)) out.push_back(join(entry));
    }
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (parts_.contains(i)) continue;
      out.push_back(entries_[i]);
      if (zero_biases_.contains(i)) out.back().optional = true;
    }
    return out;
  }

 private:
  static constexpr std::string_view kCodes = ".qweight";

  Entry join(const Entry& codes) {
    const std::string base = codes.name.substr(0, codes.name.size() - kCodes.size());
    auto weight = std::make_shared<PrequantizedWeight>();
    weight->format = format_;
    weight->codes = part(codes.name, DType::i32);
    weight->zeros = part(base + ".qzeros", DType::i32);
    weight->scales = part(base + ".scales", DType::f16);
    set_sizes(*weight, base);
    const int64_t groups = weight->scales.dim(0);
    if (!format_.awq) weight->group_of = groups_of(base, *weight, groups);
    note_bias(base + ".bias");
    Tensor tensor = stand_in(*weight);
    return {base + ".weight", std::move(tensor), {.prequantized = std::move(weight)}};
  }

  /// f16 stands for any type of floats with 16 or 32 bits.
  const Tensor& part(const std::string& name, DType type, size_t rank = 2) {
    const auto it = index_.find(name);
    if (it == index_.end()) {
      wrong(name, "is not in the checkpoint, but other parts of the weight are");
    }
    parts_.insert(it->second);
    const Tensor& tensor = entries_[it->second].tensor;
    const DType found = tensor.dtype();
    const bool floats = found == DType::f16 || found == DType::bf16 || found == DType::f32;
    if (type == DType::f16 ? !floats : found != type) {
      wrong(name, cat("has type ", to_string(found), ", expected ", to_string(type)));
    }
    if (tensor.shape().rank() != rank || tensor.numel() == 0 || !tensor.dense()) {
      wrong(name, cat("has shape ", tensor.shape().to_string(), ", expected ", rank,
                      " dimensions, none of them 0"));
    }
    return tensor;
  }

  /// in and out by the codes, in numbers that the file has room for; the rest must agree.
  void set_sizes(PrequantizedWeight& w, const std::string& base) const {
    const int64_t rows = w.codes.dim(0), columns = w.codes.dim(1);
    const int64_t unit = format_.bits == 3 ? 3 : 1;  // words in which codes end
    if (!format_.awq && rows % unit != 0) {
      wrong(base + ".qweight", cat("has ", rows, " rows, expected threes for codes of 3 bits"));
    }
    w.in = format_.awq ? rows : rows * 32 / format_.bits;
    w.out = format_.awq ? columns * 8 : columns;
    if (w.format.group == 0 || w.format.group > w.in) w.format.group = w.in;
    const int64_t group = w.format.group;
    if (format_.awq && w.in % group != 0) {
      wrong(base + ".qweight", cat("has ", w.in, " inputs, expected whole groups of ", group));
    }
    const int64_t groups = (w.in + group - 1) / group;
    expect(base + ".scales", w.scales, {groups, w.out});
    if (w.out * format_.bits % 32 != 0) {
      wrong(base + ".qweight",
            cat("has ", w.out, " outputs, whose zeros of ", format_.bits, " bits fill no words"));
    }
    expect(base + ".qzeros", w.zeros, {groups, w.out * format_.bits / 32});
  }

  void expect(const std::string& name, const Tensor& found, const Shape& expected) const {
    if (found.shape() == expected) return;
    wrong(name, cat("has shape ", found.shape().to_string(), ", expected ", expected.to_string()));
  }

  /// Empty when the inputs' groups follow each other.
  std::vector<int32_t> groups_of(const std::string& base, const PrequantizedWeight& w,
                                 int64_t groups) {
    const std::string name = base + ".g_idx";
    if (!index_.contains(name)) return {};
    const Tensor& stored = part(name, DType::i32, 1);
    expect(name, stored, {w.in});
    read_in(stored, cat("'", printable_name(name), "'"));
    std::vector<int32_t> out(static_cast<size_t>(w.in));
    std::memcpy(out.data(), stored.raw(), stored.bytes());
    bool regular = true;
    for (int64_t i = 0; i < w.in; ++i) {
      const int32_t group = out[static_cast<size_t>(i)];
      if (group < 0 || group >= groups) {
        wrong(name, cat("has the group ", group, " at ", i, ", expected 0 to ", groups - 1));
      }
      regular = regular && group == i / w.format.group;
    }
    return regular ? std::vector<int32_t>() : out;
  }

  /// GPTQ's writers give every module a bias, of zeros where the class has none.
  void note_bias(const std::string& name) {
    const auto it = index_.find(name);
    if (it == index_.end()) return;
    const Tensor& bias = entries_[it->second].tensor;
    read_in(bias, cat("'", printable_name(name), "'"));
    const std::byte* bytes = bias.raw();
    const bool zeros = bias.dense() && std::all_of(bytes, bytes + bias.bytes(),
                                                   [](std::byte b) { return b == std::byte{0}; });
    if (zeros) zero_biases_.insert(it->second);
  }

  [[noreturn]] void wrong(const std::string& name, const std::string& what) const {
    fail(ErrorCode::corrupt, cat(repo_, ": tensor '", printable_name(name), "' ", what,
                                 " (quantization_config: ", format_.text(),
                                 "): does config.json belong to these weights?"));
  }

  const std::vector<Entry>& entries_;
  const PrequantizedFormat& format_;
  const std::string& repo_;
  std::unordered_map<std::string_view, size_t> index_;
  std::set<size_t> parts_, zero_biases_;
};

}  // namespace

void Checkpoint::join_prequantized(const Config& config, const std::string& repo) {
  const std::optional<PrequantizedFormat> format = prequantized_format(config, *this, repo);
  if (!format) return;
  entries_ = Joiner(entries_, *format, repo).joined();
  prequantized_as_ = format->text();
}

}  // namespace tern
