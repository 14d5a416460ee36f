// SPDX-License-Identifier: Apache-2.0
// oneDNN runs on OpenMP and has no setting of its own for the number of threads.
#pragma once

#include <dlfcn.h>

namespace tern::bench {

inline void use_one_thread() {
  using SetThreads = void (*)(int);
  void* symbol = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
  if (symbol) reinterpret_cast<SetThreads>(symbol)(1);
}

}  // namespace tern::bench
