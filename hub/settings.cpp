// SPDX-License-Identifier: Apache-2.0
#include "settings.h"

#include <algorithm>
#include <charconv>

#include "../engine/base/env.h"
#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "cache_layout.h"
#include "formats/safetensors_header.h"

namespace tern::hub {

namespace {

constexpr uint64_t kMostToken = 4096;
constexpr int kMostSeconds = 3600;

std::string variable(const char* name) {
  return env().variable(name).value_or("");
}

bool is_true(const char* name) {
  std::string value = variable(name);
  for (char& c : value) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return value == "1" || value == "ON" || value == "YES" || value == "TRUE";
}

int seconds(const char* name, int otherwise) {
  const std::string text = variable(name);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && value > 0 ? std::min(value, kMostSeconds) : otherwise;
}

std::string without_blanks(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c != '\r' && c != '\n') out += c;
  }
  const size_t first = out.find_first_not_of(" \t");
  if (first == out.npos) return {};
  return out.substr(first, out.find_last_not_of(" \t") + 1 - first);
}

std::string token_file() {
  const std::string path = variable("HF_TOKEN_PATH");
  return path.empty() ? hub_home() + "/token" : path;
}

std::string token_of_environment() {
  if (is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return {};
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    std::string token = without_blanks(variable(name));
    if (!token.empty()) return token;
  }
  try {
    const std::string path = token_file();
    return env().stat(path).exists ? without_blanks(env().read_file(path, kMostToken)) : "";
  } catch (const Error& error) {
    if (error.code() == ErrorCode::not_found) return {};  // no HOME: no file
    throw;
  }
}

bool fits_in_header(const std::string& token) {
  return std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 127; });
}

}  // namespace

bool hub_offline() {
  return is_true("HF_HUB_OFFLINE") || is_true("TRANSFORMERS_OFFLINE");
}

HubSettings HubSettings::read(const std::string& token) {
  HubSettings settings;
  const std::string endpoint = variable("HF_ENDPOINT");
  if (!endpoint.empty()) settings.endpoint = endpoint;
  while (settings.endpoint.ends_with('/')) settings.endpoint.pop_back();
  const bool web =
      settings.endpoint.starts_with("https://") || settings.endpoint.starts_with("http://");
  if (!web || settings.endpoint.find_first_of(" \r\n?#@") != std::string::npos) {
    fail(ErrorCode::invalid_argument, cat("HF_ENDPOINT is ", shown_name(endpoint),
                                          "; expected something like https://huggingface.co"));
  }
  settings.token = token.empty() ? token_of_environment() : without_blanks(token);
  if (!fits_in_header(settings.token)) {
    fail(ErrorCode::invalid_argument,
         "the access token (option token, HF_TOKEN or the token file) has characters that no token "
         "has: copy it again from https://huggingface.co/settings/tokens");
  }
  settings.symlinks = !is_true("HF_HUB_DISABLE_SYMLINKS");
  settings.etag_seconds = seconds("HF_HUB_ETAG_TIMEOUT", settings.etag_seconds);
  settings.download_seconds = seconds("HF_HUB_DOWNLOAD_TIMEOUT", settings.download_seconds);
  return settings;
}

}  // namespace tern::hub
