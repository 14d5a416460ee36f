// SPDX-License-Identifier: Apache-2.0
// Which components work word by word; see wordwise.h.
#include <algorithm>

#include "../../engine/base/format.h"
#include "subwords/bpe.h"
#include "wordwise.h"

namespace tern::text {

namespace {

constexpr std::string_view kMark = Wordwise::kMark;

/// Has blanks, U+2581 or other white space in it.
bool has_blanks(std::string_view text) {
  if (text.find(kMark) != std::string_view::npos) return true;
  for (size_t i = 0; i < text.size();) {
    if (is_white_space(next_char(text, i))) return true;
  }
  return false;
}

/// A blank or U+2581 stands in it behind another character.
bool crosses(std::string_view text) {
  bool other = false;
  for (size_t i = 0; i < text.size();) {
    const bool blank = text[i] == ' ' || text.substr(i).starts_with(kMark);
    if (blank && other) return true;
    other = other || !blank;
    i += utf8_length(text[i]);
  }
  return false;
}

void flatten(const Normalizer* from, std::vector<const Normalizer*>& steps) {
  if (!from) return;
  const auto* sequence = dynamic_cast<const NormalizerSequence*>(from);
  if (!sequence) return steps.push_back(from);
  for (const auto& step : sequence->steps) flatten(step.get(), steps);
}

/// Whether nothing that follows depends on what stands beyond a blank.
bool separates(const PreTokenizer* from) {
  if (const auto* sequence = dynamic_cast<const PreTokenizerSequence*>(from)) {
    return !sequence->steps.empty() && separates(sequence->steps[0].get());
  }
  if (const auto* marks = dynamic_cast<const MetaspacePreTokenizer*>(from)) {
    return marks->cuts && marks->replacement == kMark;
  }
  const auto* one = dynamic_cast<const ClassPreTokenizer*>(from);
  return dynamic_cast<const WhitespacePreTokenizer*>(from) ||
         dynamic_cast<const BertPreTokenizer*>(from) ||
         (one && one->kind == ClassPreTokenizer::Kind::white_space &&
          one->behavior == SplitBehavior::removed);
}

}  // namespace

struct Wordwise::Maker {
  Wordwise& out;
  std::vector<const Normalizer*> steps = {};
  bool writes_marks = false;  // blanks have become U+2581
  bool rewrites = false;      // other characters change, too
  bool any_sought = false;    // added tokens are sought in the normalized text
  bool strips = false;
  bool prepends = false;
  bool longer_first = true;  // texts of more than one character are replaced before all else

  /// Takes over the steps of the normalizer; false when one looks beyond blanks.
  bool take_steps(const Normalizer* normalizer) {
    flatten(normalizer, steps);
    return std::all_of(steps.begin(), steps.end(), [&](const Normalizer* s) { return take(s); });
  }

  bool take(const Normalizer* step) {
    if (dynamic_cast<const Prepend*>(step)) return prepends = true;  // before the first word
    if (writes_marks) return false;
    if (const auto* replace = dynamic_cast<const Replace*>(step)) return take_replace(*replace);
    rewrites = true;
    if (const auto* strip = dynamic_cast<const Strip*>(step)) {
      if (strips) return false;  // a second time
      strips = true;
      out.strip_.right = strip->right;
      out.steps_.push_back(&out.strip_);
      return true;
    }
    out.steps_.push_back(step);
    const auto* rules = dynamic_cast<const Precompiled*>(step);
    return rules ? keeps_words(*rules)
                 : dynamic_cast<const Lowercase*>(step) || dynamic_cast<const Nmt*>(step) ||
                       dynamic_cast<const UnicodeNormalizer*>(step) ||
                       dynamic_cast<const StripAccents*>(step);
  }

  bool take_replace(const Replace& step) {
    out.steps_.push_back(&step);
    const bool writes_mark = step.content == kMark;
    const std::string& sought = step.pattern.text();
    if (step.pattern.regex()) {
      // Of the blank between two words it sees one.
      rewrites = true;
      return sought == " {2,}" && (writes_mark || step.content == " ");
    }
    if (sought == " ") {
      writes_marks = true;
      return writes_mark;
    }
    rewrites = true;
    if (sought.empty() || has_blanks(sought)) return false;
    // The only ones that see more than one character: in a word that has no such text, a character
    // becomes what it becomes alone, when nothing has changed before them.
    const bool longer = sought.size() > utf8_length(sought[0]);
    if (longer) out.longer_.push_back(sought);
    longer_first = longer_first && (!longer || out.longer_.size() == out.steps_.size());
    return !step.content.empty() && !has_blanks(step.content);
  }

  /// Printable ASCII remains something, no blanks, and a blank remains a blank.
  static bool keeps_words(const Precompiled& rules) {
    Normalized one;
    for (char c = ' '; c <= '~'; ++c) {
      one.assign(std::string_view(&c, 1), 0, false);
      rules.normalize(one);
      if (c == ' ' ? one.text != " " : one.text.empty() || has_blanks(one.text)) return false;
    }
    return true;
  }

  /// A BPE over the whole text.
  bool take_whole(const PreTokenizer* pre_tokenizer, const TextModel& model) {
    const auto* bpe = dynamic_cast<const Bpe*>(&model);
    bool joined[256] = {};
    if (!bpe || rewrites || !finds_nothing(pre_tokenizer)) return false;
    if (!bpe->joined_before(kMark, joined)) return false;
    for (int c = 0; c < 256; ++c) out.ends_word_[c] = c != ' ' && !joined[c];
    for (int c = 0; c < 256; ++c) out.becomes_[c] = static_cast<char>(c);
    // What is sought among the normalized words, and a mark before all that begins without a blank,
    // leave cuts before blanks only.
    const auto* marks = dynamic_cast<const MetaspacePreTokenizer*>(pre_tokenizer);
    out.first_like_others_ = !prepends && !marks;
    if (any_sought || (marks && marks->scheme == MetaspacePreTokenizer::Scheme::always))
      return true;
    std::fill(std::begin(joined), std::end(joined), false);
    out.line_feeds_ = bpe->joined_before("\n", joined);
    for (int c = 0; c < 256; ++c) out.ends_word_[c] |= c != '\n' && !joined[c] ? 2 : 0;
    out.joined_ = bpe->joined_pairs();
    return true;
  }

  /// No pre-tokenizer, one that finds no blanks because none is left, or a Metaspace without cuts.
  bool finds_nothing(const PreTokenizer* pre_tokenizer) const {
    if (!pre_tokenizer) return writes_marks;
    if (const auto* split = dynamic_cast<const SplitPreTokenizer*>(pre_tokenizer)) {
      return writes_marks && !split->pattern.regex() && split->pattern.text() == " ";
    }
    const auto* marks = dynamic_cast<const MetaspacePreTokenizer*>(pre_tokenizer);
    return marks && !marks->cuts && marks->replacement == kMark;
  }

  /// Pre-tokenizers that cut at blanks; false when no blanks are left for them.
  bool take_separated(const PreTokenizer* pre_tokenizer) {
    out.ascii_only_ = true;
    for (int c = 0; c < 256; ++c)
      out.ends_word_[c] = Wordwise::is_printable(static_cast<char>(c)) ? 3 : 0;
    const auto pieces_of = [&](std::string_view text) {
      Normalized word;
      word.assign(text, 1, true);
      word.begins_original = false;
      out.normalize(word);
      std::vector<Piece> pieces = {{0, word.text.size()}};
      pre_tokenizer->split(word, pieces);
      std::string all;
      for (const Piece& p : pieces) all.append(word.text, p.begin, p.end - p.begin) += '\0';
      return all;
    };
    const auto splits = [&](const std::string& run) {
      for (const std::string left : {"x", ">", "1"}) {
        for (const std::string right : {"a", "<", "2"}) {
          const std::string parts = pieces_of(left) + pieces_of(run + right);
          if (pieces_of(left + run + right) != parts) return false;
        }
      }
      return true;
    };
    // Blanks may have become U+2581, which is no white space; a run of them may end as one.
    if (!splits(" ")) return false;
    const std::string once = pieces_of(" a");
    out.line_feeds_ = !any_sought && pieces_of("\na") == once && splits("\n");
    out.runs_ = out.collapses_ = true;
    for (const std::string run : {"  ", "   ", " \n", "\n ", "\n\n"}) {
      if (!out.line_feeds_ && run.find('\n') != run.npos) continue;
      out.collapses_ = out.collapses_ && pieces_of(run + "a") == once;
      out.runs_ = out.runs_ && splits(run);
    }
    if (!only_marks(pre_tokenizer)) return true;
    take_characters();
    const auto ends_as = [&](const char* text) { return pieces_of(text) == pieces_of(" a"); };
    take_places(pre_tokenizer, ends_as(" a ") && ends_as(" a  ") && ends_as(" a \n"));
    out.first_like_others_ = !prepends && !strips && pieces_of("a") == once;
    return true;
  }

  /// Whether the mark before a word stands for a blank, or where there is none any more.
  void take_places(const PreTokenizer* pre_tokenizer, bool ends_alike) {
    const auto place_behind = [&](std::string_view run) {
      Normalized word;
      word.assign(cat(run, "a"), 1, true);
      word.begins_original = false;
      out.normalize(word);
      std::vector<Piece> pieces = {{0, word.text.size()}};
      pre_tokenizer->split(word, pieces);
      return pieces.empty() ? 0 : static_cast<size_t>(word.origin[pieces.back().begin] - 1);
    };
    const size_t place = place_behind(" ");
    out.places_known_ = place < 2 && (!out.line_feeds_ || place_behind("\n") == place);
    out.drops_blanks_ = place == 1;
    out.drops_runs_ = out.drops_blanks_ && ends_alike;
    for (const std::string_view run : {"  ", "   ", " \n", "\n ", "\n\n"}) {
      out.drops_runs_ = out.drops_runs_ && place_behind(run) == run.size();
    }
  }

  /// Printable ASCII that becomes other printable ASCII, or stays.
  void take_characters() {
    for (char c = '!'; c <= '~'; ++c) {
      Normalized one;
      one.assign(std::string_view(&c, 1), 1, false);
      out.normalize(one);
      if (one.text.size() != 1 || !Wordwise::is_printable(one.text[0])) continue;
      out.becomes_[static_cast<unsigned char>(c)] = one.text[0];
    }
  }

  /// What remains to be done to a normalized word is to write U+2581 for its blank.
  bool only_marks(const PreTokenizer* pre_tokenizer) const {
    if (!longer_first) return false;
    if (dynamic_cast<const MetaspacePreTokenizer*>(pre_tokenizer)) return true;  // it separates
    const auto* sequence = dynamic_cast<const PreTokenizerSequence*>(pre_tokenizer);
    if (!sequence || sequence->steps.size() != 2) return false;
    const auto* marks = dynamic_cast<const MetaspacePreTokenizer*>(sequence->steps[1].get());
    return dynamic_cast<const ClassPreTokenizer*>(sequence->steps[0].get()) && marks &&
           marks->replacement == kMark && marks->scheme == MetaspacePreTokenizer::Scheme::always;
  }

  void take_bytes(const TextModel& model) {
    std::fill(std::begin(out.of_byte_), std::end(out.of_byte_), -1);
    std::string piece;
    ModelTokens tokens;
    for (int b = 0; b < 128 && !any_sought; ++b) {
      const char byte = static_cast<char>(b);
      if (!out.piece_of({&byte, 1}, piece)) continue;
      tokens.clear();
      try {
        model.tokenize(piece, tokens);
      } catch (const Error&) {
        continue;  // a text with it is refused
      }
      if (tokens.size() == 1) out.of_byte_[b] = tokens[0].id;
    }
  }

  /// No token that is sought in the normalized text can lie on both sides of a cut.
  static bool stays_inside(const AddedToken& token) {
    return !token.normalized || !(token.lstrip || token.rstrip || token.single_word ||
                                  token.shown.empty() || crosses(token.shown));
  }
};

std::unique_ptr<Wordwise> Wordwise::make(const Normalizer* normalizer,
                                         const PreTokenizer* pre_tokenizer, const TextModel& model,
                                         const AddedTokens& added) {
  if (!std::all_of(added.tokens().begin(), added.tokens().end(), Maker::stays_inside)) {
    return nullptr;
  }
  std::unique_ptr<Wordwise> out(new Wordwise);
  out->strip_.left = out->strip_.right = false;
  Maker maker{*out};
  maker.any_sought = added.any(true);
  if (!maker.take_steps(normalizer)) return nullptr;
  const bool taken = pre_tokenizer && separates(pre_tokenizer)
                         ? maker.take_separated(pre_tokenizer)
                         : maker.take_whole(pre_tokenizer, model);
  if (!taken) return nullptr;
  maker.take_bytes(model);
  out->cache_ = std::make_unique<WordCache>();
  return out;
}

}  // namespace tern::text
