// SPDX-License-Identifier: Apache-2.0
// What this machine can do at most, measured beside a kernel in the same process: multiply-add
// rate, the time to read a buffer, and the clock.
#pragma once

#include <stddef.h>

#include "../../kernels/isa.h"

namespace tern::bench {

/// CPU seconds of this thread: what other processes take in between does not count.
double thread_seconds();

/// Seconds of one cycle of this core's clock now; 0 where it is not measured (not x86-64).
double seconds_per_cycle();

/// FLOP/s of one core over a window of about 50 µs, by the widest multiply-add of that level: f32
/// FMA up to avx512_vnni, vdpbf16ps for avx512_bf16. 0 where nothing is known (not x86-64,
/// generic).
double multiply_add_rate(kernels::Isa level);

/// The same of bytes by vpdpbusd; 0 below avx512_vnni.
double byte_multiply_add_rate(kernels::Isa level);

/// Seconds to load the bytes once with the widest loads of this CPU. Multiple of 256 bytes, 64-byte
/// aligned; 0 where it is not measured.
double read_seconds(const void* p, size_t bytes);

/// Copies with the widest plain loads and stores of this CPU, never past the caches. Multiple of
/// 256 bytes, 64-byte aligned; does nothing where it cannot be told (not x86-64, generic).
void plain_copy(const void* from, void* to, size_t bytes);

}  // namespace tern::bench
