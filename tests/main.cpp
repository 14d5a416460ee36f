// SPDX-License-Identifier: Apache-2.0
// No test leaves the machine or writes to the user's cache: the hub is offline and nothing packed
// is kept, for the programs that tests start as well.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  setenv("HF_HUB_OFFLINE", "1", 1);
  setenv("TERN_PACKED_CACHE", "off", 1);
  return doctest::Context(argc, argv).run();
}
