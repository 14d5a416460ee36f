// SPDX-License-Identifier: Apache-2.0
#include "model.h"

#include "../engine/base/error.h"
#include "../engine/base/format.h"

namespace tern {

void NamedTensors::set(std::string_view name, Tensor tensor) {
  for (Entry& entry : entries_) {
    if (entry.first == name) {
      entry.second = std::move(tensor);
      return;
    }
  }
  entries_.emplace_back(std::string(name), std::move(tensor));
}

const Tensor& NamedTensors::get(std::string_view name) const noexcept {
  static const Tensor kAbsent;
  for (const Entry& entry : entries_) {
    if (entry.first == name) return entry.second;
  }
  return kAbsent;
}

const Tensor& NamedTensors::operator[](std::string_view name) const {
  const Tensor& tensor = get(name);
  if (tensor) return tensor;
  std::string names;
  for (const Entry& entry : entries_) names += cat(names.empty() ? "" : ", ", entry.first);
  fail(ErrorCode::not_found,
       cat("no tensor named '", name, "'; there is: ", names.empty() ? "none" : names));
}

Tensor Model::encode(Context& /*ctx*/, const TokenBatch& /*batch*/) const {
  fail(ErrorCode::unsupported, cat(class_name_, " is no text encoder: it has no encode()"));
}

Encoded CausalModel::encode_sources(Context& /*ctx*/, const NamedTensors& /*inputs*/) const {
  fail(ErrorCode::unsupported, "this language model has no encoder");
}

Context& thread_context() {
  static thread_local Context context;
  return context;
}

}  // namespace tern
