// SPDX-License-Identifier: Apache-2.0
// Reading protocol buffers: a message is fields, each a varint of number << 3 | wire type and a
// value. Unknown fields are skipped; of one that comes twice the last counts; messages merge.
#include "sentencepiece.h"

#include <cmath>
#include <cstring>

#include "../../../engine/base/bytes.h"
#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"

namespace tern::text {

namespace {

struct Field {
  uint64_t number = 0;
  int wire = 0;
  uint64_t value = 0;     // varint or fixed
  std::string_view text;  // length-delimited
};

class Message {
 public:
  Message(std::string_view bytes, size_t base, std::string_view what)
      : reader_(as_bytes(bytes)), base_(base), what_(what) {}

  /// False at the end.
  bool next(Field& field) {
    if (reader_.remaining() == 0) return false;
    const uint64_t tag = varint();
    field.number = tag >> 3;
    field.wire = static_cast<int>(tag & 7);
    if (field.number == 0 || field.number > 0x1FFFFFFF) bad("a field's number");
    if (field.wire == 0)
      field.value = varint();
    else if (field.wire == 1)
      field.value = fixed<uint64_t>();
    else if (field.wire == 5)
      field.value = fixed<uint32_t>();
    else if (field.wire == 2)
      field.text = block();
    else  // groups are in no version of the format
      bad("a field's wire type");
    return true;
  }

  size_t offset_of(std::string_view part) const { return base_ + reader_.offset() - part.size(); }

 private:
  [[noreturn]] void bad(std::string_view expected) const {
    fail(ErrorCode::corrupt, cat(what_, ": no SentencePiece model: expected ", expected,
                                 " before byte ", base_ + reader_.offset()));
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = reader_.read<uint8_t>();
      if (!byte) break;
      value |= static_cast<uint64_t>(*byte & 0x7F) << shift;
      if (*byte < 0x80) return value;
    }
    bad("a varint");
  }
  template <class T>
  T fixed() {
    const auto value = reader_.read<T>();
    if (!value) bad("a number");
    return *value;
  }
  std::string_view block() {
    const auto bytes = reader_.take(varint());
    if (!bytes) bad("as many bytes as a length says");
    return as_text(*bytes);
  }

  ByteReader reader_;
  size_t base_;
  std::string_view what_;
};

/// int32 is written with 64 bits when negative.
int64_t int32_of(uint64_t value) {
  return static_cast<int32_t>(static_cast<uint32_t>(value));
}

std::string text_of(std::string_view text, std::string_view what) {
  std::string scratch;
  if (valid_utf8(text, scratch).data() != text.data() && !text.empty()) {
    fail(ErrorCode::corrupt, cat(what, ": no SentencePiece model: a text is not UTF-8"));
  }
  return std::string(text);
}

SentencePiece parse_piece(std::string_view bytes, size_t base, std::string_view what) {
  SentencePiece piece;
  Message message(bytes, base, what);
  for (Field f; message.next(f);) {
    if (f.number == 1 && f.wire == 2) piece.text = text_of(f.text, what);
    if (f.number == 2 && f.wire == 5) {
      const auto bits = static_cast<uint32_t>(f.value);
      float score;
      std::memcpy(&score, &bits, sizeof score);
      piece.score = static_cast<double>(score);
    }
    if (f.number == 3 && f.wire == 0) piece.type = int32_of(f.value);
  }
  if (!std::isfinite(piece.score)) {
    fail(ErrorCode::corrupt, cat(what, ": the score of piece '", piece.text, "' is not finite"));
  }
  return piece;
}

void parse_trainer(std::string_view bytes, size_t base, std::string_view what,
                   SentencePieceModel& m) {
  Message message(bytes, base, what);
  for (Field f; message.next(f);) {
    if (f.wire == 0 && f.number == 3) m.unigram = int32_of(f.value) == 1;
    if (f.wire == 0 && f.number == 35) m.byte_fallback = f.value != 0;
    if (f.wire == 0 && f.number == 40) m.unk_id = int32_of(f.value);
    if (f.wire == 0 && f.number == 41) m.bos_id = int32_of(f.value);
    if (f.wire == 0 && f.number == 42) m.eos_id = int32_of(f.value);
    if (f.wire == 2 && f.number == 45) m.unk_piece = text_of(f.text, what);
    if (f.wire == 2 && f.number == 46) m.bos_piece = text_of(f.text, what);
    if (f.wire == 2 && f.number == 47) m.eos_piece = text_of(f.text, what);
  }
}

void parse_normalizer(std::string_view bytes, size_t base, std::string_view what,
                      SentencePieceModel& m) {
  Message message(bytes, base, what);
  for (Field f; message.next(f);) {
    if (f.wire == 2 && f.number == 2) m.charsmap = f.text;
    if (f.wire == 0 && f.number == 3) m.add_dummy_prefix = f.value != 0;
    if (f.wire == 0 && f.number == 4) m.remove_extra_whitespaces = f.value != 0;
    if (f.wire == 0 && f.number == 5) m.escape_whitespaces = f.value != 0;
  }
}

}  // namespace

SentencePieceModel parse_sentencepiece(std::string_view bytes, std::string_view what) {
  SentencePieceModel m;
  Message message(bytes, 0, what);
  for (Field f; message.next(f);) {
    if (f.wire != 2) continue;
    const size_t base = message.offset_of(f.text);
    if (f.number == 1) m.pieces.push_back(parse_piece(f.text, base, what));
    if (f.number == 2) parse_trainer(f.text, base, what, m);
    if (f.number == 3) parse_normalizer(f.text, base, what, m);
  }
  if (m.pieces.empty()) fail(ErrorCode::corrupt, cat(what, ": a SentencePiece model of no pieces"));
  return m;
}

}  // namespace tern::text
