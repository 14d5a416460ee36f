// SPDX-License-Identifier: Apache-2.0
// A tokenizer from a GGUF file's metadata, with the ids that Transformers 5.24 gives through
// gguf_file (integrations/gguf). Its rules, where one would expect others: a pre-tokenizer whose
// name it does not know is GPT-2's (also "smollm", "deepseek-llm", "default" …); nothing is
// normalized but for Gemma and Phi-3; add_space_prefix and T5's charsmap are not looked at; GPT-2's
// <|endoftext|>, Llama's <s> … become added tokens behind the vocabulary where the file lacks them.
// Other than there:
// - Tokens marked control or user-defined that are written with characters which are no byte
//   (DeepSeek's <｜User｜>) are matched whole, with the file's ids; Transformers cuts them into
//   bytes and gives bos an id that the model does not have.
// - BERT's vocabularies ("bert") and XLM-RoBERTa's ("t5" in an architecture that is not T5), which
//   Transformers refuses, have the components of those classes. BERT's is lowercased unless the
//   vocabulary has capital letters, since the file does not say.
#pragma once

#include <memory>

#include "../../../hub/formats/gguf.h"
#include "../chat_template_files.h"
#include "../pipeline.h"

namespace tern::text {

/// unsupported names a tokenizer.ggml.model that is not known; corrupt a value that cannot be;
/// not_found: the file has no tokenizer.
std::unique_ptr<Tokenizer::Pipeline> read_gguf_tokenizer(const hub::GgufFile& file);

/// Its templates, and bos_token … with their texts.
ChatFiles read_gguf_chat(const hub::GgufFile& file);

}  // namespace tern::text
