// SPDX-License-Identifier: Apache-2.0
// Pre-tokenizers that write a new text: ByteLevel and Metaspace; see pre_tokenizers.h.
#include <array>

#include "../unicode/byte_alphabet.h"
#include "pre_tokenizers.h"

namespace tern::text {

namespace {

/// A text that grows piece by piece, with the origins of its bytes.
class NewText {
 public:
  explicit NewText(const Normalized& source) : source_(source) {
    text_.reserve(source.text.size() + source.text.size() / 4 + 16);
    if (source.tracked) origin_.reserve(source.text.size());
  }
  size_t size() const { return text_.size(); }
  /// `content` stands for what source byte `at` stands for.
  void put(std::string_view content, size_t at) {
    text_ += content;
    if (source_.tracked) origin_.insert(origin_.end(), content.size(), source_.origin[at]);
  }
  void copy(size_t begin, size_t end) {
    text_.append(source_.text, begin, end - begin);
    if (!source_.tracked) return;
    const auto from = source_.origin.begin();
    origin_.insert(origin_.end(), from + static_cast<std::ptrdiff_t>(begin),
                   from + static_cast<std::ptrdiff_t>(end));
  }
  void move_to(Normalized& text) {
    text.text.swap(text_);
    text.origin.swap(origin_);
  }

 private:
  const Normalized& source_;
  std::string text_;
  std::vector<int32_t> origin_;
};

/// The character of each byte in the byte-level alphabet.
const std::array<std::string, 256>& byte_chars() {
  static const std::array<std::string, 256> all = [] {
    std::array<std::string, 256> table;
    for (size_t b = 0; b < table.size(); ++b) {
      append_char(table[b], character_of_byte(static_cast<uint8_t>(b)));
    }
    return table;
  }();
  return all;
}

void prefix_blanks(Normalized& text, std::vector<Piece>& pieces) {
  NewText out(text);
  for (Piece& piece : pieces) {
    const size_t begin = out.size();
    if (piece.begin < piece.end && text.text[piece.begin] != ' ') out.put(" ", piece.begin);
    out.copy(piece.begin, piece.end);
    piece = {begin, out.size()};
  }
  out.move_to(text);
}

void split_by(const Regex& regex, std::string_view text, std::vector<Piece>& pieces) {
  std::vector<Piece> out;
  std::vector<Regex::Match> matches;
  const auto deadline = Regex::deadline_for(text);
  for (const Piece& piece : pieces) {
    regex.find_all(text.substr(piece.begin, piece.end - piece.begin), deadline, matches);
    for (const Regex::Match& m : matches)
      out.push_back({piece.begin + m.begin, piece.begin + m.end});
  }
  pieces.swap(out);
}

}  // namespace

void ByteLevelPreTokenizer::split(Normalized& text, std::vector<Piece>& pieces) const {
  if (add_prefix_space) prefix_blanks(text, pieces);
  if (regex) split_by(*regex, text.text, pieces);
  const auto& chars = byte_chars();
  NewText out(text);
  for (Piece& piece : pieces) {
    const size_t begin = out.size();
    for (size_t i = piece.begin; i < piece.end; ++i) {
      out.put(chars[static_cast<unsigned char>(text.text[i])], i);
    }
    piece = {begin, out.size()};
  }
  out.move_to(text);
  std::erase_if(pieces, [](const Piece& p) { return p.begin == p.end; });
}

void MetaspacePreTokenizer::split(Normalized& text, std::vector<Piece>& pieces) const {
  NewText out(text);
  std::vector<Piece> cut_pieces;
  const std::string_view source = text.text;
  for (const Piece& piece : pieces) {
    if (piece.begin == piece.end) continue;
    const auto stands_at = [&](size_t i) {
      return source[i] == ' ' || source.substr(i, piece.end - i).starts_with(replacement);
    };
    const bool at_start = text.tracked
                              ? text.origin[piece.begin] == 0 || text.origin[piece.begin] == -1
                              : text.begins_original && piece.begin == 0;
    const bool wanted = scheme == Scheme::always || (scheme == Scheme::first && at_start);
    size_t begin = out.size();
    if (wanted && !stands_at(piece.begin)) out.put(replacement, piece.begin);
    for (size_t i = piece.begin; i < piece.end;) {
      const size_t length = utf8_length(source[i]);
      const bool mark = stands_at(i);
      if (mark && cuts && out.size() > begin) {
        cut_pieces.push_back({begin, out.size()});
        begin = out.size();
      }
      if (mark)
        out.put(replacement, i);
      else
        out.copy(i, i + length);
      i += length;
    }
    cut_pieces.push_back({begin, out.size()});
  }
  out.move_to(text);
  pieces.swap(cut_pieces);
}

}  // namespace tern::text
