// SPDX-License-Identifier: Apache-2.0
// The numbers of a decoder from config.json; see decoder.h.
#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "../initialise.h"
#include "decoder.h"

namespace tern {

DecoderSizes DecoderSizes::from(const Config& c, const DecoderSizes& defaults) {
  DecoderSizes s = defaults;
  s.vocab = c.integer({"vocab_size"}, defaults.vocab, 1, int64_t{1} << 31);
  s.hidden = c.integer({"hidden_size"}, defaults.hidden, 1, 1 << 20);
  s.layers = c.integer({"num_hidden_layers"}, defaults.layers, 0, 1024);
  s.intermediate = c.integer({"intermediate_size"}, defaults.intermediate, 1, 1 << 24);
  s.heads = c.integer({"num_attention_heads"}, defaults.heads, 1, 4096);
  const int64_t kv_heads = defaults.kv_heads > 0 ? defaults.kv_heads : s.heads;
  s.kv_heads = c.integer({"num_key_value_heads"}, kv_heads, 1, 4096);
  const int64_t head_dim = defaults.head_dim > 0 ? defaults.head_dim : s.hidden / s.heads;
  s.head_dim = c.integer({"head_dim"}, head_dim, 0, 1 << 16);
  s.positions = c.integer({"max_position_embeddings"}, defaults.positions, 1, int64_t{1} << 40);
  s.zero_row = padding_row(c, "pad_token_id", defaults.zero_row, s.vocab);
  s.act = c.activation({"hidden_act", "hidden_activation"}, "silu");
  s.eps = c.number({"rms_norm_eps"}, defaults.eps, 0, 1);
  s.kinds.assign(static_cast<size_t>(s.layers), {});
  s.check(c);
  return s;
}

void DecoderSizes::check(const Config& c) const {
  if (head_dim < 1 || heads % kv_heads != 0) {
    fail(
        ErrorCode::invalid_argument,
        cat(c.what(), ": ", heads, " attention heads of ", head_dim, " with ", kv_heads,
            " key-value heads; expected a head size of 1 or more, and key-value heads that divide ",
            "the heads"));
  }
  check_head_size(c, head_dim);
}

void DecoderSizes::set_window(int64_t window) {
  for (LayerKind& kind : kinds) kind.window = window;
}

void DecoderSizes::set_layer_types(const Config& c, int64_t window,
                                   bool (*sliding)(const Config&, int64_t)) {
  const hub::Json& types = c.json()["layer_types"];
  if (!types.is_null() && types.elements().size() != kinds.size()) {
    fail(ErrorCode::invalid_argument, cat(c.what(), ": 'layer_types' has ", types.elements().size(),
                                          " entries for ", kinds.size(), " layers"));
  }
  for (size_t i = 0; i < kinds.size(); ++i) {
    bool slides = types.is_null() && sliding(c, static_cast<int64_t>(i));
    if (!types.is_null()) {
      const auto type = types.elements()[i].string();
      slides = type == "sliding_attention";
      if (!slides && type != "full_attention") {
        fail(ErrorCode::unsupported,
             cat(c.what(), ": layer ", i, " is of type ", types.elements()[i].dump(),
                 "; full_attention and ", "sliding_attention are supported"));
      }
    }
    kinds[i] = {.window = slides ? window : 0, .rope = slides ? ropes.size() - 1 : 0};
  }
}

double number_or_none(const Config& c, std::string_view name, double fallback) {
  if (c.json().contains(name) && c.json()[name].is_null()) return 0;
  return c.number({name}, fallback, 0, 1e12);
}

}  // namespace tern
