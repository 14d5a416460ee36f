// SPDX-License-Identifier: Apache-2.0
// The options of the verbs that compare with Transformers: a class, tensors in, tensors out, the
// arguments of from_pretrained and of the call.
#pragma once

#include <string>
#include <vector>

#include "model_options.h"

namespace tern::cli {

struct CallOptions {
  std::string task;  // the verb's default
  ModelOptions model = {};
  std::string inputs = {}, outputs = {}, device = "cpu", report = {};
  std::vector<std::string> set = {}, load = {};

  /// MODEL and all others.
  void declare(Options& options);
  /// After parsing: what cannot be is an Error.
  void check() const;
  /// --load: arguments of from_pretrained; those it does not know override config.json.
  LoadOptions load_options() const;
  /// --set as an object.
  hub::Json arguments() const;
  /// --report FILE, when given.
  void write_report(const LoadingReport& report) const;
};

}  // namespace tern::cli
