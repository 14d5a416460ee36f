// SPDX-License-Identifier: Apache-2.0
#include "http_exchange.h"

#include <algorithm>

namespace tern::hub {

namespace {

constexpr uint64_t kSlowBytes = 1024;  // per second
constexpr int kSlowFactor = 3;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) + 1 - first);
}

}  // namespace

const std::string* HttpHead::find(std::string_view name) const noexcept {
  for (auto it = headers.rbegin(); it != headers.rend(); ++it) {
    if (it->first == name) return &it->second;
  }
  return nullptr;
}

void HttpExchange::header(std::string_view line) {
  if (line.starts_with("HTTP/")) {  // the answer, or the one after "100 Continue" or a proxy's
    head = {};
    const size_t space = line.find(' ');
    const std::string_view code = line.substr(std::min(space, line.size() - 1) + 1, 3);
    for (const char c : code) head.status = c >= '0' && c <= '9' ? head.status * 10 + (c - '0') : 0;
    return;
  }
  const size_t colon = line.find(':');
  if (colon == line.npos) return;
  std::string name(trimmed(line.substr(0, colon)));
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  head.headers.emplace_back(std::move(name), trimmed(line.substr(colon + 1)));
}

bool HttpExchange::give_head() {
  if (!head_given) {
    head_given = true;
    if (!receiver.head(head)) stopped = true;
  }
  return !stopped;
}

bool HttpExchange::body(Bytes bytes) {
  received += bytes.size();
  const auto came = env().now();
  if (!give_head()) return false;
  if (!receiver.body(bytes)) stopped = true;
  heard = env().now();
  window += heard - came;  // a slow disk is not the server's silence
  return !stopped;
}

bool HttpExchange::alive() {
  if (!receiver.wanted()) {
    stopped = true;
    return false;
  }
  const auto now = env().now();
  const auto slow_after = std::chrono::seconds(idle_seconds * kSlowFactor);
  stalled = now - heard > std::chrono::seconds(idle_seconds);
  if (now - window > slow_after) {
    const auto least = kSlowBytes * static_cast<uint64_t>(idle_seconds * kSlowFactor);
    stalled = stalled || (received > 0 && received - window_received < least);
    window = now;
    window_received = received;
  }
  return !stalled;
}

}  // namespace tern::hub
