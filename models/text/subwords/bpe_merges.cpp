// SPDX-License-Identifier: Apache-2.0
// Resolving a BPE model, and its result by definition; see bpe_merges.h.
#include "bpe_merges.h"

#include <algorithm>
#include <queue>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"

namespace tern::text {

namespace {

[[noreturn]] void fail_merge(size_t index, std::string_view token) {
  fail(ErrorCode::corrupt,
       cat("BPE: merge ", index, ": the token '", token, "' is not in the vocabulary"));
}

}  // namespace

BpeMerges::BpeMerges(const Vocabulary& vocabulary, const BpeConfig& config)
    : vocabulary_(vocabulary),
      unk_token_(config.unk_token),
      prefix_(config.continuing_subword_prefix),
      suffix_(config.end_of_word_suffix),
      fuse_unk_(config.fuse_unk),
      byte_fallback_(config.byte_fallback) {
  if (unk_token_) unk_ = find(*unk_token_);
  for (int b = 0; b < 256; ++b) {
    bytes_[b] = byte_fallback_ ? find(byte_token(static_cast<uint8_t>(b))) : -1;
  }
  resolve(config);
  check_regular();
}

/// Finds the results of merges, which are mostly what the merge before has, or the token behind it.
class BpeMerges::Results {
 public:
  static constexpr size_t kMost = 24;
  explicit Results(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  /// Merge i of a block becomes left + right.
  void add(size_t i, std::string_view left, std::string_view right) {
    for (const size_t guess : {last_, last_ + 1}) {
      if (!is(guess, left, right)) continue;
      entries_[i] = static_cast<int32_t>(guess);
      last_ = guess;
      return;
    }
    names_[others_].assign(left).append(right);
    texts_[others_] = names_[others_];
    places_[others_++] = i;
  }
  /// By merge: the entry or -1. The next block begins.
  const int32_t* find() {
    int32_t found[kMost];
    vocabulary_.find_entries({texts_, others_}, found);
    for (size_t k = 0; k < others_; ++k) entries_[places_[k]] = found[k];
    if (others_ != 0 && found[others_ - 1] >= 0) last_ = static_cast<size_t>(found[others_ - 1]);
    others_ = 0;
    return entries_;
  }

 private:
  bool is(size_t entry, std::string_view left, std::string_view right) const {
    if (entry >= vocabulary_.size()) return false;
    const std::string_view text = vocabulary_.text(vocabulary_.entries()[entry]);
    return text.size() == left.size() + right.size() && text.starts_with(left) &&
           text.ends_with(right);
  }

  const Vocabulary& vocabulary_;
  std::string names_[kMost];
  std::string_view texts_[kMost];
  size_t places_[kMost], others_ = 0, last_ = 0;
  int32_t entries_[kMost];
};

/// Merges are looked up some at a time, so that memory can be asked for ahead of its use.
void BpeMerges::resolve(const BpeConfig& config) {
  constexpr size_t kAhead = Results::kMost;
  std::string_view names[2 * kAhead];
  int32_t parts[2 * kAhead];
  Results results(vocabulary_);
  list_.reserve(config.merges.size());
  pairs_.reserve(vocabulary_.size(), config.merges.size());
  for (size_t begin = 0; begin < config.merges.size(); begin += kAhead) {
    const size_t count = std::min(kAhead, config.merges.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      const auto& [left, right] = config.merges[begin + i];
      if (right.size() < prefix_.size()) fail_merge(begin + i, right);
      names[2 * i] = left, names[2 * i + 1] = right;
      results.add(i, left, right.substr(prefix_.size()));
    }
    vocabulary_.find_entries({names, 2 * count}, parts);
    const int32_t* const whole = results.find();
    for (size_t i = 0; i < count; ++i) {
      const auto& [left, right] = config.merges[begin + i];
      if (parts[2 * i] < 0) fail_merge(begin + i, left);
      if (parts[2 * i + 1] < 0) fail_merge(begin + i, right);
      if (whole[i] < 0) fail_merge(begin + i, cat(left, right.substr(prefix_.size())));
      const auto token = [this](int32_t entry) {
        return static_cast<uint32_t>(representative(static_cast<size_t>(entry)));
      };
      const Merge m{token(parts[2 * i]), token(parts[2 * i + 1]), token(whole[i]) & 0x7FFFFFFF, 0};
      list_.push_back(m);
      pairs_.prefetch(m.left, m.right);
    }
    for (size_t i = begin; i < begin + count; ++i) {
      const uint32_t before =
          pairs_.set(list_[i].left, list_[i].right, static_cast<uint32_t>(i + 1));
      if (before != PairTable::kNever) list_[before - 1].again = 1;
    }
  }
}

std::vector<bool> BpeMerges::stand_ins() const {
  std::vector<bool> stands(vocabulary_.size(), false);
  if (unk_ >= 0) stands[static_cast<size_t>(unk_)] = true;
  for (const int32_t b : bytes_) {
    if (b >= 0) stands[static_cast<size_t>(b)] = true;
  }
  return stands;
}

void BpeMerges::check_regular() {
  regular_ = vocabulary_.unique_ids();
  const std::vector<bool> stands = stand_ins();
  for (const Merge& m : list_) {
    if (stands[m.left] || stands[m.right]) regular_ = false;
  }
}

void BpeMerges::fail_unknown() const {
  fail(ErrorCode::invalid_argument,
       cat("Unk token `", *unk_token_, "` not found in the vocabulary"));
}

std::string_view BpeMerges::written(std::string_view character, bool first, bool last,
                                    std::string& scratch) const {
  if ((first || prefix_.empty()) && (!last || suffix_.empty())) return character;
  scratch.assign(first ? std::string_view() : std::string_view(prefix_)).append(character);
  if (last) scratch += suffix_;
  return scratch;
}

bool BpeMerges::has_bytes(std::string_view written) const noexcept {
  return byte_fallback_ && std::all_of(written.begin(), written.end(), [this](char c) {
           return bytes_[static_cast<uint8_t>(c)] >= 0;
         });
}

void BpeMerges::symbols_of(std::string_view piece, std::vector<Symbol>& out) const {
  std::string scratch;
  Unknowns unknowns;
  const auto emit = [&out](int32_t entry, uint32_t size) {
    const auto at = static_cast<int32_t>(out.size());
    out.push_back({static_cast<uint32_t>(entry), size, at - 1, at + 1});
  };
  for (size_t i = 0; i < piece.size();) {
    const size_t size = utf8_length(piece[i]);
    const std::string_view text =
        written(piece.substr(i, size), i == 0, i + size == piece.size(), scratch);
    const int32_t entry = find(text);
    if (entry >= 0) {
      unknowns.flush(*this, emit);
      emit(entry, static_cast<uint32_t>(size));
    } else {
      unknowns.add(*this, text, static_cast<uint32_t>(size), emit);
    }
    i += size;
  }
  unknowns.flush(*this, emit);
  if (!out.empty()) out.back().next = -1;
}

void BpeMerges::merge(std::vector<Symbol>& symbols) const {
  struct Waiting {
    uint32_t rank;
    int32_t at;
    uint32_t result;
    bool operator<(const Waiting& other) const {  // the queue's top is the largest
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };
  std::vector<Waiting> storage;
  storage.reserve(symbols.size());
  std::priority_queue<Waiting> queue({}, std::move(storage));
  const auto offer = [&](int32_t at) {
    const Symbol& s = symbols[static_cast<size_t>(at)];
    if (s.next < 0) return;
    const uint32_t rank = pairs_.rank(s.token, symbols[static_cast<size_t>(s.next)].token);
    if (rank != PairTable::kNever) queue.push({rank, at, list_[rank - 1].result});
  };
  for (size_t i = 0; i + 1 < symbols.size(); ++i) offer(static_cast<int32_t>(i));
  while (!queue.empty()) {
    const Waiting top = queue.top();
    queue.pop();
    Symbol& left = symbols[static_cast<size_t>(top.at)];
    if (left.size == 0 || left.next < 0) continue;
    Symbol& right = symbols[static_cast<size_t>(left.next)];
    // An offer holds as long as the pair here, whatever it is by now, has the same result.
    const uint32_t now = pairs_.rank(left.token, right.token);
    if (now == PairTable::kNever || list_[now - 1].result != top.result) continue;
    left = {top.result, left.size + right.size, left.previous, right.next};
    right.size = 0;
    if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = top.at;
    if (left.previous >= 0) offer(left.previous);
    offer(top.at);
  }
}

void BpeMerges::by_queue(std::string_view piece, ModelTokens& out) const {
  std::vector<Symbol> symbols;
  symbols.reserve(piece.size());
  symbols_of(piece, symbols);
  merge(symbols);
  uint32_t at = 0;
  for (const Symbol& s : symbols) {
    if (s.size == 0) continue;
    out.push_back({static_cast<int32_t>(s.token), at, at + s.size});
    at += s.size;
  }
}

std::vector<uint32_t> BpeMerges::by_queue(const std::vector<uint32_t>& tokens) const {
  std::vector<Symbol> symbols;
  for (const uint32_t token : tokens) {
    const auto at = static_cast<int32_t>(symbols.size());
    symbols.push_back({token, 1, at - 1, at + 1});
  }
  if (!symbols.empty()) symbols.back().next = -1;
  merge(symbols);
  std::vector<uint32_t> out;
  for (const Symbol& s : symbols) {
    if (s.size != 0) out.push_back(s.token);
  }
  return out;
}

}  // namespace tern::text
