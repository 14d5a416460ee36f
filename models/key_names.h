// SPDX-License-Identifier: Apache-2.0
// Orders and compares the names of checkpoint tensors. Names come from files: any bytes, any
// length.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tern {

/// Natural order: runs of digits compare as numbers ("layer.2" < "layer.10"), the rest as bytes.
bool natural_less(std::string_view a, std::string_view b) noexcept;

std::vector<std::string> in_natural_order(const std::set<std::string>& names);

/// The candidate with the smallest edit distance to `name`, if that is at most a third of its
/// length; empty otherwise. The first one wins a tie. Work is bounded: names beyond 256 bytes and
/// candidates after the first 4096 are not looked at.
std::string_view nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// For messages: control bytes as '?', at most 200 bytes.
std::string printable_name(std::string_view name);

/// "model.safetensors" → "model.fp16.safetensors": a variant stands before the last part of a file.
std::string with_variant(const std::string& file, const std::string& variant);

/// Buffers that older versions stored: (^|\.)position_ids$ and rotary_emb.inv_freq.
bool is_stored_buffer(std::string_view name);

}  // namespace tern
