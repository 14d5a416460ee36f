// SPDX-License-Identifier: Apache-2.0
// Which class a repository has, as AutoTokenizer.from_pretrained of Transformers 5 decides.
#include <algorithm>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "classes.h"

namespace tern::text {

namespace {

struct Alias {
  std::string_view name, same_as;
};
/// Classes that are another one, or differ from it in nothing that matters here.
constexpr Alias kAliases[] = {
    {"BartTokenizer", "RobertaTokenizer"},
    {"BloomTokenizer", "TokenizersBackend"},
    {"ConvBertTokenizer", "BertTokenizer"},
    {"DPRContextEncoderTokenizer", "BertTokenizer"},
    {"DPRQuestionEncoderTokenizer", "BertTokenizer"},
    {"DPRReaderTokenizer", "DistilBertTokenizer"},
    {"ElectraTokenizer", "BertTokenizer"},
    {"LEDTokenizer", "RobertaTokenizer"},
    {"LayoutLMTokenizer", "BertTokenizer"},
    {"LongformerTokenizer", "RobertaTokenizer"},
    {"LxmertTokenizer", "BertTokenizer"},
    {"MobileBertTokenizer", "BertTokenizer"},
    {"MvpTokenizer", "RobertaTokenizer"},
    {"Phi3Tokenizer", "LlamaTokenizer"},
    {"PreTrainedTokenizer", "TokenizersBackend"},
    {"PreTrainedTokenizerFast", "TokenizersBackend"},
    {"PythonBackend", "TokenizersBackend"},
    {"MistralCommonBackend", "TokenizersBackend"},
    {"SqueezeBertTokenizer", "BertTokenizer"},
};

/// Transformers has these in Python (or with components of their own) and they are not here; a name
/// that it does not know either means TokenizersBackend.
constexpr std::string_view kElsewhere[] = {
    "BartphoTokenizer",
    "BertGenerationTokenizer",
    "BertJapaneseTokenizer",
    "BertweetTokenizer",
    "BioGptTokenizer",
    "BlenderbotSmallTokenizer",
    "ByT5Tokenizer",
    "CTRLTokenizer",
    "CanineTokenizer",
    "ClvpTokenizer",
    "CpmAntTokenizer",
    "CpmTokenizer",
    "DiaTokenizer",
    "EsmTokenizer",
    "EsmcTokenizer",
    "FSMTTokenizer",
    "FastSpeech2ConformerTokenizer",
    "FlaubertTokenizer",
    "GPTNeoXJapaneseTokenizer",
    "GPTSw3Tokenizer",
    "LasrTokenizer",
    "LukeTokenizer",
    "M2M100Tokenizer",
    "MLukeTokenizer",
    "MarianTokenizer",
    "MarkupLMTokenizer",
    "MgpstrTokenizer",
    "MyT5Tokenizer",
    "NougatTokenizer",
    "PLBartTokenizer",
    "ParakeetTokenizer",
    "PerceiverTokenizer",
    "PhobertTokenizer",
    "Pop2PianoTokenizer",
    "ProphetNetTokenizer",
    "RagTokenizer",
    "RoCBertTokenizer",
    "RoFormerTokenizer",
    "SiglipTokenizer",
    "Speech2TextTokenizer",
    "SpeechT5Tokenizer",
    "TapasTokenizer",
    "Tipsv2Tokenizer",
    "VideoPrismTokenizer",
    "VitsTokenizer",

    "Wav2Vec2PhonemeCTCTokenizer",
    "XLMTokenizer",
};

constexpr std::string_view kBackend = "TokenizersBackend";

std::string_view without_fast(std::string_view name) {
  if (name.ends_with("Fast")) name.remove_suffix(4);
  return name;
}

std::string_view resolved(std::string_view name) {
  for (const Alias& a : kAliases) {
    if (a.name == name || without_fast(a.name) == name) return a.same_as;
  }
  return name;
}

bool is_elsewhere(std::string_view name) {
  return std::find(std::begin(kElsewhere), std::end(kElsewhere), name) != std::end(kElsewhere);
}

const TokenizerClass* row_of(std::string_view name) {
  for (const auto classes : {word_classes(), piece_classes()}) {
    for (const TokenizerClass& c : classes) {
      if (c.name == name) return &c;
    }
  }
  return nullptr;
}

/// A class of the table, one that is elsewhere, or kBackend.
std::string_view known(std::string_view name) {
  name = resolved(without_fast(name));
  return row_of(name) || is_elsewhere(name) ? name : kBackend;
}

/// Empty when no file names a class or a model type.
std::string_view class_name(const Arguments& a) {
  std::string_view hub = a.config()["tokenizer_class"].string().value_or("");
  if (hub.empty()) hub = a.model()["tokenizer_class"].string().value_or("");
  const std::string_view type = a.model()["model_type"].string().value_or("");
  std::string_view registered = without_fast(class_of_model_type(type));
  if (hub.empty()) {
    if (registered.empty()) return type.empty() ? registered : kBackend;
    return known(registered);
  }
  // A model type with a class of its own decides only where repositories are known to be wrong.
  // One without makes the class that the files name count for nothing.
  if (!registered.empty() && resolved(registered) == kBackend && without_fast(hub) != registered) {
    return kBackend;
  }
  return known(names_wrong_class(type) && !registered.empty() ? registered : hub);
}

}  // namespace

const TokenizerClass& choose_class(const Arguments& arguments, bool has_word_list) {
  std::string_view name = class_name(arguments);
  // Transformers refuses a folder without both config files; a bare vocab.txt is BERT's.
  if (name.empty()) name = has_word_list ? "BertTokenizer" : kBackend;
  if (const TokenizerClass* row = row_of(name)) return *row;
  fail(ErrorCode::unsupported,
       cat("tokenizer class '", name, "' without tokenizer.json is not known to this version"));
}

const TokenizerClass* find_class(const Arguments& arguments) {
  const std::string_view name = class_name(arguments);
  return name.empty() ? nullptr : row_of(name);
}

}  // namespace tern::text
