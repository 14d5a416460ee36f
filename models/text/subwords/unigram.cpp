// SPDX-License-Identifier: Apache-2.0
// Viterbi over the pieces that begin at each character; see unigram.h.
#include "unigram.h"

#include <algorithm>
#include <limits>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"

namespace tern::text {

namespace {

constexpr size_t kNowhere = std::numeric_limits<size_t>::max();
/// How much worse than the worst piece an unknown character is.
constexpr double kUnknownPenalty = 10;

}  // namespace

/// The best ways to the places of a text behind `base`, which all ways pass. The base moves on to
/// the next such place, mostly the end of a word, so that the lattice stays small. Where it cannot
/// ("aaaa…" with pieces of several a), places that have been passed keep a way without its score.
struct Unigram::Lattice {
  struct Way {
    int32_t id;       // of the last piece, or kUnreached
    uint32_t length;  // of the last piece, bytes
  };
  struct Best {
    double score;
    Way way;
  };
  static constexpr int32_t kUnreached = -1;
  static constexpr size_t kLarge = 4096;

  std::vector<Way> passed;                            // passed[i]: the text's base + i
  std::vector<Best> places = std::vector<Best>(256);  // places[i]: the text's first + i
  size_t base = 0, first = 0, reach = 0;
  size_t unknown_from = kNowhere;  // unknown characters that wait for more to fuse with
  size_t large = kLarge;           // places at which to look for a new base
  std::vector<uint32_t> path;      // ends of pieces, from base
  std::vector<bool> alive;

  void start() {
    passed.clear();
    base = first = reach = 0;
    unknown_from = kNowhere;
    large = kLarge;
    places[0] = {0, {0, 0}};
  }
  const Way& way(size_t at) const {
    return at < first ? passed[at - base] : places[at - first].way;
  }
  /// Of equal sums the first one found, the longest last piece, counts.
  bool better(size_t end, double score) {
    if (end > reach) {
      if (end - first >= places.size()) {
        places.resize(std::max(end - first + 1, places.size() * 2));
      }
      for (size_t i = reach + 1; i <= end; ++i) places[i - first].way.id = kUnreached;
      reach = end;
    }
    const Best& now = places[end - first];
    return now.way.id == kUnreached || score > now.score;
  }
  /// The last place that all best ways to `at` and what is reached behind it pass.
  size_t common(size_t at) {
    alive.assign(reach - base + 1, false);
    size_t ways = 0;
    for (size_t i = at; i <= reach; ++i) {
      alive[i - base] = places[i - first].way.id != kUnreached;
      ways += alive[i - base];
    }
    size_t i = reach - base;
    for (; i > 0; --i) {
      if (!alive[i]) continue;
      if (ways == 1) break;
      const size_t before = i - way(base + i).length;
      ways -= alive[before];
      alive[before] = true;
    }
    return base + i;
  }
  /// Places before `at` need no score any more.
  void pass(size_t at) {
    for (size_t i = first; i < at; ++i) passed.push_back(places[i - first].way);
    move_first(at);
  }
  void move_base(size_t to) {
    if (to < first) {
      passed.erase(passed.begin(), passed.begin() + static_cast<ptrdiff_t>(to - base));
    } else {
      passed.clear();
      move_first(to);
    }
    base = to;
  }
  void move_first(size_t to) {
    const size_t by = to - first;
    // Mostly one place, for which a call of memmove is dear.
    if (to == reach) {
      places[0] = places[by];
    } else {
      std::copy(places.begin() + static_cast<ptrdiff_t>(by),
                places.begin() + static_cast<ptrdiff_t>(reach - first + 1), places.begin());
    }
    first = to;
  }
};

Unigram::Unigram(const UnigramConfig& config) : byte_fallback_(config.byte_fallback) {
  if (config.pieces.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max() / 64)) {
    fail(ErrorCode::unsupported, cat("Unigram: ", config.pieces.size(), " pieces"));
  }
  const auto count = static_cast<int64_t>(config.pieces.size());
  if (config.unk_id && (*config.unk_id < 0 || *config.unk_id >= count)) {
    fail(ErrorCode::corrupt,
         cat("Unigram: unk_id is ", *config.unk_id, ", but there are ", count, " pieces"));
  }
  unk_ = static_cast<int32_t>(config.unk_id.value_or(-1));
  double worst = std::numeric_limits<double>::infinity();
  size_t bytes = 0;
  for (const auto& [text, score] : config.pieces) {
    worst = std::min(worst, score);
    bytes += text.size();
  }
  unk_score_ = worst - kUnknownPenalty;
  vocabulary.reserve(config.pieces.size(), bytes);
  vocabulary.set_listed(config.pieces.size());
  std::vector<DoubleArray::Key> keys;
  keys.reserve(config.pieces.size());
  for (const auto& [text, score] : config.pieces) {
    const auto id = static_cast<int32_t>(pieces_.size());
    pieces_.push_back({score, id});
    vocabulary.add(text, id);
    if (!text.empty()) keys.push_back({text, static_cast<uint32_t>(id)});
  }
  vocabulary.finish();
  trie_.build(keys);
  for (int b = 0; b < 256; ++b) {
    bytes_[b] = byte_fallback_ ? vocabulary.find(byte_token(static_cast<uint8_t>(b))) : -1;
  }
}

std::string_view Unigram::shown(const ModelToken& token, std::string_view piece) const {
  if (token.id == unk_) return piece.substr(token.begin, token.end - token.begin);
  return TextModel::shown(token, piece);
}

/// Offers all pieces that begin at `at`, which has been reached.
void Unigram::extend(std::string_view text, size_t at, Lattice& lattice) const {
  const double score = lattice.places[at - lattice.first].score;
  const size_t next = at + utf8_length(text[at]);
  bool covered = false;
  DoubleArray::Node node = trie_.root();
  for (size_t i = at; i < text.size() && trie_.step(node, text[i]);) {
    ++i;
    const uint32_t piece = DoubleArray::value(node);
    if (piece == DoubleArray::kNone) continue;
    covered = covered || i == next;
    const double sum = pieces_[piece].score + score;
    if (lattice.better(i, sum)) {
      lattice.places[i - lattice.first] = {sum, {pieces_[piece].id, static_cast<uint32_t>(i - at)}};
    }
  }
  if (covered) return;
  const double sum = unk_score_ + score;
  if (!lattice.better(next, sum)) return;
  if (unk_ < 0) {
    fail(ErrorCode::invalid_argument, "Encountered an unknown token but `unk_id` is missing");
  }
  lattice.places[next - lattice.first] = {sum, {unk_, static_cast<uint32_t>(next - at)}};
}

void Unigram::emit_unknown(std::string_view text, size_t begin, size_t end,
                           ModelTokens& out) const {
  const std::string_view fused = text.substr(begin, end - begin);
  const auto b = static_cast<uint32_t>(begin), e = static_cast<uint32_t>(end);
  const uint32_t piece = trie_.find(fused);
  if (piece != DoubleArray::kNone) return out.push_back({pieces_[piece].id, b, e});
  const auto exists = [this](char c) { return bytes_[static_cast<uint8_t>(c)] >= 0; };
  if (!byte_fallback_ || !std::all_of(fused.begin(), fused.end(), exists)) {
    return out.push_back({unk_, b, e});
  }
  for (const char c : fused) out.push_back({bytes_[static_cast<uint8_t>(c)], b, e});
}

/// Emits the best way to `end`, which all ways pass, and makes it the base.
void Unigram::emit(std::string_view text, size_t end, Lattice& lattice, ModelTokens& out) const {
  lattice.path.clear();
  for (size_t at = end; at > lattice.base; at -= lattice.way(at).length) {
    lattice.path.push_back(static_cast<uint32_t>(at - lattice.base));
  }
  size_t begin = lattice.base;
  for (size_t k = lattice.path.size(); k-- > 0;) {
    const size_t stop = lattice.base + lattice.path[k];
    const int32_t id = lattice.way(stop).id;
    if (id == unk_) {
      if (lattice.unknown_from == kNowhere) lattice.unknown_from = begin;
    } else {
      if (lattice.unknown_from != kNowhere) emit_unknown(text, lattice.unknown_from, begin, out);
      lattice.unknown_from = kNowhere;
      out.push_back({id, static_cast<uint32_t>(begin), static_cast<uint32_t>(stop)});
    }
    begin = stop;
  }
  lattice.move_base(end);
}

void Unigram::tokenize(std::string_view piece, ModelTokens& out) const {
  thread_local Lattice lattice;
  lattice.start();
  for (size_t at = 0; at < piece.size();) {
    extend(piece, at, lattice);
    at += utf8_length(piece[at]);
    if (at == lattice.reach) {
      emit(piece, at, lattice, out);
    } else if (at - lattice.first >= Lattice::kLarge) {
      if (at - lattice.base >= lattice.large) {
        const size_t base = lattice.common(at);
        if (base > lattice.base) emit(piece, base, lattice, out);
        lattice.large = std::max(Lattice::kLarge, 2 * (at - lattice.base));
      }
      lattice.pass(at);
    }
  }
  if (lattice.unknown_from != kNowhere) {
    emit_unknown(piece, lattice.unknown_from, piece.size(), out);
  }
  constexpr size_t kKept = 1 << 16;
  if (std::max(lattice.places.size(), lattice.passed.capacity()) > kKept) lattice = Lattice();
}

}  // namespace tern::text
