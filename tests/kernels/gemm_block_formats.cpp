// SPDX-License-Identifier: Apache-2.0
// Block formats: GGUF's against values of the `gguf` package (version 0.19.0), tern's quantisers
// against their rules. The blocks and values of kVectors were printed by
//
//   b = rng.integers(0, 256, size, dtype=uint8); b[d:d+2] = float16(rng.uniform(-2, 2)) for d, m
//   w = gguf.quants.dequantize(b[None], GGMLQuantizationType[name])[0]; s = w.size // 32
//   print(b.tobytes().hex(), [w[i*s + i%s] for i in range(32)],
//         sum((i + 1) * float64(w[i]) for i in range(w.size)))
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "../../kernels/gemm_block/blocks.h"
#include "buffers.h"

using namespace tern::kernels;
using namespace tern::test;

namespace {

struct Vector {
  BlockFormat format;
  const char* hex;
  float picks[32];
  double weighted_sum;
};

const Vector kVectors[] = {
    {BlockFormat::q8_0,
     "e8b7f8b9fb1f6cf1b529a3e1cc5ce682c38ec0f0841bebf936ac64f86eabb114b313",
     {3.953125f,    35.0839844f,  2.47070312f,  -15.3183594f, -53.3671875f, 7.41210938f,
      37.0605469f,  -20.2597656f, 45.9550781f,  15.3183594f,  25.6953125f,  -45.4609375f,
      12.8476562f,  62.2617188f,  30.1425781f,  56.3320312f,  31.625f,      7.90625f,
      61.2734375f,  -13.3417969f, 10.3769531f,  3.45898438f,  -26.6835938f, 41.5078125f,
      -49.4140625f, 3.953125f,    -54.3554688f, 42.0019531f,  39.0371094f,  -9.8828125f,
      38.0488281f,  -9.38867188f},
     5135.603515625},
    {BlockFormat::q4_0,
     "f23d7b9b7b0981a0c26549cd0410b694deda",
     {4.45898438f,  4.45898438f,  4.45898438f, 1.48632812f,  -10.4042969f, -11.890625f,
      -8.91796875f, -4.45898438f, 1.48632812f, 7.43164062f,  -5.9453125f,  -11.890625f,
      -2.97265625f, -5.9453125f,  8.91796875f, 2.97265625f,  -1.48632812f, 1.48632812f,
      -1.48632812f, -11.890625f,  0.0f,        2.97265625f,  5.9453125f,   -2.97265625f,
      -5.9453125f,  5.9453125f,   -11.890625f, -10.4042969f, 4.45898438f,  1.48632812f,
      7.43164062f,  7.43164062f},
     -347.80078125},
    {BlockFormat::q4_1,
     "73b4a03c5fbe3f8b3e7a94564591f7e6b50c800f",
     {-3.01489258f,  -2.73681641f,  -3.01489258f,  -1.90258789f,  -2.73681641f,  -1.62451172f,
      0.0439453125f, -0.512207031f, -0.234130859f, 0.878173828f,  -0.790283203f, -0.512207031f,
      -0.234130859f, -2.18066406f,  1.15625f,      -3.01489258f,  -0.234130859f, -1.90258789f,
      0.322021484f,  -1.06835938f,  0.322021484f,  -0.790283203f, -1.34643555f,  -0.234130859f,
      0.0439453125f, -1.34643555f,  -3.01489258f,  -2.73681641f,  -1.90258789f,  1.15625f,
      -1.06835938f,  1.15625f},
     -434.232177734375},
    {BlockFormat::q4_k,
     "073f403599a7e6f67473f1fbdd3e0bee7b59a65ee95190bb09fc0bf8e952d09260acd4ed1ce3e196e4427d2d35"
     "49cc7616b3dd9b3767ce4d160472b454278368f8945bf14ae22e35448668aa8fb11917673926227c866f853e40"
     "747fb5579b7f93de5d7e987106dbd3d20e8062c1375d11a665f530b044e2577f9559ef216b33dd104939b77133"
     "2a687ea7858d186e93",
     {466.067383f, 509.988281f, 158.621094f, 553.90918f,  942.498047f, 325.848633f, 942.498047f,
      462.881836f, 384.480469f, 250.960938f, 718.279297f, 651.519531f, 265.248047f, 170.378906f,
      170.378906f, 75.5097656f, 543.887695f, -9.515625f,  1018.2334f,  -9.515625f,  559.466797f,
      397.837891f, -6.234375f,  397.837891f, 87.9033203f, 1539.0498f,  917.129883f, 502.516602f,
      306.427734f, 197.503906f, 306.427734f, 959.970703f},
     20235884.108398438},
    {BlockFormat::q5_k,
     "eeb7ddb856e84414a4ba9044d96a1bffe4b605ee3788e10650b5e17de1637d7f154901ad32d7851da0afdd7901"
     "98205ec5008c37a0464ecf3e174bb15329022e120a48c56fc0c389f683d73056a054a9490ebd751d879e7a69e9"
     "9f5c92bd46f90ef3b42b38c7f4fe9b80aa38212beecdbde266f6fcd3b82021715ce2d6a3e1088be0dd61d5c235"
     "88531e4ebd7c11be2bd36abe0a289fbb4b513041ea81b03c5466078489973142121e12fdd1a23d28f5",
     {-32.6318359f, -228.891602f, -239.794922f, -152.568359f, -480.170898f, -321.577148f,
      -202.631836f, -480.170898f, -39.8339844f, -39.8339844f, 1.796875f,    -6.1328125f,
      -7.48046875f, -106.601562f, -146.25f,     -275.107422f, -133.71582f,  -183.276367f,
      -133.71582f,  -331.958008f, -867.998047f, -724.272461f, -63.1347656f, -34.3896484f,
      -234.18457f,  20.0610352f,  -33.4643555f, -207.421875f, 3.97705078f,  -62.9296875f,
      -129.836426f, -92.6660156f},
     -6088604.680175781},
    {BlockFormat::q6_k,
     "bfe3a34696d527275acef1f8fb8add183815f16d02a62fa20addeb7fa6d272180009bbf484439fdb79d337e73b"
     "d0bf24a7681f65abfe1d673502af4e73de18018cb19ace5332d9bc1342831b5798452e1e7e666499b71de975f7"
     "5de02b32f320019deaea47533d4bca19c53bb5eabdfaf7002714ea99b2096482a8c95c83fe3ee8d82c9fd8343a"
     "56a01dcd3cf669be6764378281c40fca26f0764812fa7a60fd31ec38b381614b58bf7ad78693da52f76ccd63b4"
     "4b69c0959d4492168579610ced9812a59f415ca41a55ce5eb4e7218e44b9",
     {-212.599609f, -25.0117188f, 68.453125f,   1026.79688f,  -47.390625f,  -0.0f,
      778.654297f,  1018.24023f,  702.302734f,  -255.382812f, 727.314453f,  385.048828f,
      -1453.3125f,  181.664062f,  1029.42969f,  968.875f,     68.453125f,   -34.2265625f,
      -1230.83984f, -0.0f,        -822.753906f, 329.101562f,  1856.13281f,  -1856.13281f,
      1200.5625f,   1000.46875f,  98.7304688f,  -32.9101562f, -86.8828125f, -651.621094f,
      2025.94922f,  -2176.01953f},
     -81122.876953125},
};

std::vector<uint8_t> bytes_of(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

template <class F>
void for_each_quantizer(F f) {
  for (int i = 0; i < kBlockFormats; i++) {
    const BlockFormat format = static_cast<BlockFormat>(i);
    const std::string name = block_info(format).name;
    CAPTURE(name);
    if (block_info(format).quantizes) f(format);
  }
}

bool is_int8(BlockFormat f) {
  return std::string(block_info(f).name).find('8') < 5;
}
bool has_zero_point(BlockFormat f) {
  return std::string(block_info(f).name).find("zp") != std::string::npos;
}

}  // namespace

TEST_CASE("block formats: GGUF blocks have the values that the gguf package gives") {
  for (const Vector& v : kVectors) {
    const std::string name = block_info(v.format).name;
    CAPTURE(name);
    const std::vector<uint8_t> bytes = bytes_of(v.hex);
    const int64_t k = block_info(v.format).elements;
    REQUIRE(bytes.size() == block_row_bytes(v.format, k));
    GuardedBuffer<uint8_t> row(static_cast<int64_t>(bytes.size()));
    std::copy(bytes.begin(), bytes.end(), row.data());
    GuardedBuffer<float> w(k);
    dequantize_row(v.format, row.data(), k, w.data());
    double sum = 0;
    for (int64_t i = 0; i < k; i++) sum += static_cast<double>(i + 1) * static_cast<double>(w[i]);
    CHECK(std::fabs(sum - v.weighted_sum) <= 1e-12 * std::fabs(sum));
    for (int64_t i = 0, s = k / 32; i < 32; i++) CHECK(w[i * s + i % s] == v.picks[i]);
    for (int64_t part = 0; part < k; part += 7) {  // any k gives the beginning of the row
      GuardedBuffer<float> begin(part);
      dequantize_row(v.format, row.data(), part, begin.data());
      CHECK(std::memcmp(begin.data(), w.data(), static_cast<size_t>(part) * 4) == 0);
    }
  }
}

TEST_CASE("block formats: a weight comes back within half a step, and f16 and bf16 rows as f32") {
  Random random(11);
  for_each_quantizer([&](BlockFormat format) {
    for (int round = 0; round < 400; round++) {
      const int64_t k = 1 + random.below(300), group = block_info(format).elements;
      const double scale = std::exp2(random.uniform(-8, 8));
      const double shift = has_zero_point(format) ? random.uniform(-1, 1) : 0;
      GuardedBuffer<float> w(k), back(k);
      GuardedBuffer<uint16_t> half(k);
      for (int64_t i = 0; i < k; i++) {
        w[i] = static_cast<float>(scale * (shift + random.uniform(-1, 1)));
        half[i] = static_cast<uint16_t>(bits_from_float(w[i]) >> 16);
        w[i] = float_from_bf16(half[i]);
      }
      const int64_t bytes = static_cast<int64_t>(block_row_bytes(format, k));
      GuardedBuffer<uint8_t> row(bytes), row_of_half(bytes);
      quantize_row(format, w.data(), Format::f32, k, row.data());
      quantize_row(format, half.data(), Format::bf16, k, row_of_half.data());
      CHECK(std::memcmp(row.data(), row_of_half.data(), static_cast<size_t>(bytes)) == 0);
      dequantize_row(format, row.data(), k, back.data());
      for (int64_t i = 0; i < k; i++) {
        const int64_t first = i / group * group, end = std::min(first + group, k);
        double low = 0, high = 0;
        for (int64_t j = first; j < end; j++) {
          low = std::min(low, static_cast<double>(w[j]));
          high = std::max(high, static_cast<double>(w[j]));
        }
        const double most = std::max(high, -low), steps = is_int8(format) ? 255 : 15;
        // Symmetric 4 bits: up to the divisor 8.5 and a refined scale, one end may lose its last
        // step and a half. The scale is rounded to f16: 2^-11 of it, times up to 255 steps.
        const double step = has_zero_point(format) ? (high - low) / steps
                            : is_int8(format)      ? most / 127
                                                   : most / 7;
        const double allowed =
            step * (0.5 + steps * 0x1p-11 + (steps < 16 && !has_zero_point(format) ? 1 : 0) +
                    (has_zero_point(format) ? 0.5 : 0)) +
            0x1p-24;
        CHECK(std::fabs(static_cast<double>(back[i]) - static_cast<double>(w[i])) <= allowed);
      }
    }
  });
}

TEST_CASE(
    "block formats: symmetric int4 errs less in squares than the plain d = max / 7 and max / -8") {
  Random random(12);
  for (BlockFormat format : {BlockFormat::q4_0, BlockFormat::int4_g128}) {
    const int64_t k = block_info(format).elements;
    double ours = 0, plain = 0;
    for (int round = 0; round < 200; round++) {
      std::vector<float> w(static_cast<size_t>(k)), back(w);
      float extreme = 0;
      for (float& v : w) {
        v = static_cast<float>(random.uniform(-1, 1) + random.uniform(-1, 1));
        if (std::fabs(v) > std::fabs(extreme)) extreme = v;
      }
      std::vector<uint8_t> row(block_row_bytes(format, k));
      quantize_row(format, w.data(), Format::f32, k, row.data());
      dequantize_row(format, row.data(), k, back.data());
      double least = INFINITY, allowed = INFINITY, error = 0;
      for (double divisor : {7.0, -8.0}) {
        const double d = static_cast<double>(extreme) / divisor;
        double sum = 0, bound = 0;
        for (float v : w) {
          const double q =
              std::min(7.0, std::max(-8.0, std::nearbyint(static_cast<double>(v) / d)));
          const double rest = std::fabs(static_cast<double>(v) - q * d);
          // d is stored as f16, off by 2^-11 (and by 2^-24 before); v / d is rounded twice, so a
          // code may be the other one within 8.5 · 2^-23 of the middle between two.
          const double off = std::fabs(d) * (std::fabs(q) * (0x1p-11 + 0x1p-23) + 17 * 0x1p-23);
          sum += rest * rest;
          bound += (rest + off) * (rest + off);
        }
        least = std::min(least, sum);
        allowed = std::min(allowed, bound);
      }
      // Candidates are compared by sums of k squares in eight lanes, each off by less than
      // (k / 8 + 11) roundings.
      allowed *= 1 + 2 * static_cast<double>(k / 8 + 11) * 0x1p-24;
      for (size_t i = 0; i < w.size(); i++) {
        error += std::pow(static_cast<double>(w[i]) - static_cast<double>(back[i]), 2);
      }
      CHECK(error <= allowed);
      CHECK(error <= 1.02 * least);  // where codes are small, much tighter
      ours += error;
      plain += least;
    }
    CHECK(ours < 0.97 * plain);
  }
}

TEST_CASE(
    "block formats: zeros stay zeros, huge weights stay finite, NaN and infinity mark a block") {
  for_each_quantizer([&](BlockFormat format) {
    const int64_t k = block_info(format).elements;
    std::vector<float> w(static_cast<size_t>(2 * k), 0.0f), back(w);
    std::vector<uint8_t> row(block_row_bytes(format, 2 * k));
    quantize_row(format, w.data(), Format::f32, 2 * k, row.data());
    dequantize_row(format, row.data(), 2 * k, back.data());
    for (float v : back) CHECK(v == 0);
    for (float value : {1e38f, -3e38f, 0x1p-149f, -0x1p-30f}) {
      w[1] = value;
      quantize_row(format, w.data(), Format::f32, 2 * k, row.data());
      dequantize_row(format, row.data(), 2 * k, back.data());
      for (float v : back) CHECK(std::isfinite(v));
      CHECK(back[0] == 0);
    }
    for (float value : {INFINITY, -INFINITY, static_cast<float>(NAN)}) {
      w[1] = value;
      quantize_row(format, w.data(), Format::f32, 2 * k, row.data());
      dequantize_row(format, row.data(), 2 * k, back.data());
      for (int64_t i = 0; i < 2 * k; i++)
        CHECK(std::isnan(back[static_cast<size_t>(i)]) == (i < k));
    }
  });
}
