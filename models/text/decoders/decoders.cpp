// SPDX-License-Identifier: Apache-2.0
// The decoders; see decoders.h.
#include "decoders.h"

#include <algorithm>
#include <optional>

#include "../clean_up.h"
#include "../unicode/byte_alphabet.h"
#include "../unicode/utf8.h"

namespace tern::text {

namespace {

/// The tokens as one, whose end `join` makes valid.
void fuse(std::vector<std::string>& tokens) {
  std::string all;
  for (const std::string& token : tokens) all += token;
  tokens.assign(1, std::move(all));
}

/// Appends the bytes that a token of the byte-level alphabet stands for; false, and nothing is
/// appended, when it has another character.
bool append_bytes(std::string_view token, std::string& out) {
  const size_t before = out.size();
  for (size_t i = 0; i < token.size();) {
    const int byte = byte_of_character(next_char(token, i));
    if (byte < 0) return out.resize(before), false;
    out.push_back(static_cast<char>(byte));
  }
  return true;
}

/// The byte of "<0xE4>". The reference's number parser also takes a sign: "<0x+4>".
std::optional<uint8_t> byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  const int high = token[3] == '+' ? 0 : hex_digit(token[3]), low = hex_digit(token[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<uint8_t>(high << 4 | low);
}

}  // namespace

void BpeDecoder::decode(std::vector<std::string>& tokens) const {
  for (std::string& token : tokens) {
    replace_all(token, suffix, &token == &tokens.back() ? "" : " ");
  }
}

void ByteLevelDecoder::decode(std::vector<std::string>& tokens) const {
  std::string bytes, scratch;
  for (const std::string& token : tokens) {
    if (!append_bytes(token, bytes)) bytes += token;
  }
  tokens.assign(1, std::string(valid_utf8(bytes, scratch)));
}

std::optional<std::string> ByteLevelDecoder::raw_bytes(std::string_view token) const {
  std::string bytes;
  if (!append_bytes(token, bytes)) bytes = token;
  return bytes;
}

void WordPieceDecoder::decode(std::vector<std::string>& tokens) const {
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::string& token = tokens[i];
    if (i > 0 && token.starts_with(prefix))
      token.erase(0, prefix.size());
    else if (i > 0)
      token.insert(0, 1, ' ');
    if (cleanup) clean_up(token, true);
  }
}

void MetaspaceDecoder::decode(std::vector<std::string>& tokens) const {
  for (std::string& token : tokens) {
    replace_all(token, replacement, prepends && &token == &tokens.front() ? "" : " ");
  }
}

void CtcDecoder::decode(std::vector<std::string>& tokens) const {
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  for (std::string& token : tokens) {
    // An empty padding token removes nothing.
    replace_all(token, pad_token, "");
    if (!cleanup) continue;
    clean_up(token, true);
    replace_all(token, word_delimiter_token, " ");
  }
  std::erase(tokens, "");
}

void ReplaceDecoder::decode(std::vector<std::string>& tokens) const {
  std::vector<Regex::Match> matches;
  for (std::string& token : tokens) {
    pattern.find_all(token, matches);
    if (matches.empty()) continue;
    std::string out;
    size_t done = 0;
    for (const Regex::Match& m : matches) {
      out.append(token, done, m.begin - done).append(content);
      done = m.end;
    }
    token = out.append(token, done, std::string::npos);
  }
}

void FuseDecoder::decode(std::vector<std::string>& tokens) const {
  fuse(tokens);
}

void StripDecoder::decode(std::vector<std::string>& tokens) const {
  const size_t size = content.size();
  for (std::string& token : tokens) {
    size_t begin = 0, end = token.size();
    for (size_t i = 0; i < start && token.compare(begin, size, content) == 0; ++i) begin += size;
    for (size_t i = 0; i < stop && end >= begin + size; ++i) {
      if (token.compare(end - size, size, content) != 0) break;
      end -= size;
    }
    token = token.substr(begin, end - begin);
  }
}

void ByteFallbackDecoder::decode(std::vector<std::string>& tokens) const {
  std::vector<std::string> out;
  std::string bytes, scratch;
  const auto flush = [&] {
    if (bytes.empty()) return;
    const bool valid = valid_utf8(bytes, scratch).data() == bytes.data();
    if (valid) {
      out.push_back(bytes);
    } else {
      out.emplace_back();
      for (size_t i = 0; i < bytes.size(); ++i) append_char(out.back(), 0xFFFD);
    }
    bytes.clear();
  };
  for (std::string& token : tokens) {
    if (const auto byte = byte_of_token(token)) {
      bytes.push_back(static_cast<char>(*byte));
      continue;
    }
    flush();
    out.push_back(std::move(token));
  }
  flush();
  tokens.swap(out);
}

std::optional<std::string> ByteFallbackDecoder::raw_bytes(std::string_view token) const {
  const auto byte = byte_of_token(token);
  return byte ? std::optional(std::string(1, static_cast<char>(*byte))) : std::nullopt;
}

void DecoderSequence::decode(std::vector<std::string>& tokens) const {
  for (const auto& step : steps) step->decode(tokens);
}

std::optional<std::string> DecoderSequence::raw_bytes(std::string_view token) const {
  for (const auto& step : steps) {
    if (auto bytes = step->raw_bytes(token)) return bytes;
  }
  return std::nullopt;
}

}  // namespace tern::text
