// SPDX-License-Identifier: Apache-2.0
#include "cache_layout.h"

#include <algorithm>

#include "../engine/base/env.h"
#include "../engine/base/error.h"
#include "hash.h"
#include "repo.h"

namespace tern::hub {

namespace {

constexpr size_t kMaxPart = 255;   // what file systems allow
constexpr size_t kMaxIdPart = 96;  // what the hub allows
constexpr size_t kCommitDigits = 40;

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

const char* id_part_problem(std::string_view part) noexcept {
  if (part.empty()) return "a part of it is empty";
  if (part.size() > kMaxIdPart) return "a part of it is longer than 96 characters";
  const auto allowed = [](char c) { return is_word(c) || c == '-' || c == '.'; };
  if (!std::all_of(part.begin(), part.end(), allowed)) {
    return "only letters, digits, '-', '_' and '.' are allowed";
  }
  if (!is_word(part.front()) || !is_word(part.back()))
    return "a part begins or ends with '-' or '.'";
  return nullptr;
}

std::string with_home(std::string path) {
  if (path != "~" && !path.starts_with("~/")) return path;
  const auto home = env().variable("HOME");
  if (!home || home->empty()) {
    fail(ErrorCode::not_found, "neither HF_HUB_CACHE nor HOME is set: where is the hub cache?");
  }
  return *home + path.substr(1);
}

}  // namespace

const char* repo_id_problem(std::string_view id) noexcept {
  const size_t slash = id.find('/');
  if (slash != std::string_view::npos) {
    if (const char* problem = id_part_problem(id.substr(0, slash))) return problem;
  }
  const std::string_view name = slash == std::string_view::npos ? id : id.substr(slash + 1);
  if (name.find('/') != std::string_view::npos) return "there is more than one '/'";
  if (const char* problem = id_part_problem(name)) return problem;
  const bool doubled =
      id.find("--") != std::string_view::npos || id.find("..") != std::string_view::npos;
  if (doubled) return "'--' and '..' are not allowed";
  if (id.ends_with(".git")) return "it ends with '.git'";
  return nullptr;
}

std::string repo_folder_name(std::string_view id) {
  std::string name = "models--";
  for (const char c : id) {
    if (c == '/') {
      name += "--";
    } else {
      name += c;
    }
  }
  return name;
}

bool is_commit_hash(std::string_view text) noexcept {
  return text.size() == kCommitDigits && is_hash(text);
}

bool safe_relative_path(std::string_view path) noexcept {
  while (true) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == ".." || part.size() > kMaxPart) return false;
    for (const char c : part) {
      if (c == '\0' || c == '\\') return false;
    }
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

std::string hub_home() {
  const auto home = env().variable("HF_HOME");
  if (home && !home->empty()) return with_home(*home);
  const auto cache = env().variable("XDG_CACHE_HOME");
  if (cache && !cache->empty()) return with_home(*cache) + "/huggingface";
  return with_home("~/.cache/huggingface");
}

std::string hub_cache_dir() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    const auto value = env().variable(name);
    if (value && !value->empty()) return with_home(*value);
  }
  return hub_home() + "/hub";
}

}  // namespace tern::hub
