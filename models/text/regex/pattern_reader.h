// SPDX-License-Identifier: Apache-2.0
// PatternReader: recursive descent over Oniguruma's syntax, with a limit on depth; pattern.cpp
// reads groups and quantifiers, pattern_escape.cpp what follows a backslash, pattern_class.cpp
// brackets, pattern_reference.cpp back-references.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pattern.h"

namespace tern::text {

class PatternReader {
 public:
  /// The names of the groups "(…)" and "(?<name>…)" in the order in which they open; "" of the
  /// former.
  using Groups = std::vector<std::string>;

  PatternReader(std::string_view source, std::string_view what) : source_(source), what_(what) {}
  /// Keeps groups, which a first reading has found.
  PatternReader(std::string_view source, std::string_view what, const Groups& groups)
      : source_(source), what_(what), all_groups_(&groups) {}
  Pattern read();
  const Groups& groups() const { return groups_; }

 private:
  struct Options {
    bool ignore_case = false, dot_all = false, extended = false;
  };
  /// What one escape stands for: a character or a set.
  struct Escape {
    std::optional<CharSet> set;
    char32_t c = 0;
  };

  // pattern.cpp
  void read_alternatives();
  void read_item();
  void read_group();
  bool read_options(bool& whole_group);
  std::string read_group_name();
  void open_group(std::string name);
  void skip_ignored();
  bool read_quantifiers(size_t first_part);
  bool read_quantifier(std::string& out);
  bool read_interval(std::string& out);
  std::optional<long> read_count(size_t& at) const;

  void put(std::string_view text);
  void put(const CharSet& set);
  void put_literal(char32_t c);
  void put_folded_run();
  void put_set_ignoring_case(const CharSet& base, bool negated);
  void flush_run();
  void end_anchor();

  // pattern_escape.cpp
  void read_escape();
  bool read_special_escape(char kind);
  void put_word_boundary(bool negated);
  bool read_back_reference(char kind);
  void refer_to(size_t group);
  void refer_to(std::string_view name);
  void put_reference(size_t group);
  Escape read_char_escape(bool in_class);
  std::optional<CharSet> read_class_escape(char kind, bool in_class);
  CharSet read_property(bool negated);
  char32_t read_code(char kind);
  char32_t read_hex();
  char32_t read_raw_bytes(unsigned first);
  char32_t read_octal(size_t most_digits);
  char32_t read_control();

  // pattern_class.cpp
  void read_class();
  CharSet read_class_body();
  CharSet read_class_set(bool negated);
  void read_class_char(CharSet& set, bool& range_allowed);
  bool read_posix(CharSet& set);
  char32_t read_range_end();

  bool done() const { return at_ >= source_.size(); }
  bool next_is(std::string_view text) const { return source_.substr(at_).starts_with(text); }
  bool take(std::string_view text);
  char32_t take_char();
  void enter();
  void leave() { --depth_; }
  [[noreturn]] void malformed(std::string_view why) const;
  [[noreturn]] void unsupported(std::string_view construct) const;

  std::string_view source_, what_;
  size_t at_ = 0;
  int depth_ = 0, look_behind_ = 0;
  Options options_;
  std::u32string run_;  // literal characters in a row, under options_
  const Groups* all_groups_ = nullptr;
  Groups groups_;             // opened so far
  std::vector<bool> closed_;  // of these
  Pattern out_;
};

}  // namespace tern::text
