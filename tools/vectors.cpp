// SPDX-License-Identifier: Apache-2.0
#include "vectors.h"

#include <bit>
#include <charconv>
#include <cmath>

#include "../engine/base/error.h"
#include "../engine/base/format.h"

namespace tern::cli {

namespace {

static_assert(std::endian::native == std::endian::little, "both file formats are little-endian");

std::string_view bytes_of(std::span<const float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

class JsonLines final : public VectorWriter {
 public:
  explicit JsonLines(OutputFile& output) : output_(output) {}

  void write(std::span<const float> values, int64_t columns) override {
    const auto width = static_cast<size_t>(columns);
    text_.clear();
    for (size_t begin = 0; begin < values.size(); begin += width) {
      char separator = '[';
      text_ += "{\"embedding\":";
      for (const float value : values.subspan(begin, width)) {
        text_ += separator;
        append_number(text_, value);
        separator = ',';
      }
      text_ += "]}\n";
    }
    output_.write(text_);
  }
  void finish(int64_t) override {}

 private:
  OutputFile& output_;
  std::string text_;
};

/// A header of kHeader bytes, then the rows.
class Binary : public VectorWriter {
 public:
  explicit Binary(OutputFile& output) : output_(output) {
    output_.write(std::string(kHeader, ' '));
  }
  void write(std::span<const float> values, int64_t columns) override {
    output_.write(bytes_of(values));
    rows_ += static_cast<int64_t>(values.size()) / columns;
  }
  void finish(int64_t columns) override { output_.rewrite_start(header(rows_, columns)); }

 protected:
  static constexpr size_t kHeader = 128;
  virtual std::string header(int64_t rows, int64_t columns) const = 0;

 private:
  OutputFile& output_;
  int64_t rows_ = 0;
};

/// numpy.lib.format version 1.0: magic, version, u16 length, a Python dict padded with spaces.
class Npy final : public Binary {
 public:
  using Binary::Binary;

 private:
  std::string header(int64_t rows, int64_t columns) const override {
    constexpr size_t kPreamble = 10;
    constexpr char kLength = kHeader - kPreamble;
    std::string out("\x93NUMPY\x01\x00", 8);
    out += {kLength, '\0'};
    out += cat("{'descr': '<f4', 'fortran_order': False, 'shape': (", rows, ", ", columns, "), }");
    out.resize(kHeader - 1, ' ');
    return out + "\n";
  }
};

class Safetensors final : public Binary {
 public:
  using Binary::Binary;

 private:
  std::string header(int64_t rows, int64_t columns) const override {
    constexpr char kLength = kHeader - 8;
    const int64_t end = rows * columns * static_cast<int64_t>(sizeof(float));
    std::string out = {kLength, 0, 0, 0, 0, 0, 0, 0};
    out += cat("{\"embeddings\":{\"dtype\":\"F32\",\"shape\":[", rows, ",", columns,
               "],\"data_offsets\":[0,", end, "]}}");
    out.resize(kHeader, ' ');
    return out;
  }
};

}  // namespace

void append_number(std::string& out, float value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char digits[32];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

std::unique_ptr<VectorWriter> make_vector_writer(std::string_view format, OutputFile& output) {
  if (format == "jsonl") return std::make_unique<JsonLines>(output);
  if (!output.seekable()) {
    fail(ErrorCode::invalid_argument,
         cat("--format ", format,
             " needs --output FILE (a regular file): its header is written last"));
  }
  if (format == "npy") return std::make_unique<Npy>(output);
  return std::make_unique<Safetensors>(output);
}

}  // namespace tern::cli
