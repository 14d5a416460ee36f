// SPDX-License-Identifier: Apache-2.0
// The public C++ API of tern.
#pragma once

#include "../engine/base/error.h"
#include "../engine/base/log.h"
#include "../engine/context.h"
#include "auto.h"
#include "generate/generate.h"
#include "sentence_transformer.h"
#include "text/chat_template.h"
#include "text/text_stream.h"
#include "text/tokenizer.h"
#include "version.h"
