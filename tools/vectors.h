// SPDX-License-Identifier: Apache-2.0
// VectorWriter: rows of float32 as JSON lines {"embedding":[…]}, as one NumPy array, or as the
// tensor "embeddings" of a safetensors file. The two binary forms begin with a header of fixed size
// that is written last, when the number of rows is known.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "output.h"

namespace tern::cli {

class VectorWriter {
 public:
  virtual ~VectorWriter() = default;
  /// rows × columns floats, row by row.
  virtual void write(std::span<const float> values, int64_t columns) = 0;
  /// Completes the header; `columns` is the width even when there was no row.
  virtual void finish(int64_t columns) = 0;
};

/// format: "jsonl", "npy" or "safetensors"; the latter two need a seekable file.
std::unique_ptr<VectorWriter> make_vector_writer(std::string_view format, OutputFile& output);

/// The shortest decimal that reads back as the same float ("null" for what JSON cannot say).
void append_number(std::string& out, float value);

}  // namespace tern::cli
