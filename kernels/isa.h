// SPDX-License-Identifier: Apache-2.0
// What this CPU and operating system allow, and how a kernel variant is picked.
// An op's variants stand in kernels/<op>/<op>.inc, best first, one line each:
//     TERN_VARIANT(norm_avx512, avx512)
// where the symbol is a table of the op's type; some ops add what else it is chosen by. The file is
// included to declare, to choose, to enumerate (tests, benchmarks).
#pragma once

namespace tern::kernels {

/// Ordered: a CPU that has one level has all lower ones.
/// avx2 means AVX2, FMA, F16C, BMI2; avx512 means F, BW, DQ, VL, CD; the further ones add to it.
enum class Isa : int { generic, avx2, avx512, avx512_vnni, avx512_bf16 };

/// "generic", "avx2", …
const char* isa_name(Isa isa) noexcept;

/// The best level of this CPU under this operating system (cpuid and xgetbv), whatever TERN_ISA
/// says.
Isa hardware_isa() noexcept;

/// hardware_isa() lowered by the environment variable TERN_ISA; an unknown name there is ignored
/// (isa_name tells what is in force). Read once.
Isa isa() noexcept;

/// For tests: replaces isa() from now on; never above hardware_isa().
void force_isa(Isa isa) noexcept;

/// What a variant may need beyond its level, which stands aside from their order.
/// avx_vnni: vpdpbusd in its VEX form, on CPUs without AVX-512 too.
enum class Feature : int { none, avx_vnni };

/// Of this CPU under this operating system, whatever level is in force.
bool hardware_has(Feature feature) noexcept;

/// Element formats that kernels read and write. bf16 and f16 are stored as uint16_t.
enum class Format : int { f32, bf16, f16 };

/// What an epilogue or an activation kernel applies.
/// gelu: x·Φ(x) by erf; gelu_tanh: the tanh approximation ("gelu_new", "gelu_pytorch_tanh");
/// quick_gelu: x·σ(1.702x); silu: x·σ(x).
enum class Act : int { none, gelu, gelu_tanh, quick_gelu, relu, tanh, silu, sigmoid };

}  // namespace tern::kernels
