// SPDX-License-Identifier: Apache-2.0
// No test leaves the machine: the hub is offline, for the programs that tests start as well.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  setenv("HF_HUB_OFFLINE", "1", 1);
  return doctest::Context(argc, argv).run();
}
