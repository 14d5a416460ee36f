// SPDX-License-Identifier: Apache-2.0
// The fused pass; see bert_scan.h. BertScanRun is one call's state.
#include "bert_scan.h"

#include <algorithm>
#include <bit>

#include "../../kernels/text/text.h"

namespace tern::text {

namespace {

constexpr size_t kBlock = 64, kChunk = 64 * kBlock;
constexpr size_t kStop = static_cast<size_t>(-1);

const kernels::TextTable& text_kernel() {
  static const kernels::TextTable& table = kernels::text_variants().best(kernels::isa());
  return table;
}

}  // namespace

template <bool kDetails>
class BertScanRun {
 public:
  BertScanRun(const BertScan& scan, std::string_view text, const BertScan::Output& out)
      : s_(scan), text_(text), out_(out), count_(out.ids.size()) {}

  bool run() {
    for (size_t base = 0; base < text_.size() && count_ < out_.limit; base += kChunk) {
      if (at_ >= base + kChunk) continue;
      load_masks(base);
      for (size_t b = 0; b < blocks_; ++b) {
        if (!scan_block(b)) return false;
      }
    }
    out_.ids.resize(count_);
    return true;
  }

 private:
  /// Masks of the chunk at `base_`; what lies beyond the text is neither word nor blank.
  void load_masks(size_t base) {
    base_ = base;
    const size_t size = std::min(kChunk, text_.size() - base), whole = size / kBlock;
    const auto* bytes = reinterpret_cast<const uint8_t*>(text_.data() + base);
    text_kernel().classify(bytes, static_cast<int64_t>(whole), word_, blank_);
    blocks_ = whole;
    if (size % kBlock != 0) {
      uint8_t rest[kBlock] = {};
      std::memcpy(rest, bytes + whole * kBlock, size % kBlock);
      text_kernel().classify(rest, 1, word_ + whole, blank_ + whole);
      ++blocks_;
    }
    word_[blocks_] = 0;
  }

  /// Takes what begins in block b, item by item; an item may end in a later block.
  bool scan_block(size_t b) {
    const size_t begin = base_ + b * kBlock;
    uint64_t open = ~blank_[b];
    if (text_.size() - begin < kBlock) open &= (uint64_t{1} << (text_.size() - begin)) - 1;
    while (at_ < begin + kBlock) {
      if (at_ > begin) open &= ~uint64_t{0} << (at_ - begin);
      if (open == 0 || count_ >= out_.limit) return true;
      const size_t p = begin + static_cast<size_t>(std::countr_zero(open));
      at_ = word_[b] >> (p - begin) & 1 ? take_word(p) : take_other(p);
      if (at_ == kStop) return false;
    }
    return true;
  }

  /// End of the run of word bytes that begins at p.
  size_t run_end(size_t p) const {
    size_t b = (p - base_) / kBlock;
    const size_t shift = (p - base_) % kBlock;
    size_t end = p + static_cast<size_t>(std::countr_one(word_[b] >> shift));
    while (end == base_ + (b + 1) * kBlock && ++b < blocks_) {
      end += static_cast<size_t>(std::countr_one(word_[b]));
    }
    // The masks end with the chunk.
    while (b == blocks_ && end < text_.size() && kind(end) == BertScan::kWordByte) ++end;
    return end;
  }

  BertScan::ByteKind kind(size_t i) const {
    return s_.kinds_[static_cast<unsigned char>(text_[i])];
  }

  size_t take_word(size_t p) {
    const size_t end = run_end(p);
    if (end < text_.size() && kind(end) == BertScan::kOtherByte) return take_mixed(p);
    const size_t size = end - p;
    const int32_t id = size <= s_.max_fast_ ? s_.model_.words().find(short_word(p, size)) : -1;
    if (id >= 0)
      emit(id, char_at(p), char_at(end));
    else
      ascii_word(p, end);
    ++out_.word;
    return end;
  }

  ShortWord short_word(size_t p, size_t size) const {
    ShortWord w;
    if (p + 16 <= text_.size()) {
      w = ShortWord::load(text_.data() + p, size);
    } else {
      char bytes[16] = {};
      text_.copy(bytes, size, p);
      w = ShortWord::load(bytes, size);
    }
    return s_.lowercase_ ? w.lowered() : w;
  }

  void ascii_word(size_t p, size_t end) {
    if (static_cast<int64_t>(end - p) > s_.model_.max_input_chars()) {
      return emit_unknown(char_at(p), char_at(end));
    }
    buffer_.assign(text_.substr(p, end - p));
    if (s_.lowercase_) {
      for (char& c : buffer_) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    tokens_.clear();
    if (!s_.model_.match(buffer_, tokens_)) return emit_unknown(char_at(p), char_at(end));
    for (const ModelToken& t : tokens_) emit(t.id, char_at(p + t.begin), char_at(p + t.end));
  }

  size_t take_other(size_t p) {
    if (kind(p) != BertScan::kAloneByte) return take_mixed(p);
    const int32_t id = s_.alone_ids_[static_cast<unsigned char>(text_[p])];
    if (id >= 0)
      emit(id, char_at(p), char_at(p + 1));
    else
      emit_unknown(char_at(p), char_at(p + 1));
    ++out_.word;
    return p + 1;
  }

  /// One word (or what stands alone) from p on that is not all ASCII letters and digits; returns
  /// where it ends, kStop for a rare character.
  size_t take_mixed(size_t p) {
    buffer_.clear();
    origins_.clear();
    chars_ = 0;
    size_t i = p;
    while (i < text_.size() && kind(i) != BertScan::kBlankByte && kind(i) != BertScan::kAloneByte) {
      size_t next = i;
      const char32_t c = next_char(text_, next);
      const BertChars::Record r = s_.chars_[c];
      if (r.kind == BertChars::kRare) return kStop;
      const bool ends = r.kind == BertChars::kSpace || r.kind == BertChars::kAlone;
      if (ends && chars_ > 0) break;
      const int32_t origin = char_at(i);
      if (r.kind == BertChars::kLetter || r.kind == BertChars::kAlone) append(r.mapped, origin);
      if (r.kind == BertChars::kSeveral) append_several(c, origin);
      continuation_ += static_cast<int32_t>(next - i - 1);
      i = next;
      if (ends) break;
    }
    if (chars_ > 0) {
      mixed_word();
      ++out_.word;
    }
    return i;
  }

  void append_several(char32_t c, int32_t origin) {
    const Decomposition all = s_.chars_.several(c);
    for (size_t k = 0; k < all.size; ++k) append(all.chars[k], origin);
  }

  void append(char32_t c, int32_t origin) {
    ++chars_;
    last_origin_ = origin;
    if (chars_ == 1) first_origin_ = origin;
    if (chars_ > s_.model_.max_input_chars()) return;
    char bytes[4];
    const size_t size = put_char(c, bytes);
    buffer_.append(bytes, size);
    if constexpr (kDetails) origins_.insert(origins_.end(), size, origin);
  }

  void mixed_word() {
    if (chars_ > s_.model_.max_input_chars()) return emit_unknown(first_origin_, last_origin_ + 1);
    if (buffer_.size() <= s_.max_fast_) {
      char bytes[16] = {};
      buffer_.copy(bytes, buffer_.size());
      const int32_t id = s_.model_.words().find(ShortWord::load(bytes, buffer_.size()));
      if (id >= 0) return emit(id, first_origin_, last_origin_ + 1);
    }
    tokens_.clear();
    if (!s_.model_.match(buffer_, tokens_)) return emit_unknown(first_origin_, last_origin_ + 1);
    for (const ModelToken& t : tokens_) {
      if constexpr (kDetails)
        emit(t.id, origins_[t.begin], origins_[t.end - 1] + 1);
      else
        emit(t.id, 0, 0);
    }
  }

  /// Code point of the original text that byte i stands for; all before i has been taken.
  int32_t char_at(size_t i) const {
    return kDetails ? out_.first_char + static_cast<int32_t>(i) - continuation_ : 0;
  }

  void emit_unknown(int32_t from, int32_t to) {
    if (s_.model_.unknown() < 0) s_.model_.fail_unknown();
    emit(s_.model_.unknown(), from, to);
  }

  void emit(int32_t id, int32_t from, int32_t to) {
    // The vector grows by what the rest of the text is likely to need.
    if (count_ == out_.ids.size()) {
      out_.ids.resize(count_ + std::max<size_t>(64, (text_.size() - at_) / 3));
    }
    out_.ids[count_++] = id;
    if constexpr (kDetails) {
      out_.details->offsets.push_back({from, to});
      out_.details->word_ids.push_back(out_.word);
      if (out_.detail == Detail::tokens) {
        out_.details->tokens.emplace_back(s_.model_.vocabulary.token(id).value_or(""));
      }
    }
  }

  const BertScan& s_;
  const std::string_view text_;
  const BertScan::Output& out_;
  size_t count_;              // tokens in out_.ids; the vector may be longer
  size_t at_ = 0;             // everything before has been taken
  int32_t continuation_ = 0;  // UTF-8 continuation bytes before at_
  size_t base_ = 0, blocks_ = 0;
  uint64_t word_[kChunk / kBlock + 1], blank_[kChunk / kBlock];
  std::string buffer_;  // the current mixed word, normalized
  std::vector<int32_t> origins_;
  int64_t chars_ = 0;
  int32_t first_origin_ = 0, last_origin_ = 0;
  ModelTokens tokens_;
};

BertScan::BertScan(const BertNormalizer& rules, const WordPiece& model)
    : model_(model), chars_(rules), lowercase_(rules.lowercase) {
  max_fast_ = static_cast<size_t>(std::clamp<int64_t>(model.max_input_chars(), 0, 16));
  kinds_.fill(kOtherByte);
  alone_ids_.fill(-1);
  for (unsigned char c = 0; c < 128; ++c) {
    const bool word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    const char byte = static_cast<char>(c);
    if (word)
      kinds_[c] = kWordByte;
    else if (blank)
      kinds_[c] = kBlankByte;
    else if (chars_[c].kind == BertChars::kAlone)
      kinds_[c] = kAloneByte;
    if (kinds_[c] == kAloneByte && model.max_input_chars() > 0) {
      alone_ids_[c] = model.vocabulary.find({&byte, 1});
    }
  }
}

bool BertScan::scan(std::string_view text, const Output& out) const {
  if (out.detail == Detail::ids) return BertScanRun<false>(*this, text, out).run();
  return BertScanRun<true>(*this, text, out).run();
}

}  // namespace tern::text
