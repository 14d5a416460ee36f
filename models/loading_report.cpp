// SPDX-License-Identifier: Apache-2.0
// The words of a loading report: one line per key, then what the three kinds mean.
#include <algorithm>

#include "../engine/base/format.h"
#include "key_names.h"
#include "weights.h"

namespace tern {

namespace {

constexpr size_t kMostLines = 200;    // of each kind
constexpr size_t kMostMatched = 100;  // missing keys for which a near name is sought

void add_line(std::string& out, std::string_view status, std::string_view key,
              std::string_view note) {
  out += cat("  ", status, "  ", printable_name(key));
  if (!note.empty()) out += cat("  (", note, ")");
  out += '\n';
}

void add_rest(std::string& out, size_t count) {
  if (count > kMostLines) out += cat("  … and ", count - kMostLines, " more\n");
}

void add_missing(std::string& out, const LoadingReport& report) {
  const auto& keys = report.missing_keys;
  for (size_t i = 0; i < std::min(keys.size(), kMostLines); ++i) {
    const std::string_view near =
        i < kMostMatched ? nearest_name(keys[i], report.unexpected_keys) : std::string_view();
    add_line(out, "MISSING   ", keys[i],
             near.empty() ? std::string() : cat("the file has '", printable_name(near), "'"));
  }
  add_rest(out, keys.size());
}

void add_unexpected(std::string& out, const LoadingReport& report) {
  const auto& keys = report.unexpected_keys;
  for (size_t i = 0; i < std::min(keys.size(), kMostLines); ++i)
    add_line(out, "UNEXPECTED", keys[i], "");
  add_rest(out, keys.size());
}

void add_mismatched(std::string& out, const LoadingReport& report) {
  const auto& keys = report.mismatched_keys;
  for (size_t i = 0; i < std::min(keys.size(), kMostLines); ++i) {
    add_line(out, "MISMATCHED", keys[i].name,
             cat(keys[i].found, " in the file, ", keys[i].expected, " in the model"));
  }
  add_rest(out, keys.size());
}

}  // namespace

std::string LoadingReport::text(std::string_view model, std::string_view repo) const {
  if (clean()) return {};
  std::string out = cat(model, ": loading report for ", repo, "\n");
  add_missing(out, *this);
  add_mismatched(out, *this);
  add_unexpected(out, *this);
  if (!missing_keys.empty() || !mismatched_keys.empty()) {
    out +=
        "MISSING and MISMATCHED tensors were initialised randomly: what depends on them means "
        "nothing "
        "until the model is trained on a task.\n";
  }
  if (!unexpected_keys.empty()) {
    out +=
        "UNEXPECTED tensors are in the file but not in this class: normal for a checkpoint of "
        "another "
        "task, otherwise a sign that names differ.\n";
  }
  return out;
}

}  // namespace tern
