// SPDX-License-Identifier: Apache-2.0
#include "golden.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <system_error>

#include "../../hub/formats/safetensors.h"
#include "../../models/registry.h"

namespace tern::golden {

namespace fs = std::filesystem;

std::string root() {
  const std::string path = std::string(TERN_SHARED_DATA) + "/golden";
  return fs::exists(path) ? path : std::string();
}

bool exists(const std::string& path) {
  return fs::exists(path);
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

void write(const std::string& path, const std::string& content) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

std::vector<std::string> files_of(const std::string& folder) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(folder)) out.push_back(entry.path().filename());
  std::sort(out.begin(), out.end());
  return out;
}

std::string scratch_folder(const std::string& name) {
  static const struct All {
    fs::path path = fs::temp_directory_path() / ("tern-test-models-" + std::to_string(::getpid()));
    ~All() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  } all;
  const fs::path path = all.path / name;
  fs::remove_all(path);
  fs::create_directories(path);
  return path.string();
}

std::map<std::string, Tensor> tensors(const std::string& path) {
  const hub::SafetensorsFile file = hub::open_safetensors(path);
  std::map<std::string, Tensor> out;
  for (const hub::TensorEntry& entry : file.header.tensors) {
    const Shape shape{std::span<const int64_t>(entry.shape)};
    out[entry.name] = Tensor(file.storage, entry.dtype, shape, entry.begin).clone();
  }
  return out;
}

std::vector<Case> cases(const std::string& folder) {
  const auto all = tensors(folder + "/golden.safetensors");
  const hub::Json json = hub::Json::parse(read(folder + "/golden.json"), "golden.json");
  std::vector<Case> out;
  for (const hub::Json& entry : json["cases"].elements()) {
    Case c{.name = std::string(*entry["name"].string()),
           .auto_class = std::string(*entry["auto_class"].string()),
           .call = std::string(*entry["call"].string()),
           .kwargs = entry["kwargs"],
           .load_kwargs = entry["load_kwargs"],
           .inputs = {},
           .outputs = {}};
    for (const hub::Json& name : entry["inputs"].elements()) {
      c.inputs.set(*name.string(), all.at("case/" + c.name + "/in/" + std::string(*name.string())));
    }
    for (const hub::Json& name : entry["outputs"].elements()) {
      c.outputs.set(*name.string(),
                    all.at("case/" + c.name + "/out/" + std::string(*name.string())));
    }
    out.push_back(std::move(c));
  }
  return out;
}

LoadOptions load_options(const hub::Json& kwargs) {
  LoadOptions options;
  std::vector<hub::Json::NewMember> overrides;
  for (const auto& [name, value] : kwargs.members()) {
    if (name == "ignore_mismatched_sizes") {
      options.ignore_mismatched_sizes = value.boolean().value_or(false);
    } else if (name == "dtype") {
      options.dtype = std::string(*value.string());
    } else if (name == "variant") {
      options.variant = std::string(*value.string());
    } else if (name == "use_safetensors") {
      options.use_safetensors = value.boolean();
    } else if (name == "from_tf") {
      options.from_tf = value.boolean().value_or(false);
    } else if (name == "from_flax") {
      options.from_flax = value.boolean().value_or(false);
    } else {
      overrides.emplace_back(name, value);
    }
  }
  options.config_overrides = hub::Json::object(std::move(overrides));
  return options;
}

std::vector<Load> loads() {
  const std::string folder = root() + "/loading/";
  const hub::Json json = hub::Json::parse(read(folder + "golden.json"), "golden.json");
  std::vector<Load> out;
  for (const auto& [name, list] : json["folders"].members()) {
    for (const hub::Json& expected : list.elements()) {
      out.push_back({std::string(name), std::string(*expected["auto_class"].string()),
                     hub::Repo::open(folder + std::string(name)), load_options(expected["kwargs"]),
                     expected});
    }
  }
  return out;
}

bool has_class(const std::string& task, const hub::Repo& repo) {
  try {
    find_model_class(task, AutoConfig::from_repo(repo), repo.name());
  } catch (const Error&) {
    return false;
  }
  return true;
}

Tensor at_real_tokens(const Tensor& x, const Tensor& mask) {
  const bool by_token =
      x && mask && x.shape().rank() >= 2 && x.dim(0) == mask.dim(0) && x.dim(1) == mask.dim(1);
  if (!by_token) return x;
  const int64_t width = x.numel() / mask.numel();
  std::vector<float> kept;
  for (int64_t i = 0; i < mask.numel(); ++i) {
    if (mask.data<int64_t>()[i] == 0) continue;
    const float* row = x.data<float>() + i * width;
    kept.insert(kept.end(), row, row + width);
  }
  const auto rows = static_cast<int64_t>(kept.size()) / width;
  return Tensor::from<float>(kept, {rows, width});
}

double error(const Tensor& got, const Tensor& expected) {
  if (!(got.shape() == expected.shape())) return std::numeric_limits<double>::infinity();
  double worst = 0, largest = 1;
  for (int64_t i = 0; i < got.numel(); ++i) {
    const double a = double{got.data<float>()[i]}, b = double{expected.data<float>()[i]};
    if (!std::isfinite(a)) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, std::abs(a - b));
    largest = std::max(largest, std::abs(b));
  }
  return worst / largest;
}

double relative_l2(const Tensor& got, const Tensor& expected) {
  if (!(got.shape() == expected.shape())) return std::numeric_limits<double>::infinity();
  double difference = 0, norm = 0;
  for (int64_t i = 0; i < got.numel(); ++i) {
    const double a = double{got.data<float>()[i]}, b = double{expected.data<float>()[i]};
    difference += (a - b) * (a - b);
    norm += b * b;
  }
  return std::sqrt(difference / norm);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && a.dense() && b.dense() &&
         std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

StorageRef storage_of(const std::string& bytes) {
  auto owner = std::make_shared<std::string>(bytes);
  return borrowed_storage(reinterpret_cast<const std::byte*>(owner->data()), owner->size(), owner);
}

uint64_t Rng::next() {
  uint64_t z = (state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

double Rng::uniform() {
  return static_cast<double>(next() >> 11) * 0x1p-53;
}

int64_t Rng::below(int64_t n) {
  return static_cast<int64_t>(next() % static_cast<uint64_t>(n));
}

}  // namespace tern::golden
