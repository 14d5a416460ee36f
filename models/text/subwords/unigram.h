// SPDX-License-Identifier: Apache-2.0
// Unigram: the sequence of pieces with the best sum of scores (Kudo 2018; tokenizers'
// models/unigram). At each place of a text the pieces that begin there are walked: linear in the
// text, by a factor that grows with the longest piece a text can begin again and again.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "double_array.h"
#include "text_model.h"

namespace tern::text {

struct UnigramConfig {
  /// Pieces and scores; the place is the id. Of equal pieces the last one counts.
  std::vector<std::pair<std::string, double>> pieces;
  /// The piece for what no piece covers. Without one such a text is an error.
  std::optional<int64_t> unk_id = {};
  bool byte_fallback = false;  // what no piece covers becomes <0x00> … <0xFF>, if all exist
};

class Unigram final : public TextModel {
 public:
  /// corrupt: an unk_id that is no piece.
  explicit Unigram(const UnigramConfig& config);
  void tokenize(std::string_view piece, ModelTokens& out) const override;
  /// The reference shows the text of an unknown token, not "<unk>".
  std::string_view shown(const ModelToken& token, std::string_view piece) const override;

 private:
  struct Piece {
    double score;
    int32_t id;
  };
  struct Lattice;
  void extend(std::string_view text, size_t at, Lattice& lattice) const;
  void emit(std::string_view text, size_t end, Lattice& lattice, ModelTokens& out) const;
  void emit_unknown(std::string_view text, size_t begin, size_t end, ModelTokens& out) const;

  DoubleArray trie_;  // -> index in pieces_
  std::vector<Piece> pieces_;
  double unk_score_;
  int32_t unk_;  // -1: none
  bool byte_fallback_;
  int32_t bytes_[256];
};

}  // namespace tern::text
