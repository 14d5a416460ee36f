// SPDX-License-Identifier: Apache-2.0
// What the tokenizer tests share: compressed files, requests in JSON lines, comparison with
// recorded answers of the reference.
#pragma once

#include <functional>
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
/// Folders of all vocabularies there are: one of the tests' own, and the shared ones if they are
/// there (a message says so if not).
std::vector<std::string> tokenizer_folders();
/// Of the calling thread.
double cpu_seconds();
/// Calls `work` in a thread that has `bytes` of stack; what it throws is thrown here.
void with_stack(size_t bytes, const std::function<void()>& work);
std::string repeated(std::string_view text, size_t times);

/// Instrumented code is many times slower and needs more stack.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kInstrumented = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kInstrumented = true;
#else
inline constexpr bool kInstrumented = false;
#endif
#else
inline constexpr bool kInstrumented = false;
#endif

/// tokenizer.json of a folder.
Tokenizer load(const std::string& folder);

/// A repository with these files.
Tokenizer from_files(const std::map<std::string, std::string>& files);

/// Runs all lines of cases.jsonl.xz of a folder; returns their number. Failures are CHECKs.
size_t check_cases(const std::string& folder);
/// The same for truncation.jsonl.xz.
size_t check_truncation(const std::string& folder);

}  // namespace tern::test
