// SPDX-License-Identifier: Apache-2.0
// What recorded calls of Transformers are written with: its arguments and tensors as JSON, and
// hashes of what is not kept.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "../../../hub/formats/json.h"
#include "../../../models/text/tokenizer.h"

namespace tern::test {

std::vector<std::string> strings(const hub::Json& array);
std::optional<PaddingStrategy> read_padding_strategy(const hub::Json& padding);
/// Transformers' arguments of a call. return_tokens is set.
TokenizeOptions read_options(const hub::Json& arguments);
/// An int64 tensor as nested lists.
hub::Json nested(const Tensor& tensor);
/// FNV-1a of 64 bits, 16 digits.
std::string fnv1a_hex(std::string_view text);

}  // namespace tern::test
