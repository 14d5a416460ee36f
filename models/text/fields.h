// SPDX-License-Identifier: Apache-2.0
// Typed reads of tokenizer.json's members: a value of the wrong kind is Error corrupt that names
// the component and the member.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "../../hub/formats/json.h"

namespace tern::text {

/// Components nest (Sequence in Sequence); deeper than this is Error corrupt.
inline constexpr int kMaxNesting = 32;

/// The member when present and not null, else `fallback`.
bool read_bool(const hub::Json& json, std::string_view member, std::optional<bool> fallback);
int64_t read_integer(const hub::Json& json, std::string_view member,
                     std::optional<int64_t> fallback, int64_t low, int64_t high);
std::string read_string(const hub::Json& json, std::string_view member,
                        std::optional<std::string_view> fallback);
/// The member, an array.
std::span<const hub::Json> read_array(const hub::Json& json, std::string_view member);
/// The member "type" of a component.
std::string read_type(const hub::Json& json, std::string_view component, int depth);
/// For a type that this version does not have.
[[noreturn]] void fail_unsupported(std::string_view component, std::string_view type);

}  // namespace tern::text
