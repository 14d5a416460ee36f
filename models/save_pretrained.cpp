// SPDX-License-Identifier: Apache-2.0
// save_pretrained: a model as a folder that Transformers and tern load: config.json,
// generation_config.json where the model came with one, and the weights as safetensors. The weights
// are read again from the checkpoint, whose mapping a model keeps, so that neither packing nor
// quantisation shows in them.
#include <algorithm>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "../hub/folder_writer.h"
#include "../hub/formats/safetensors.h"
#include "auto.h"
#include "key_names.h"
#include "out_of_memory.h"
#include "save_config.h"
#include "save_shards.h"
#include "save_tensor.h"

namespace tern {

namespace {

constexpr const char* kGenerationConfig = "generation_config.json";
constexpr uint64_t kSmallFiles = 1 << 20;  // what the texts may take

class WeightsWriter {
 public:
  WeightsWriter(const Model& model, const SaveOptions& options, hub::FolderWriter& folder)
      : parameters_(model.parameters()),
        dtype_(model.loading_report().dtype),
        file_(with_variant("model.safetensors", options.variant)),
        index_(with_variant("model.safetensors.index.json", options.variant)),
        folder_(folder) {
    // Transformers' order, which decides where a shard ends.
    std::sort(parameters_.begin(), parameters_.end(),
              [](const Parameter& a, const Parameter& b) { return natural_less(a.name, b.name); });
    std::vector<uint64_t> sizes;
    for (const Parameter& p : parameters_) {
      sizes.push_back(size_of(p));
      total_ += size_of(p);
      index_content_.parameters += p.tensor.numel();
    }
    shards_ = split_into_shards(sizes, options.max_shard_size.bytes(), options.variant);
    index_content_.bytes = static_cast<int64_t>(total_);
  }

  uint64_t bytes() const noexcept { return total_; }

  void write() {
    for (const Shard& shard : shards_) write_shard(shard);
    if (shards_.size() > 1) write_index();
    replace_old();
  }

 private:
  DType type_of(const Parameter& p) const { return p.keeps_f32 ? DType::f32 : dtype_; }
  uint64_t size_of(const Parameter& p) const {
    return p.tensor.shape().bytes(type_of(p)).value_or(0);
  }

  void write_shard(const Shard& shard) {
    std::vector<hub::TensorSpec> specs;
    for (const size_t i : shard.tensors) {
      const auto dims = parameters_[i].tensor.shape().dims();
      specs.push_back({parameters_[i].name, type_of(parameters_[i]), {dims.begin(), dims.end()}});
    }
    const hub::SafetensorsLayout layout =
        hub::lay_out_safetensors(specs, {{"format", "pt"}}, shard.file);
    hub::FolderWriter::File file = folder_.begin(shard.file);
    file.append(as_bytes(layout.head));
    for (const size_t place : layout.order) {
      const Parameter& parameter = parameters_[shard.tensors[place]];
      append_tensor(parameter, type_of(parameter), ctx_, file);
      done_ += size_of(parameter);
      progress("save", done_, total_);
    }
    file.finish(layout.size);
  }

  void write_index() {
    for (const Shard& shard : shards_) {
      for (const size_t i : shard.tensors) {
        index_content_.weight_map.emplace_back(parameters_[i].name, shard.file);
      }
    }
    const std::string text = index_text(std::move(index_content_));
    hub::FolderWriter::File file = folder_.begin(index_);
    file.append(as_bytes(text));
    file.finish(text.size());
  }

  /// What an earlier model left in the folder and would be loaded in place of this one or beside
  /// it. Transformers leaves the other form's entry, the file or the index: it would be found
  /// first, or lead nowhere.
  void replace_old() {
    const std::string stem = file_.substr(0, file_.rfind('.'));
    const bool sharded = shards_.size() > 1;
    folder_.replace_if([=, index = index_, file = file_](const std::string& name) {
      return name == index || (sharded && name == file) || is_shard_name(name, stem);
    });
  }

  std::vector<Parameter> parameters_;
  DType dtype_;
  std::string file_, index_;
  hub::FolderWriter& folder_;
  std::vector<Shard> shards_;
  SavedIndex index_content_;
  uint64_t done_ = 0, total_ = 0;
  Context ctx_;
};

}  // namespace

void PretrainedModel::save_pretrained(const std::string& folder, const SaveOptions& options) const {
  within_memory(folder, [&] {
    if (!model_) fail(ErrorCode::invalid_argument, "this PretrainedModel holds no model");
    hub::FolderWriter out(folder);
    WeightsWriter weights(*model_, options, out);
    out.need_space(weights.bytes() + kSmallFiles);
    weights.write();
    if (model_->generation_config().empty()) {
      out.replace(kGenerationConfig);  // another model's
    } else {
      out.write(kGenerationConfig, as_bytes(model_->generation_config()));
    }
    out.write("config.json", as_bytes(saved_config(model_->config(), model_->class_name(),
                                                   model_->loading_report().dtype)));
    out.publish();
  });
}

}  // namespace tern
