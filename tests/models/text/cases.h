// SPDX-License-Identifier: Apache-2.0
// What the tokenizer tests share: compressed files, requests in JSON lines, comparison with
// recorded answers of the reference.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "../../../hub/formats/json.h"
#include "../../../models/text/tokenizer.h"

namespace tern::test {

/// A file as it is, or through `xz -dc` when only FILE.xz is there; empty when neither is.
std::string read_maybe_xz(const std::string& path);
std::vector<std::string> lines(const std::string& text);
/// tokenizer.json of a folder.
Tokenizer load(const std::string& folder);

/// A repository with these files.
Tokenizer from_files(const std::map<std::string, std::string>& files);

/// Runs all lines of cases.jsonl.xz of a folder; returns their number. Failures are CHECKs.
size_t check_cases(const std::string& folder);
/// The same for truncation.jsonl.xz.
size_t check_truncation(const std::string& folder);

}  // namespace tern::test
