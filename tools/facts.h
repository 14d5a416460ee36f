// SPDX-License-Identifier: Apache-2.0
// Facts: an answer of labelled values, as lines for people or one JSON object for programs. Used by
// info and verify.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../hub/formats/json.h"

namespace tern::cli {

hub::Json json_of(std::string_view text);
hub::Json json_of(int64_t number);
hub::Json json_of(uint64_t number);
hub::Json json_of(const std::vector<std::string>& words);

/// "22,713,216"
std::string grouped(int64_t number);

class Facts {
 public:
  void text(std::string label, std::string key, std::string value);
  void number(std::string label, std::string key, int64_t value);
  void size(std::string label, std::string key, uint64_t bytes);
  void words(std::string label, std::string key, const std::vector<std::string>& values);
  /// For programs only, and for people only.
  void hidden(std::string key, hub::Json value);
  void note(std::string label, std::string text);

  void print() const;
  void print_json() const;

 private:
  /// A label for people, a key and a value for programs.
  struct Fact {
    std::string label, key;
    hub::Json value;
    std::string text;  // for people
  };
  std::vector<Fact> facts_;
};

}  // namespace tern::cli
