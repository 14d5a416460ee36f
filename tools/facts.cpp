// SPDX-License-Identifier: Apache-2.0
#include "facts.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "../engine/base/format.h"
#include "display.h"

namespace tern::cli {

using hub::Json;

Json json_of(std::string_view text) {
  return Json::make(text);
}
Json json_of(int64_t number) {
  return Json::make(number);
}
Json json_of(uint64_t number) {
  return Json::make(static_cast<int64_t>(number));
}
Json json_of(const std::vector<std::string>& words) {
  std::vector<Json> elements;
  for (const std::string& word : words) elements.push_back(json_of(std::string_view(word)));
  return Json::array(std::move(elements));
}

std::string grouped(int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

void Facts::text(std::string label, std::string key, std::string value) {
  Json json = json_of(std::string_view(value));
  facts_.push_back({std::move(label), std::move(key), std::move(json), std::move(value)});
}
void Facts::number(std::string label, std::string key, int64_t value) {
  facts_.push_back({std::move(label), std::move(key), json_of(value), grouped(value)});
}
void Facts::size(std::string label, std::string key, uint64_t bytes) {
  facts_.push_back({std::move(label), std::move(key), json_of(bytes), size_text(bytes)});
}
void Facts::words(std::string label, std::string key, const std::vector<std::string>& values) {
  std::string joined;
  for (const std::string& word : values) joined += cat(joined.empty() ? "" : ", ", word);
  facts_.push_back({std::move(label), std::move(key), json_of(values), std::move(joined)});
}
void Facts::hidden(std::string key, Json value) {
  facts_.push_back({"", std::move(key), std::move(value), ""});
}
void Facts::note(std::string label, std::string text) {
  facts_.push_back({std::move(label), "", Json(), std::move(text)});
}

void Facts::print() const {
  size_t width = 0;
  for (const Fact& fact : facts_) width = std::max(width, fact.label.size());
  std::string out;
  for (const Fact& fact : facts_) {
    if (fact.label.empty()) continue;
    out += cat(fact.label, std::string(width + 2 - fact.label.size(), ' '), printable(fact.text),
               "\n");
  }
  std::fputs(out.c_str(), stdout);
}

void Facts::print_json() const {
  std::vector<Json::NewMember> members;
  for (const Fact& fact : facts_) {
    if (!fact.key.empty()) members.emplace_back(fact.key, fact.value);
  }
  std::puts(Json::object(std::move(members)).dump().c_str());
}

}  // namespace tern::cli
