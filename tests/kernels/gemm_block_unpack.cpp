// SPDX-License-Identifier: Apache-2.0
// Block formats without products against values of the `gguf` package (version 0.19.0), printed as
// those of gemm_block_formats.cpp; and what they are repacked to.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "../../kernels/gemm_block/unpack.h"
#include "buffers.h"

using namespace tern::kernels;
using namespace tern::test;

namespace {

struct Vector {
  UnpackFormat format;
  int elements, bytes;
  const char* hex;
  float picks[32];
  double weighted_sum;
};

const Vector kVectors[] = {
    {UnpackFormat::q5_0,
     32,
     22,
     "dbbab8abeeab14cef599cc052535d5cec0ad06783f60",
     {10.2832031f,  1.71386719f,  9.42626953f,  -7.71240234f, -10.2832031f, -4.28466797f,
      9.42626953f,  -4.28466797f, -4.28466797f, -11.9970703f, 13.7109375f,  -11.1401367f,
      8.56933594f,  -6.85546875f, 0.856933594f, -0.0f,        12.8540039f,  -10.2832031f,
      -12.8540039f, -7.71240234f, 3.42773438f,  -0.0f,        -1.71386719f, -2.57080078f,
      -11.1401367f, -10.2832031f, 3.42773438f,  -8.56933594f, 13.7109375f,  -5.99853516f,
      11.1401367f,  -5.14160156f},
     -836.3671875},
    {UnpackFormat::q5_1,
     32,
     24,
     "47bf38bf0a67ce0d8f02264785762462c423399232b39168",
     {-29.0947266f, -34.5527344f, -12.7207031f, -43.6494141f, -10.9013672f, -12.7207031f,
      -9.08203125f, -5.44335938f, -38.1914062f, -36.3720703f, -47.2880859f, -5.44335938f,
      -5.44335938f, -36.3720703f, -32.7333984f, -16.359375f,  -16.359375f,  -30.9140625f,
      -34.5527344f, -38.1914062f, -16.359375f,  -14.5400391f, -34.5527344f, -41.8300781f,
      -52.7460938f, -5.44335938f, -36.3720703f, -47.2880859f, -7.26269531f, -21.8173828f,
      -18.1787109f, -12.7207031f},
     -13493.5576171875},
    {UnpackFormat::q2_k,
     256,
     84,
     "90b818268101caff5536e4307fa901a76df710c04edc083cbdb5404808b9586fbf8a6343304464f943287f2d21"
     "33cee5d95535cc78861fd80e7fa01dd0a174645397c6a0adc1367e7e3976aa6b833bad1e3350bb",
     {8.2265625f,   8.2265625f,   15.3925781f, 11.8339844f,  6.25195312f,  4.47265625f, 3.16259766f,
      3.16259766f,  7.75732422f,  7.97973633f, 0.444824219f, 0.444824219f, 13.1928711f, 15.4169922f,
      17.0471191f,  23.7194824f,  5.68237305f, 7.90649414f,  5.41113281f,  5.41113281f, 14.5761719f,
      12.796875f,   2.7421875f,   2.7421875f,  9.73461914f,  16.4069824f,  9.140625f,   13.144043f,
      0.222412109f, 0.444824219f, 9.140625f,   12.2543945f},
     278318.1005859375},
    {UnpackFormat::q3_k,
     256,
     110,
     "3fc4900f97758c5cbdd130e147d9d82f7c5b70102d58b85f48d7dead24924b1fbe1ebedebe4b4f57ff8b313a85"
     "09618b87183ce5346b49e2c23348df4abd744e5c8bbd04b85d34c7f36d1eb5cdc25ec5599f4e006d2fb109fa75"
     "dc800fadcc557469c96f94eb69eebb600834e63c",
     {48.984375f,   73.4765625f,  112.664062f,  -84.4980469f, -84.4980469f, 56.3320312f,
      41.6367188f,  -62.4550781f, 14.6953125f,  -19.59375f,   25.7167969f,  -25.7167969f,
      -22.0429688f, 0.0f,         -2.44921875f, -2.44921875f, 0.0f,         28.1660156f,
      14.6953125f,  -29.390625f,  48.984375f,   97.96875f,    0.0f,         -80.8242188f,
      -33.0644531f, 22.0429688f,  -0.0f,        9.796875f,    -63.6796875f, -95.5195312f,
      -44.0859375f, 66.1289062f},
     136303.921875},
};

/// Blocks of any bytes, with scales that are finite.
std::vector<uint8_t> random_row(Random& random, UnpackFormat format, int blocks) {
  const Vector& v = kVectors[static_cast<int>(format)];
  std::vector<uint8_t> row;
  for (int i = 0; i < blocks * v.bytes; i++) row.push_back(static_cast<uint8_t>(random.below(256)));
  const int scale = format == UnpackFormat::q3_k ? 108 : 0;
  for (int i = 0; i < blocks; i++) row[static_cast<size_t>(i * v.bytes + scale + 1)] &= 0xBB;
  return row;
}

}  // namespace

TEST_CASE("block formats without products have the values that the gguf package gives") {
  for (const Vector& v : kVectors) {
    CAPTURE(v.elements);
    CAPTURE(v.bytes);
    GuardedBuffer<uint8_t> row(v.bytes);
    REQUIRE(std::strlen(v.hex) == 2 * static_cast<size_t>(v.bytes));
    for (int64_t i = 0; i < v.bytes; i++) {
      row[i] = static_cast<uint8_t>(std::stoi(std::string(v.hex + 2 * i, 2), nullptr, 16));
    }
    GuardedBuffer<float> w(v.elements);
    unpack_row(v.format, row.data(), v.elements, w.data());
    double sum = 0;
    for (int64_t i = 0; i < v.elements; i++) {
      sum += static_cast<double>(i + 1) * static_cast<double>(w[i]);
    }
    CHECK(std::fabs(sum - v.weighted_sum) <= 1e-12 * std::fabs(sum));
    for (int64_t i = 0, s = v.elements / 32; i < 32; i++) CHECK(w[i * s + i % s] == v.picks[i]);
  }
}

TEST_CASE("rows repacked to a format with products hold the same weights") {
  Random random(17);
  for (const UnpackFormat format : {UnpackFormat::q5_0, UnpackFormat::q3_k}) {
    const Vector& v = kVectors[static_cast<int>(format)];
    const BlockFormat as = format == UnpackFormat::q5_0 ? BlockFormat::q8_0 : BlockFormat::q6_k;
    for (int round = 0; round < 200; round++) {
      const int blocks = 1 + static_cast<int>(random.below(3));
      const int64_t k = int64_t{blocks} * v.elements;
      const std::vector<uint8_t> bytes = random_row(random, format, blocks);
      GuardedBuffer<uint8_t> row(static_cast<int64_t>(bytes.size()));
      std::copy(bytes.begin(), bytes.end(), row.data());
      GuardedBuffer<uint8_t> packed(static_cast<int64_t>(block_row_bytes(as, k)));
      GuardedBuffer<float> expected(k), got(k);
      unpack_row(format, row.data(), k, expected.data());
      repack_row(format, row.data(), k, packed.data());
      dequantize_row(as, packed.data(), k, got.data());
      for (int64_t i = 0; i < k; i++) CHECK(got[i] == expected[i]);
    }
  }
}
