// SPDX-License-Identifier: Apache-2.0
// PastKeyValues: what a call of generate() has computed, for the next one. A prompt that begins as
// a row of the call before (a chat's next turn, a long instruction before each question) computes
// only what is new, with the same bits.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "../model.h"

namespace tern {

/// Of one model and one number of rows; for others it begins anew, and for models whose numbers
/// depend on a sequence's length (dynamic and longrope rotary embeddings) each time. So does a row
/// of a model with sliding windows that leaves the former one before what these still hold. Not
/// thread-safe.
class TERN_API PastKeyValues {
 public:
  /// The tokens of a row, without padding, whose keys and values are there.
  std::span<const int64_t> tokens(int64_t row) const;
  /// What keys and values take.
  uint64_t bytes() const;
  /// The same of an assistant model.
  PastKeyValues& assistant();

 private:
  friend class Stepper;
  using Rows = std::vector<std::vector<int64_t>>;

  /// A cache of that model in that shape with so many slots of at least that capacity.
  KvCache& cache(const CausalModel& model, const KvShape& shape, int64_t slots, int64_t capacity);
  /// Leaves in it what the rows begin with; the last token of each, and guesses[i] that follow it,
  /// are always computed.
  void resume(const Rows& rows, std::span<const int64_t> guesses);
  /// The rows whose tokens, but for the last one, the cache has got.
  void keep(const Rows& rows);

  const CausalModel* model_ = nullptr;
  std::unique_ptr<KvCache> cache_;
  Rows rows_;
  std::unique_ptr<PastKeyValues> assistant_;
};

}  // namespace tern
