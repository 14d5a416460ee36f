// SPDX-License-Identifier: Apache-2.0
// Orders of pieces and merges from scores; see piece_models.h.
#include "piece_models.h"

#include <algorithm>
#include <map>
#include <set>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../subwords/bpe.h"
#include "../subwords/unigram.h"
#include "../unicode/utf8.h"
#include "plain_text.h"
#include "splits.h"

namespace tern::text {

namespace {

using Pieces = std::vector<std::pair<std::string, double>>;

std::string named_or(const Surroundings& around, const char* name, const char* fallback) {
  const auto t = around.arguments.named(name, std::nullopt);
  return t ? t->content : std::string(around.arguments.has(name) ? "None" : fallback);
}

void append(Pieces& out, const SentencePieceModel& file, size_t from) {
  for (size_t i = from; i < file.pieces.size(); ++i) {
    out.emplace_back(file.pieces[i].text, file.pieces[i].score);
  }
}

Pieces pegasus_pieces(const SentencePieceModel& file, const Surroundings& around) {
  Pieces out{{named_or(around, "pad_token", "<pad>"), 0},
             {named_or(around, "eos_token", "</s>"), 0}};
  const std::string mask = named_or(around, "mask_token", "<mask_1>");
  const auto given = around.arguments["mask_token_sent"].string();
  const std::string sentence(given                                     ? *given
                             : around.arguments.has("mask_token_sent") ? "None"
                                                                       : "<mask_2>");
  if (mask != "None") out.emplace_back(mask, 0);
  if (sentence != "None" && sentence != mask) out.emplace_back(sentence, 0);
  const int64_t offset = around.arguments.count("offset", 103);
  for (int64_t i = 2; i < offset; ++i) out.emplace_back(cat("<unk_", i, ">"), -100);
  append(out, file, 2);
  return out;
}

Pieces ordered(const TokenizerClass& row, const SentencePieceModel& file,
               const Surroundings& around) {
  Pieces out;
  const auto own = [&](const char* name, const char* fallback) {
    out.emplace_back(named_or(around, name, fallback), 0);
  };
  const auto code = [&](std::string_view text) { out.emplace_back(text, 0); };
  switch (row.order) {
    case PieceOrder::as_is:
    case PieceOrder::nllb:
    case PieceOrder::seamless:
      append(out, file, 0);
      break;
    case PieceOrder::fairseq:
    case PieceOrder::mbart:
    case PieceOrder::mbart50:
      own(row.order == PieceOrder::mbart50 ? "cls_token" : "bos_token", "<s>");
      own("pad_token", "<pad>");
      own("eos_token", "</s>");
      own("unk_token", "<unk>");
      append(out, file, 3);
      if (row.order != PieceOrder::fairseq) each_word(kMbartCodes, code);
      if (row.order == PieceOrder::mbart50) each_word(kMbart50Codes, code);
      own("mask_token", "<mask>");
      break;
    case PieceOrder::camembert:
      out.emplace_back("<s>NOTUSED", 0);
      own("pad_token", "<pad>");
      out.emplace_back("</s>NOTUSED", 0);
      own("unk_token", "<unk>");
      out.emplace_back("<unk>NOTUSED", -100);
      append(out, file, 1);
      own("mask_token", "<mask>");
      break;
    case PieceOrder::pegasus:
      return pegasus_pieces(file, around);
    case PieceOrder::t5:
      append(out, file, 0);
      for (int64_t i = around.arguments.count("extra_ids", 100); i-- > 0;) {
        out.emplace_back(cat("<extra_id_", i, ">"), 0);
      }
  }
  return out;
}

/// The first piece of that text (with any score, or 0) from `from` on, or -1.
int64_t place_of(const Pieces& pieces, const std::string& text, bool any_score, size_t from) {
  for (size_t i = from; i < pieces.size(); ++i) {
    if (pieces[i].first == text && (any_score || pieces[i].second == 0)) {
      return static_cast<int64_t>(i);
    }
  }
  return -1;
}

int64_t unknown_of(const TokenizerClass& row, const SentencePieceModel& file, const Pieces& pieces,
                   const std::string& unk) {
  const auto or_else = [](int64_t place, int64_t fallback) { return place < 0 ? fallback : place; };
  switch (row.unk_id) {
    case kUnkOfFile:
      return file.unk_id;
    case kUnkByText:
      return or_else(place_of(pieces, unk, true, 0), 0);
    case kUnkUdop:
      return or_else(place_of(pieces, unk, true, 0), 2);
    case kUnkBigBird:
      return or_else(place_of(pieces, unk, false, 0), 100);
    case kUnkDeberta:
      return or_else(place_of(pieces, unk, false, 0), file.unk_id);
    case kUnkPegasus:
      if (const int64_t place = place_of(pieces, unk, false, 1); place >= 0) return place;
      fail(ErrorCode::corrupt, cat("the SentencePiece model has no piece '", unk, "' of score 0"));
  }
  return row.unk_id;
}

std::unique_ptr<TextModel> make_unigram(const TokenizerClass& row, const SentencePieceModel& file,
                                        const Surroundings& around) {
  UnigramConfig config;
  config.pieces = ordered(row, file, around);
  config.unk_id = unknown_of(row, file, config.pieces, around.named("unk_token"));
  if (*config.unk_id < 0 || *config.unk_id >= static_cast<int64_t>(config.pieces.size())) {
    fail(ErrorCode::corrupt, cat("the SentencePiece model has no piece ", *config.unk_id,
                                 ", which is the class's unknown one"));
  }
  config.byte_fallback = row.own_components && file.byte_fallback;
  return std::make_unique<Unigram>(config);
}

std::vector<std::string_view> texts_of(const SentencePieceModel& file) {
  std::vector<std::string_view> out;
  out.reserve(file.pieces.size());
  for (const SentencePiece& p : file.pieces) out.push_back(p.text);
  return out;
}

/// Ids in the class's order: each text once, where it comes first.
Vocabulary numbered(const TokenizerClass& row, const std::vector<std::string_view>& texts,
                    const Surroundings& around) {
  Vocabulary out;
  if (row.order != PieceOrder::nllb && row.order != PieceOrder::seamless) {
    for (size_t i = 0; i < texts.size(); ++i) out.add(texts[i], static_cast<int64_t>(i));
    out.finish();
    return out;
  }
  const bool nllb = row.order == PieceOrder::nllb;
  std::set<std::string, std::less<>> seen;
  int64_t next = nllb ? 0 : 1;
  if (nllb) {
    for (const char* name : {"bos_token", "pad_token", "eos_token", "unk_token"}) {
      const char* fallback = name[0] == 'b'   ? "<s>"
                             : name[0] == 'p' ? "<pad>"
                             : name[0] == 'e' ? "</s>"
                                              : "<unk>";
      std::string text = named_or(around, name, fallback);
      if (!seen.insert(text).second) continue;
      out.add(text, next++);
    }
  } else {
    out.add("<pad>", 0);
    for (const char* text : {"<unk>", "<s>", "</s>"}) out.add(text, next++);
    next = 1;
  }
  for (const std::string_view text : texts) {
    if (seen.insert(std::string(text)).second) out.add(text, next++);
  }
  out.finish();
  return out;
}

std::unique_ptr<TextModel> make_bpe(const TokenizerClass& row, const SentencePieceModel& file,
                                    const Surroundings& around) {
  const std::vector<std::string_view> texts = texts_of(file);
  BpeConfig config;
  config.vocabulary = numbered(row, texts, around);
  for (const Split& s : all_splits(texts))
    config.merges.emplace_back(texts[s.left], texts[s.right]);
  if (row.bpe_unk) config.unk_token = around.named("unk_token");
  config.fuse_unk = row.fuse_unk;
  config.byte_fallback = row.byte_fallback;
  config.end_of_word_suffix = row.suffix;
  return std::make_unique<Bpe>(std::move(config));
}

/// Pieces under the names that added_tokens_decoder gives them, but for a name that another piece
/// keeps.
std::vector<std::string> renamed(const SentencePieceModel& file, const Arguments& arguments) {
  std::vector<std::string> out;
  std::set<std::string_view> kept;
  for (size_t i = 0; i < file.pieces.size(); ++i) {
    out.push_back(file.pieces[i].text);
    if (!arguments.listed.contains(static_cast<int64_t>(i))) kept.insert(file.pieces[i].text);
  }
  for (const auto& [id, token] : arguments.listed) {
    if (id < static_cast<int64_t>(out.size()) && !kept.contains(token.content)) {
      out[static_cast<size_t>(id)] = token.content;
    }
  }
  return out;
}

/// SentencePiece's own: merges of normal pieces by score, user-defined pieces whole.
std::unique_ptr<TextModel> make_own_bpe(const SentencePieceModel& file,
                                        const Arguments& arguments) {
  const std::vector<std::string> names = renamed(file, arguments);
  BpeConfig config;
  std::vector<std::string_view> normal(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    config.vocabulary.add(names[i], static_cast<int64_t>(i));
    if (file.pieces[i].type == SentencePiece::normal) normal[i] = names[i];
    if (file.pieces[i].type == SentencePiece::user_defined) config.ignore_merges = true;
  }
  config.vocabulary.finish();
  for (size_t i = 0; i < names.size(); ++i) {
    // Of equal pieces the last one counts, of whatever type.
    if (config.vocabulary.find(names[i]) != static_cast<int64_t>(i)) normal[i] = {};
  }
  std::vector<Split> splits = all_splits(normal);
  std::stable_sort(splits.begin(), splits.end(), [&](const Split& a, const Split& b) {
    return file.pieces[a.whole].score > file.pieces[b.whole].score;
  });
  for (const Split& s : splits) config.merges.emplace_back(normal[s.left], normal[s.right]);
  config.unk_token = file.unk_piece;
  config.fuse_unk = true;
  config.byte_fallback = file.byte_fallback;
  return std::make_unique<Bpe>(std::move(config));
}

bool is_bpe(const TokenizerClass& row, const SentencePieceModel& file) {
  return row.model == ModelKind::bpe || (row.model == ModelKind::any && !file.unigram);
}

/// For a regular expression, as Python's re.escape writes it.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("()[]{}?*+-|^$\\.&~# \t\n\r\v\f").find(c) != std::string_view::npos) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::string user_defined_pattern(const SentencePieceModel& file, const Arguments& arguments,
                                 bool bpe) {
  const std::vector<std::string> names =
      bpe ? renamed(file, arguments) : std::vector<std::string>();
  std::vector<std::string_view> found;
  for (size_t i = 0; i < file.pieces.size(); ++i) {
    if (file.pieces[i].type != SentencePiece::user_defined) continue;
    found.push_back(bpe ? std::string_view(names[i]) : std::string_view(file.pieces[i].text));
  }
  std::stable_sort(found.begin(), found.end(), [](std::string_view a, std::string_view b) {
    return count_chars(a) > count_chars(b);
  });
  std::string out;
  for (const std::string_view text : found) out += cat(out.empty() ? "" : "|", escaped(text));
  return out;
}

std::string replace(std::string_view kind, std::string_view pattern, std::string_view content) {
  return cat("{\"type\":\"Replace\",\"pattern\":{\"", kind, "\":", hub::json_quote(pattern),
             "},\"content\":", hub::json_quote(content), "}");
}

}  // namespace

std::unique_ptr<TextModel> make_model(const TokenizerClass& row, const SentencePieceModel& file,
                                      const Surroundings& around) {
  if (row.model == ModelKind::word_piece || (row.needs_unigram && !file.unigram)) {
    fail(ErrorCode::unsupported, cat(row.name, " with a SentencePiece model of this kind"));
  }
  if (!is_bpe(row, file)) return make_unigram(row, file, around);
  if (row.model == ModelKind::any) return make_own_bpe(file, around.arguments);
  return make_bpe(row, file, around);
}

Components own_components(const TokenizerClass& row, const SentencePieceModel& file,
                          const Arguments& arguments) {
  const bool legacy = arguments.flag("legacy", true);
  std::vector<std::string> normalizers, cutters, decoders;
  if (!file.charsmap.empty()) {
    const Surroundings around{.arguments = arguments, .charsmap = file.charsmap};
    normalizers.push_back(
        filled(R"({"type":"Precompiled","precompiled_charsmap":"@charsmap@"})", around));
  }
  if (file.remove_extra_whitespaces) {
    normalizers.push_back(replace("Regex", R"(\A +| +\z)", ""));
    normalizers.push_back(replace("Regex", " {2,}", " "));
  }
  if (file.escape_whitespaces) normalizers.push_back(replace("String", " ", "▁"));
  // Metaspace prepends nothing to a text that begins with "▁"; SentencePiece does.
  if (file.add_dummy_prefix && legacy) normalizers.push_back(replace("Regex", R"(\A▁)", "▁▁"));
  if (file.add_dummy_prefix) {
    cutters.push_back(cat(R"({"type":"Metaspace","replacement":"▁","prepend_scheme":")",
                          legacy ? "always" : "first", R"(","split":false})"));
  }
  if (const std::string pattern = user_defined_pattern(file, arguments, is_bpe(row, file));
      !pattern.empty()) {
    cutters.push_back(cat(R"({"type":"Split","pattern":{"Regex":)", hub::json_quote(pattern),
                          R"(},"behavior":"Isolated","invert":false})"));
  }
  decoders.push_back(replace("String", "▁", " "));
  if (file.byte_fallback) decoders.push_back(R"({"type":"ByteFallback"})");
  if (file.add_dummy_prefix || file.byte_fallback) decoders.push_back(R"({"type":"Fuse"})");
  if (file.add_dummy_prefix) {
    decoders.push_back(R"({"type":"Strip","content":" ","start":1,"stop":0})");
  }
  Components out;
  out.normalizer = sequence("normalizers", normalizers);
  out.pre_tokenizer = sequence("pretokenizers", cutters);
  out.decoder = sequence("decoders", decoders);
  return out;
}

}  // namespace tern::text
