// SPDX-License-Identifier: Apache-2.0
// New texts made of recorded ones, so that the reference's answers to those tell the answer: parts
// joined where every vocabulary here has a border between words (before a blank between two ASCII
// letters), and whole texts around a special token.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>
#include <unordered_set>

#include "../../../engine/base/format.h"
#include "../../../models/text/pipeline.h"
#include "../../../models/text/unicode/utf8.h"
#include "../../needs.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;
using hub::Json;

namespace {

using Offset = std::pair<int32_t, int32_t>;

/// Bytes, characters and tokens before a place of a recorded text.
struct Place {
  size_t byte, token;
  int32_t character;
};

/// Without special tokens.
struct Record {
  std::string text;
  std::vector<int64_t> ids;
  std::vector<Offset> offsets;
  std::vector<Place> cuts;  // the first one is the beginning, the last one the end
};

bool is_letter(char c) {
  return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

class Splicer {
 public:
  explicit Splicer(const std::string& folder, uint32_t seed) : random_(seed) {
    const std::string json = read_maybe_xz(folder + "/tokenizer.json");
    prepends_once_ = json.find("\"first\"") != std::string::npos;
    pipeline_ = Tokenizer::Pipeline::parse(json, folder);
    pipeline_->finish();
    find_joining();
    for (const text::AddedToken& t : pipeline_->added.tokens()) {
      added_.insert(t.content);
      sizes_.insert(t.content.size());
    }
    for (const std::string& line : lines(read_maybe_xz(folder + "/cases.jsonl"))) {
      const Json recorded = Json::parse(line, "case");
      if (!recorded.contains("pair") && !recorded.contains("error")) add(recorded);
    }
  }

  /// A text of parts of recorded ones, with what the reference gives for it.
  Record parts() {
    Record out;
    const Record* from = &whole();
    size_t first = 0;
    for (size_t left = below(5); left > 0 && from->cuts.size() > 2; --left) {
      const size_t last = first + 1 + below(from->cuts.size() - 1 - first);
      if (last + 1 == from->cuts.size()) break;
      append(out, *from, from->cuts[first], from->cuts[last]);
      do from = &whole();
      while (from->cuts.size() < 3);
      first = 1 + below(from->cuts.size() - 2);
    }
    append(out, *from, from->cuts[first], from->cuts.back());
    return out;
  }

  /// Recorded texts around special tokens; empty when there is none that the reference cuts out
  /// regardless of what is beside it.
  Record around_specials() {
    std::vector<const text::AddedToken*> specials;
    for (const text::AddedToken& t : pipeline_->added.tokens()) {
      const bool plain = t.special && !t.normalized && !t.lstrip && !t.rstrip && !t.single_word;
      if (plain && std::ispunct(t.content.front()) && std::ispunct(t.content.back())) {
        specials.push_back(&t);
      }
    }
    Record out;
    if (specials.empty() || prepends_once_) return out;
    for (size_t left = 1 + below(4); left > 0; --left) {
      const Record& next = whole();
      append(out, next, next.cuts.front(), next.cuts.back());
      const text::AddedToken& special = *specials[below(specials.size())];
      const auto at = static_cast<int32_t>(text::count_chars(out.text));
      const auto size = static_cast<int32_t>(text::count_chars(special.content));
      out.cuts.push_back({out.text.size(), 0, 0});
      out.text += special.content;
      out.cuts.push_back({out.text.size(), 0, 0});
      out.ids.push_back(special.id);
      out.offsets.emplace_back(at, at + size);
    }
    return out;
  }

  /// Whether an added token would be found across a place where parts were joined.
  bool crossed(const Record& r) const {
    for (const Place& cut : r.cuts) {
      for (const size_t size : sizes_) {
        for (size_t from = cut.byte - std::min(cut.byte, size - 1); from < cut.byte; ++from) {
          if (added_.contains(std::string_view(r.text).substr(from, size))) return true;
        }
      }
    }
    return false;
  }

  /// Whether a blank counts as part of the first token, and of no other: the post-processor's
  /// add_prefix_space.
  bool keeps_first_blank() const {
    const auto& trims = pipeline_->post_processor.trims;
    return std::find(trims.begin(), trims.end(), true) != trims.end();
  }

  /// Whether some added token takes the blanks beside it: then a cut is no border.
  bool strips() const {
    const auto& added = pipeline_->added.tokens();
    return std::any_of(added.begin(), added.end(),
                       [](const text::AddedToken& t) { return t.lstrip || t.rstrip; });
  }

  Tokenizer tokenizer() const { return Tokenizer(pipeline_); }
  size_t cuts() const {
    size_t out = 0;
    for (const Record& r : records_) out += r.cuts.size() - 2;
    return out;
  }

 private:
  size_t below(size_t n) { return random_() % n; }
  const Record& whole() { return records_[below(records_.size())]; }

  /// Letters that some token joins with a blank behind them: where a model sees whole texts, there
  /// is no border.
  void find_joining() {
    for (const auto& entry : pipeline_->model->vocabulary.entries()) {
      const std::string_view token = pipeline_->model->vocabulary.text(entry);
      for (const std::string_view blank : {" ", "\u2581", "Ġ"}) {
        for (size_t at = 0; (at = token.find(blank, at + 1)) != token.npos;) {
          joining_[static_cast<unsigned char>(token[at - 1])] = true;
        }
      }
    }
  }

  /// The special tokens that the template puts before a text.
  size_t before() const {
    size_t out = 0;
    if (pipeline_->post_processor.single) {
      for (const text::TemplatePiece& piece : *pipeline_->post_processor.single) {
        if (piece.sequence >= 0) break;
        out += piece.ids.size();
      }
    }
    return out;
  }

  void add(const Json& json) {
    Record r;
    r.text = *json["text"].string();
    for (const Json& id : json["ids_plain"].elements()) r.ids.push_back(*id.integer());
    const auto& offsets = json["offsets"].elements();
    for (size_t i = 0; i < r.ids.size(); ++i) {
      const auto& both = offsets[before() + i].elements();
      r.offsets.emplace_back(*both[0].integer(), *both[1].integer());
    }
    find_cuts(r);
    records_.push_back(std::move(r));
  }

  void find_cuts(Record& r) const {
    int32_t character = 0;
    size_t token = 0;
    r.cuts.push_back({0, 0, 0});
    for (size_t i = 0; i < r.text.size(); ++character) {
      while (token < r.offsets.size() && r.offsets[token].second <= character) ++token;
      const bool border = i > 0 && r.text[i] == ' ' && i + 1 < r.text.size() &&
                          is_letter(r.text[i - 1]) && is_letter(r.text[i + 1]) &&
                          !joining_[static_cast<unsigned char>(r.text[i - 1])];
      if (border) r.cuts.push_back({i, token, character});
      text::next_char(r.text, i);
    }
    r.cuts.push_back({r.text.size(), r.ids.size(), character});
  }

  static void append(Record& out, const Record& from, const Place& first, const Place& last) {
    const auto shift = static_cast<int32_t>(text::count_chars(out.text)) - first.character;
    out.cuts.push_back({out.text.size(), 0, 0});
    out.text.append(from.text, first.byte, last.byte - first.byte);
    for (size_t i = first.token; i < last.token; ++i) {
      out.ids.push_back(from.ids[i]);
      out.offsets.emplace_back(from.offsets[i].first + shift, from.offsets[i].second + shift);
    }
  }

  std::shared_ptr<Tokenizer::Pipeline> pipeline_;
  std::mt19937 random_;
  std::vector<Record> records_;
  std::unordered_set<std::string_view> added_;  // contents
  std::set<size_t> sizes_;                      // of these
  bool prepends_once_ = false;                  // the first part of a text is not as the others are
  bool joining_[256] = {};
};

/// Where a normalizer knows characters only by what they became, their places depend on more than
/// the word they are in.
bool has_charsmap(const std::string& folder) {
  return read_maybe_xz(folder + "/tokenizer.json").find("\"Precompiled\"") != std::string::npos;
}

void check(const Tokenizer& tokenizer, const Record& expected, bool offsets) {
  CAPTURE(expected.text);
  std::vector<int64_t> ids;
  tokenizer.encode_ids(expected.text, {.add_special_tokens = false}, ids);
  REQUIRE(ids == expected.ids);
  const Encoding found =
      tokenizer.encode(expected.text, {.add_special_tokens = false, .want_offsets = true});
  REQUIRE(found.ids == expected.ids);
  if (offsets) REQUIRE(found.offsets == expected.offsets);
}

}  // namespace

TEST_CASE(
    "recorded texts cut between words and joined anew have the ids and offsets of their parts" *
    NeedsRegex()) {
  for (const std::string& folder : tokenizer_folders()) {
    CAPTURE(folder);
    Splicer splicer(folder, 5);
    if (splicer.strips()) continue;
    CHECK(splicer.cuts() > 500);
    const Tokenizer tokenizer = splicer.tokenizer();
    const bool offsets = !has_charsmap(folder);
    for (int round = 0; round < 3000; ++round) {
      const Record expected = splicer.parts();
      if (!splicer.crossed(expected)) check(tokenizer, expected, offsets);
    }
  }
}

TEST_CASE("recorded texts around special tokens have the ids and offsets they have alone" *
          NeedsRegex()) {
  for (const std::string& folder : tokenizer_folders()) {
    CAPTURE(folder);
    Splicer splicer(folder, 6);
    const Tokenizer tokenizer = splicer.tokenizer();
    const bool offsets = !has_charsmap(folder) && !splicer.keeps_first_blank();
    for (int round = 0; round < 500; ++round) {
      const Record expected = splicer.around_specials();
      if (!splicer.crossed(expected)) check(tokenizer, expected, offsets);
    }
  }
}
