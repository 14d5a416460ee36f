// SPDX-License-Identifier: Apache-2.0
// TERN_API marks what libtern.so exports; everything else has hidden visibility.
#pragma once

#if defined(__GNUC__)
#define TERN_API __attribute__((visibility("default")))
#else
#define TERN_API
#endif
