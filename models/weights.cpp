// SPDX-License-Identifier: Apache-2.0
// Weights: from names of the class to tensors of the file, by Transformers' loading rules: renames,
// then the name itself, then with the base model's prefix added or taken away, then the tied name.
#include "weights.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "../engine/blocks.h"
#include "../engine/weight_stream.h"
#include "initialise.h"
#include "key_names.h"
#include "prequantized_weight.h"
#include "renamer.h"
#include "stored_tensor.h"

namespace tern {

namespace {

bool runs_as_floats(DType dtype) {
  return dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16;
}

bool contains_any(std::string_view name, const std::vector<std::string_view>& parts) {
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  });
}

}  // namespace

struct Weights::State {
  struct Entry {
    Tensor tensor;
    Stored stored;
    bool reshapes = false, optional = false;
    bool used = false;
  };

  WeightsOptions options;
  std::unordered_map<std::string, Entry> entries;     // by name after renaming
  std::unordered_map<std::string, std::string> tied;  // both directions
  std::unordered_map<std::string, Tensor> fresh;
  /// Copies of tensors that several names share, by where the file has them: made once.
  std::unordered_map<const std::byte*, std::pair<Tensor, Tensor>> copies;  // as stored, as made
  std::unordered_map<const std::byte*, int> names_of;
  std::unordered_map<std::string, std::string> source_of;  // of tied targets
  std::vector<Parameter> parameters;
  std::unordered_set<std::string> taken;
  std::set<std::string> missing, known;
  std::map<std::string, LoadingReport::Mismatch> mismatched;
  /// Bytes that may still be made up: for absent tensors, and for mis-shaped ones that end in an
  /// Error anyway. A config's numbers alone never decide how much memory is taken.
  bool all_fresh = false;  // there is no checkpoint
  bool populated = true;
  uint64_t fresh_budget = 0, doomed_budget = uint64_t{16} << 20;
  uint64_t bytes_taken = 0, bytes_total = 0;  // of the file, for the progress callback
  std::vector<ModelOutline::Entry> outline;
  std::unordered_set<std::string> outlined;
  std::vector<std::string> brought_in;

  Entry* find_one(const std::string& name);
  Entry* find(const std::string& name);
  Tensor made_of(const Tensor& stored, const Stored& changes, const std::string& name) const;
  Tensor run_from(const Tensor& stored, const Stored& changes, const std::string& name);
  void count(Entry& entry);
  bool stays(const Entry& entry, const Tensor& view, const std::string& name);
  Tensor use(Entry& entry, const Tensor& view, const std::string& name, Reader reader);
  Tensor make_fresh(const std::string& name, const Shape& shape, const Init& init);
  Tensor make_doomed(const Shape& shape);
  const Tensor& record(const std::string& name, const Tensor& tensor, const Stored& changes = {});
  uint64_t size_of(const Tensor& tensor, const Stored& changes) const;
  [[noreturn]] void fail_mismatched() const;
};

/// The entry that Transformers would load into the parameter `name`.
Weights::State::Entry* Weights::State::find_one(const std::string& name) {
  const std::string prefix = options.base_model_prefix + ".";
  std::string candidates[3] = {name, prefix + name, {}};
  if (name.starts_with(prefix)) candidates[2] = name.substr(prefix.size());
  for (const std::string& candidate : candidates) {
    const auto it = entries.find(candidate);
    if (it != entries.end()) return &it->second;
  }
  return nullptr;
}

Weights::State::Entry* Weights::State::find(const std::string& name) {
  if (Entry* entry = find_one(name)) return entry;
  const auto other = tied.find(name);
  return other == tied.end() ? nullptr : find_one(other->second);
}

Tensor Weights::State::made_of(const Tensor& stored, const Stored& changes,
                               const std::string& name) const {
  if (const PrequantizedWeight* packed = changes.prequantized.get()) {
    const auto blocks = options.unpack_blocks ? std::nullopt : packed->block_type();
    return unpacked(*packed, name, blocks.value_or(options.dtype));
  }
  const Tensor whole = changes.changed() ? restored(stored, changes, name) : stored;
  const BlockUse use = {.keep = !options.unpack_blocks,
                        .dtype = options.unpack_blocks.value_or(options.format.narrow)};
  return runnable(whole, name, use);
}

Tensor Weights::State::run_from(const Tensor& stored, const Stored& changes,
                                const std::string& name) {
  const auto copy = copies.find(stored.raw());
  if (copy != copies.end() && same_view(copy->second.first, stored)) return copy->second.second;
  const Tensor made = made_of(stored, changes, name);
  const bool shared = names_of[stored.raw()] > 1 || tied.contains(name);
  if (shared && made.raw() != stored.raw()) copies[stored.raw()] = {stored, made};
  return made;
}

/// The bytes of an entry, once, for the progress callback.
void Weights::State::count(Entry& entry) {
  if (!entry.used) {
    bytes_taken +=
        entry.stored.prequantized ? entry.stored.prequantized->bytes() : entry.tensor.bytes();
    progress("load", bytes_taken, bytes_total);
  }
  entry.used = true;
}

/// Whether `view` is left on disk. Vectors are not: they are small, and layers read them as numbers
/// when they are made.
bool Weights::State::stays(const Entry& entry, const Tensor& view, const std::string& name) {
  if (view.shape().rank() < 2 || !(options.devices.of(name) == DeviceId{DeviceId::kDisk}))
    return false;
  const bool blocks = !options.unpack_blocks && has_products(view.dtype());
  const bool runs = runs_as_floats(view.dtype()) || blocks;
  if (runs && !entry.stored.changed() && !entry.stored.prequantized &&
      view.storage()->read_only() && (view.dense() || is_turned(view)))
    return true;
  brought_in.push_back(name);
  return false;
}

/// What layers run from when `name` takes the entry: `view`, which is of its elements.
Tensor Weights::State::use(Entry& entry, const Tensor& view, const std::string& name,
                           Reader reader) {
  count(entry);
  record(name, entry.tensor, entry.stored);
  const bool readable = view.dense() || is_turned(view);
  const bool whole = reader == Reader::linear && runs_as_floats(view.dtype()) && readable &&
                     !entry.stored.changed();
  const bool kept = stays(entry, view, name);
  // Who packs asks the store first, which reads in what it does not have.
  const bool read_later = whole && (kept || options.format.store);
  if (!populated && !read_later)
    (kept ? read_through : read_in)(view, cat("'", printable_name(name), "'"));
  Tensor made = whole ? view : run_from(view, entry.stored, name);
  if (kept) options.format.stream->add(made, name);
  return made;
}

Tensor Weights::State::make_fresh(const std::string& name, const Shape& shape, const Init& init) {
  const auto other = tied.find(name);
  const std::string& key = other == tied.end() ? name : std::min(name, other->second);
  Tensor& tensor = fresh[key];
  if (tensor && tensor.shape() == shape) return tensor;
  const auto size = shape.bytes(DType::f32);
  if (!size || *size > fresh_budget) {
    fail(ErrorCode::invalid_argument,
         cat("'", name, "' of shape ", shape.to_string(),
             all_fresh ? " is too large: are the numbers in the config right?"
                       : " is not in the checkpoint and is too large to be initialised beside it: "
                         "does config.json belong to these weights?"));
  }
  fresh_budget -= *size;
  tensor = initialised(shape, init,
                       {.deviation = options.initializer_range,
                        .dtype = options.dtype,
                        .seed = options.seed,
                        .name = key});
  return tensor;
}

/// Stands in for a mis-shaped tensor until finish() has all of them to report.
Tensor Weights::State::make_doomed(const Shape& shape) {
  const auto size = shape.bytes(DType::f32);
  if (!size || *size > doomed_budget) fail_mismatched();
  doomed_budget -= *size;
  Tensor tensor = Tensor::empty(DType::f32, shape);
  std::memset(tensor.raw(), 0, *size);
  return tensor;
}

/// In memory, in the model's type.
uint64_t Weights::State::size_of(const Tensor& tensor, const Stored& changes) const {
  if (changes.prequantized) return changes.prequantized->bytes();
  if (block_size(tensor.dtype()) && !options.unpack_blocks) return tensor.bytes();
  return tensor.shape().bytes(options.dtype).value_or(0);
}

const Tensor& Weights::State::record(const std::string& name, const Tensor& tensor,
                                     const Stored& changes) {
  if (outlined.insert(name).second) outline.push_back({name, size_of(tensor, changes)});
  const auto source = source_of.find(name);
  const std::string& kept = source == source_of.end() ? name : source->second;
  if (taken.insert(kept).second) parameters.push_back({kept, tensor, changes});
  return tensor;
}

void Weights::State::fail_mismatched() const {
  std::string list;
  size_t shown = 0;
  for (const auto& [name, mismatch] : mismatched) {
    if (++shown > 20) break;
    list += cat("\n  ", name, ": ", mismatch.found, " in the file, ", mismatch.expected,
                " by the config");
  }
  if (mismatched.size() > 20) list += cat("\n  … and ", mismatched.size() - 20, " more");
  fail(ErrorCode::invalid_argument, cat(mismatched.size(),
                                        " tensors have another shape than config.json asks for "
                                        "(ignore_mismatched_sizes would initialise them afresh):",
                                        list));
}

Weights::Weights(const Checkpoint& checkpoint, WeightsOptions options)
    : state_(std::make_shared<State>()) {
  constexpr uint64_t kSmallestBudget = uint64_t{256} << 20;
  state_->fresh_budget = std::max(kSmallestBudget, checkpoint.bytes());
  state_->bytes_total = checkpoint.bytes();
  state_->populated = checkpoint.populated();
  const Renamer renamed(options);
  for (const Checkpoint::Entry& entry : checkpoint.entries()) {
    state_->entries.try_emplace(renamed(entry.name), State::Entry{entry.tensor, entry.stored,
                                                                  entry.reshapes, entry.optional});
    ++state_->names_of[entry.tensor.raw()];
  }
  state_->options = std::move(options);
}

Weights::Weights(WeightsOptions options) : state_(std::make_shared<State>()) {
  state_->all_fresh = true;
  state_->fresh_budget = uint64_t{1} << 46;  // less than any machine has is out_of_memory
  state_->options = std::move(options);
}

Weights Weights::operator/(std::string_view scope) const {
  Weights inner = *this;
  if (!scope.empty()) inner.prefix_ = cat(prefix_, scope, ".");
  return inner;
}

Weights Weights::operator/(int64_t index) const {
  return *this / std::string_view(cat(index));
}

Weights Weights::with_deviation(double deviation) const {
  Weights same = *this;
  same.deviation_ = deviation;
  return same;
}

Tensor Weights::take(std::string_view name, const Shape& shape, Init init) const {
  return take_for(Reader::any, name, shape, init);
}

Tensor Weights::take_matrix(std::string_view name, const Shape& shape, Init init) const {
  return take_for(Reader::linear, name, shape, init);
}

Tensor Weights::take_for(Reader reader, std::string_view name, const Shape& shape,
                         Init init) const {
  if (init.deviation <= 0) init.deviation = deviation_;
  const std::string full = prefix_ + std::string(name);
  State::Entry* entry = state_->find(full);
  if (!entry) {
    if (!state_->all_fresh) state_->missing.insert(full);
    return state_->record(full, state_->make_fresh(full, shape, init));
  }
  if (entry->reshapes && entry->tensor.numel() == shape.numel() && entry->tensor.dense()) {
    entry->tensor = entry->tensor.reshape(shape);
  }
  if (entry->tensor.shape() == shape) return state_->use(*entry, entry->tensor, full, reader);
  state_->count(*entry);
  state_->mismatched[full] = {full, shape.to_string(), entry->tensor.shape().to_string()};
  return state_->options.ignore_mismatched_sizes
             ? state_->record(full, state_->make_fresh(full, shape, init))
             : state_->make_doomed(shape);
}

Tensor Weights::take_transposed(std::string_view name, int64_t in, int64_t out,
                                const Init& init) const {
  const std::string full = prefix_ + std::string(name);
  State::Entry* entry = state_->find(full);
  if (entry && entry->stored.prequantized && !std::exchange(entry->stored.turned, true)) {
    entry->tensor = stand_in(*entry->stored.prequantized, true);
  }
  const bool there = entry && entry->tensor.shape() == Shape({in, out});
  if (there && entry->stored.prequantized)
    return state_->use(*entry, entry->tensor, full, Reader::linear);
  if (there && is_turned(entry->tensor))
    return state_->use(*entry, turned(entry->tensor), full, Reader::linear);
  const Tensor x = take_matrix(name, {in, out}, init);
  return block_size(x.dtype()) ? transposed(x) : turned(x);
}

Tensor Weights::take_optional(std::string_view name, const Shape& shape) const {
  return has(name) || state_->all_fresh ? take(name, shape, Init::zeros) : Tensor();
}

bool Weights::has(std::string_view name) const {
  return state_->find(prefix_ + std::string(name)) != nullptr;
}

void Weights::ignore(std::string_view name) const {
  state_->known.insert(prefix_ + std::string(name));
}

void Weights::tie(std::string_view source, std::string_view target) const {
  const std::string a = prefix_ + std::string(source), b = prefix_ + std::string(target);
  State::Entry* first = state_->find(a);  // perhaps by a name that it is tied to already
  State::Entry* second = state_->find_one(b);
  if (!first || !second) {
    state_->tied.try_emplace(a, b);
    state_->tied[b] = a;
    state_->source_of[b] = a;
    return;
  }
  first->used = second->used = true;
  for (const auto& [entry, name] : {std::pair(first, &a), std::pair(second, &b)}) {
    if (!state_->populated && !entry->stored.prequantized)
      read_in(entry->tensor, cat("'", printable_name(*name), "'"));
  }
  const bool packed = first->stored.prequantized || second->stored.prequantized;
  if (!packed && same_values(first->tensor, second->tensor)) {
    state_->source_of[b] = a;
    return;
  }
  log(LogLevel::warning, cat("the config ties '", a, "' and '", b,
                             "', but the checkpoint has both with different values: not tied "
                             "(set tie_word_embeddings to false to silence this)"));
}

const std::vector<Parameter>& Weights::parameters() const noexcept {
  return state_->parameters;
}

LinearFormat Weights::format() const noexcept {
  return state_->options.format;
}

const std::vector<std::string>& Weights::brought_in() const noexcept {
  return state_->brought_in;
}

ModelOutline Weights::outline() const {
  ModelOutline out;
  out.entries = state_->outline;
  for (const auto& [target, source] : state_->source_of) out.tied.emplace_back(target, source);
  std::sort(out.tied.begin(), out.tied.end());
  return out;
}

LoadingReport Weights::finish() const {
  if (!state_->mismatched.empty() && !state_->options.ignore_mismatched_sizes) {
    state_->fail_mismatched();
  }
  if (!state_->all_fresh) progress("load", state_->bytes_total, state_->bytes_total);
  const WeightsOptions& options = state_->options;
  std::set<std::string> missing, unexpected;
  for (const std::string& name : state_->missing) {
    if (!state_->known.contains(name) && !contains_any(name, options.ignore_missing))
      missing.insert(name);
  }
  for (const std::string& name : state_->known) {
    if (State::Entry* entry = state_->find_one(name)) entry->used = true;
  }
  for (const auto& [name, entry] : state_->entries) {
    const bool quiet = entry.used || entry.optional || is_stored_buffer(name) ||
                       contains_any(name, options.ignore_unexpected);
    if (!quiet) unexpected.insert(name);
  }
  LoadingReport report;
  report.missing_keys = in_natural_order(missing);
  report.unexpected_keys = in_natural_order(unexpected);
  for (const auto& [name, mismatch] : state_->mismatched)
    report.mismatched_keys.push_back(mismatch);
  std::sort(report.mismatched_keys.begin(), report.mismatched_keys.end(),
            [](const auto& a, const auto& b) { return natural_less(a.name, b.name); });
  return report;
}

}  // namespace tern
