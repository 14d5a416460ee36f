// SPDX-License-Identifier: Apache-2.0
// See recorded_options.h.
#include "recorded_options.h"

using namespace tern;
using hub::Json;

namespace tern::test {

namespace {

std::optional<Side> side(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return json.string() == std::string_view("left") ? Side::left : Side::right;
}

void read_truncation(const Json& json, TokenizeOptions& o) {
  o.truncation = json.boolean().value_or(false);
  const std::string_view name = json.string().value_or("");
  if (name == "longest_first") o.truncation_strategy = TruncationStrategy::longest_first;
  if (name == "only_first") o.truncation_strategy = TruncationStrategy::only_first;
  if (name == "only_second") o.truncation_strategy = TruncationStrategy::only_second;
}

Json lists(const int64_t*& values, const Shape& shape, size_t dim) {
  if (dim == shape.rank()) return Json::make(*values++);
  std::vector<Json> out;
  for (int64_t i = 0; i < shape[dim]; ++i) out.push_back(lists(values, shape, dim + 1));
  return Json::array(std::move(out));
}

}  // namespace

std::vector<std::string> strings(const Json& array) {
  std::vector<std::string> out;
  for (const Json& s : array.elements()) out.emplace_back(s.string().value());
  return out;
}

std::optional<PaddingStrategy> read_padding_strategy(const Json& padding) {
  const std::string_view name = padding.string().value_or("");
  if (name == "longest") return PaddingStrategy::longest;
  if (name == "max_length") return PaddingStrategy::max_length;
  return std::nullopt;
}

TokenizeOptions read_options(const Json& json) {
  const auto flag = [&](std::string_view name, bool absent) {
    return json[name].boolean().value_or(absent);
  };
  TokenizeOptions o;
  o.add_special_tokens = flag("add_special_tokens", true);
  o.padding = flag("padding", false);
  o.padding_strategy = read_padding_strategy(json["padding"]);
  read_truncation(json["truncation"], o);
  o.max_length = json["max_length"].integer().value_or(0);
  o.stride = json["stride"].integer().value_or(0);
  o.pad_to_multiple_of = json["pad_to_multiple_of"].integer().value_or(0);
  o.padding_side = side(json["padding_side"]);
  if (!json["return_token_type_ids"].is_null()) {
    o.return_token_type_ids = flag("return_token_type_ids", true);
  }
  o.return_attention_mask = flag("return_attention_mask", true);
  o.return_overflowing_tokens = flag("return_overflowing_tokens", false);
  o.return_special_tokens_mask = flag("return_special_tokens_mask", false);
  o.return_offsets_mapping = flag("return_offsets_mapping", false);
  o.return_length = flag("return_length", false);
  if (!json["split_special_tokens"].is_null()) {
    o.split_special_tokens = flag("split_special_tokens", false);
  }
  o.return_tokens = true;
  return o;
}

Json nested(const Tensor& tensor) {
  const int64_t* values = tensor.data<int64_t>();
  return lists(values, tensor.shape(), 0);
}

std::string fnv1a_hex(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[h >> shift & 15];
  return out;
}

}  // namespace tern::test
