// SPDX-License-Identifier: Apache-2.0
// SentenceTransformer: texts → ids (in parallel) → packed batches of similar length → hidden states
// → pooled vectors, written to their text's row. A vector is a function of its text alone: it has
// the same bits in any batch, in any order, with any number of threads.
#include "sentence_transformer.h"

#include <algorithm>
#include <exception>
#include <numeric>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "key_names.h"
#include "lower_case.h"
#include "out_of_memory.h"
#include "sentence_modules.h"

namespace tern {

namespace {

/// Texts tokenised and sorted at a time: enough to find neighbours of like length, little memory.
constexpr size_t kWindow = 8192;
/// Tokens of a pass: activations that stay in the caches beside the weights.
constexpr int64_t kTokensPerPass = 4096;

struct Prompt {
  std::string name, text;
};

struct Prompts {
  std::vector<Prompt> all;
  std::string default_name;
};

Prompts read_prompts(const hub::Repo& repo) {
  constexpr const char* kFile = "config_sentence_transformers.json";
  Prompts prompts;
  const auto text = repo.read_if_exists(kFile);
  if (!text) return prompts;
  const Config c(hub::Json::parse(*text, repo.path(kFile)), kFile);
  for (const auto& [name, value] : c.json()["prompts"].members()) {
    if (const auto prompt = value.string())
      prompts.all.push_back({std::string(name), std::string(*prompt)});
  }
  prompts.default_name = c.string({"default_prompt_name"}, "");
  return prompts;
}

/// The smallest of the limits that are set (0: not set); 0 when none is.
int64_t smallest_limit(std::initializer_list<int64_t> limits) {
  int64_t smallest = 0;
  for (const int64_t limit : limits) {
    if (limit > 0 && (smallest == 0 || limit < smallest)) smallest = limit;
  }
  return smallest;
}

/// The ids of a window of texts, each with its prompt in front.
struct Tokenised {
  std::vector<std::vector<int64_t>> ids;
  std::vector<size_t> order;  // longest first, equal lengths in the order given
};

/// One pass: the ids of some texts, packed.
struct Pass {
  std::vector<int64_t> ids;
  std::vector<Segment> sequences;
  std::vector<size_t> texts;    // row of each sequence
  std::vector<uint8_t> pooled;  // when prompts are not pooled: 0 for their tokens

  void clear() {
    ids.clear();
    sequences.clear();
    texts.clear();
    pooled.clear();
  }
  void add(size_t text, const std::vector<int64_t>& text_ids, int64_t unpooled) {
    const auto begin = static_cast<int64_t>(ids.size());
    ids.insert(ids.end(), text_ids.begin(), text_ids.end());
    sequences.push_back({begin, static_cast<int64_t>(ids.size())});
    texts.push_back(text);
    if (unpooled == 0) return;
    for (size_t i = 0; i < text_ids.size(); ++i)
      pooled.push_back(static_cast<int64_t>(i) < unpooled ? 0 : 1);
  }
  /// May the text join the sequences that are here?
  bool takes(const std::vector<int64_t>& text_ids, int most_texts) const {
    return sequences.empty() ||
           (sequences.size() < static_cast<size_t>(most_texts) &&
            static_cast<int64_t>(ids.size() + text_ids.size()) <= kTokensPerPass);
  }
};

}  // namespace

struct SentenceTransformer::State {
  PretrainedModel model;
  Tokenizer tokenizer;
  SentenceHead head;
  Prompts prompts;
  int64_t max_length = 0;  // 0: no limit
  bool lower_case = false;

  const std::string& prompt(const std::string& name) const;
  int64_t prompt_tokens(const std::string& prompt) const;
  std::vector<int64_t> tokenise(const std::string& prompt, std::string_view text) const;
  Tokenised tokenise_all(Context& ctx, const std::string& prompt,
                         std::span<const std::string_view> texts) const;
  void embed(Context& ctx, const Pass& pass, bool normalise, Tensor& out) const;
};

const std::string& SentenceTransformer::State::prompt(const std::string& name) const {
  static const std::string kNone;
  const std::string& wanted = name.empty() ? prompts.default_name : name;
  if (wanted.empty()) return kNone;
  std::string names;
  for (const Prompt& p : prompts.all) {
    if (p.name == wanted) return p.text;
    names += cat(names.empty() ? "" : ", ", printable_name(p.name));
  }
  fail(ErrorCode::invalid_argument, cat("no prompt named '", printable_name(wanted),
                                        "'; this model has: ", names.empty() ? "none" : names));
}

/// Tokens that a prompt puts at the start of a text: without the special token that ends a text.
int64_t SentenceTransformer::State::prompt_tokens(const std::string& prompt) const {
  const Encoding encoding =
      tokenizer.encode(lower_case ? tern::lower_case(prompt) : prompt, {.want_offsets = true});
  const auto tokens = static_cast<int64_t>(encoding.ids.size());
  const bool closed =
      !encoding.special_tokens_mask.empty() && encoding.special_tokens_mask.back() != 0;
  return closed ? tokens - 1 : tokens;
}

std::vector<int64_t> SentenceTransformer::State::tokenise(const std::string& prompt,
                                                          std::string_view text) const {
  std::vector<int64_t> ids;
  std::string whole;
  if (lower_case || !prompt.empty()) {
    whole = cat(prompt, text);
    if (lower_case) whole = tern::lower_case(whole);
    text = whole;
  }
  tokenizer.encode_ids(text, {.max_length = max_length}, ids);
  return ids;
}

Tokenised SentenceTransformer::State::tokenise_all(Context& ctx, const std::string& prompt,
                                                   std::span<const std::string_view> texts) const {
  constexpr size_t kTextsPerTile = 16;
  const size_t tiles = (texts.size() + kTextsPerTile - 1) / kTextsPerTile;
  Tokenised out;
  out.ids.resize(texts.size());
  std::vector<std::exception_ptr> errors(tiles);  // a tile must not throw
  ctx.pool().parallel_for(static_cast<int64_t>(tiles), [&](int64_t tile, int) {
    const size_t begin = static_cast<size_t>(tile) * kTextsPerTile;
    const size_t end = std::min(begin + kTextsPerTile, texts.size());
    try {
      ctx.check();
      for (size_t i = begin; i < end; ++i) out.ids[i] = tokenise(prompt, texts[i]);
    } catch (...) {
      errors[static_cast<size_t>(tile)] = std::current_exception();
    }
  });
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  out.order.resize(texts.size());
  std::iota(out.order.begin(), out.order.end(), size_t{0});
  std::stable_sort(out.order.begin(), out.order.end(),
                   [&](size_t a, size_t b) { return out.ids[a].size() > out.ids[b].size(); });
  return out;
}

/// Runs one pass and writes its vectors to rows `pass.texts` of out.
void SentenceTransformer::State::embed(Context& ctx, const Pass& pass, bool normalise,
                                       Tensor& out) const {
  Segments segments{.sequences = pass.sequences};
  const Tensor hidden = model->encode(ctx, {.input_ids = pass.ids, .segments = segments});
  segments.key_mask = pass.pooled.empty() ? nullptr : pass.pooled.data();
  Tensor vectors = head(ctx, hidden, segments);
  if (normalise) vectors = normalize(ctx, vectors);
  const int64_t width = out.dim(1);
  for (size_t i = 0; i < pass.texts.size(); ++i) {
    std::copy_n(vectors.data<float>() + static_cast<int64_t>(i) * width, width,
                out.data<float>() + static_cast<int64_t>(pass.texts[i]) * width);
  }
}

SentenceTransformer SentenceTransformer::from_pretrained(const std::string& id_or_path,
                                                         const LoadOptions& options) {
  return within_memory(id_or_path, [&] {
    return from_repo(hub::Repo::open(id_or_path, options.repo_options()), options);
  });
}

SentenceTransformer SentenceTransformer::from_repo(const hub::Repo& repo,
                                                   const LoadOptions& options) {
  return within_memory(repo.name(), [&] {
    const hub::Repo transformer = subfolder(repo, read_sentence_modules(repo).front().path);
    auto state = std::make_shared<State>();
    // Of T5 the encoder, as sentence-transformers has it.
    const bool t5 = AutoConfig::from_repo(transformer, options).model_type() == "t5";
    state->model = load_model(t5 ? "AutoModelForTextEncoding" : "AutoModel", transformer, options);
    const int64_t hidden = state->model->hidden_size();
    if (hidden == 0) {
      fail(ErrorCode::unsupported,
           cat(repo.name(), ": ", state->model->class_name(), " is no text encoder"));
    }
    state->tokenizer = AutoTokenizer::from_repo(transformer);
    state->head = SentenceHead::from_repo(repo, hidden);
    state->prompts = read_prompts(repo);
    const Config c = sentence_config(transformer);
    state->max_length =
        smallest_limit({c.integer({"max_seq_length"}, 0, 0, int64_t{1} << 40),
                        state->tokenizer.model_max_length(), state->model->max_length()});
    state->lower_case = c.boolean({"do_lower_case"}, false);
    SentenceTransformer out;
    out.state_ = std::move(state);
    return out;
  });
}

Tensor SentenceTransformer::encode(std::span<const std::string_view> texts,
                                   const EncodeTextsOptions& options) const {
  return encode(thread_context(), texts, options);
}

Tensor SentenceTransformer::encode(Context& ctx, std::span<const std::string_view> texts,
                                   const EncodeTextsOptions& options) const {
  if (options.batch_size < 1) {
    fail(ErrorCode::invalid_argument,
         cat("batch_size is ", options.batch_size, "; expected at least 1"));
  }
  const std::string& prompt = state_->prompt(options.prompt_name);
  const int64_t unpooled =
      prompt.empty() || state_->head.include_prompt() ? 0 : state_->prompt_tokens(prompt);
  const bool normalise = options.normalize && !state_->head.normalizes();
  Tensor out = Tensor::empty(DType::f32, {static_cast<int64_t>(texts.size()), dimension()});
  Pass pass;
  for (size_t begin = 0; begin < texts.size(); begin += kWindow) {
    const auto window = texts.subspan(begin, std::min(kWindow, texts.size() - begin));
    const Tokenised tokenised = state_->tokenise_all(ctx, prompt, window);
    size_t done = begin;
    const auto run = [&] {
      state_->embed(ctx, pass, normalise, out);
      done += pass.texts.size();
      progress("embed", done, texts.size());
      pass.clear();
    };
    for (const size_t i : tokenised.order) {
      if (!pass.takes(tokenised.ids[i], options.batch_size)) run();
      pass.add(begin + i, tokenised.ids[i], unpooled);
    }
    run();
  }
  return out;
}

Tensor SentenceTransformer::embed_hidden(Context& ctx, const Tensor& hidden,
                                         const Segments& segments) const {
  return state_->head(ctx, hidden, segments);
}

int64_t SentenceTransformer::dimension() const {
  return state_->head.dimension();
}
int64_t SentenceTransformer::max_seq_length() const {
  return state_->max_length;
}
const PretrainedModel& SentenceTransformer::model() const {
  return state_->model;
}
const Tokenizer& SentenceTransformer::tokenizer() const {
  return state_->tokenizer;
}

std::vector<std::string> SentenceTransformer::prompt_names() const {
  std::vector<std::string> names;
  for (const Prompt& p : state_->prompts.all) names.push_back(p.name);
  return names;
}

}  // namespace tern
