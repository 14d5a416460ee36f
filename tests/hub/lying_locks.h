// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hub_env.h"

namespace tern::test {

/// Locks that always succeed, or that do not exist.
class LyingLocks : public HubEnv {
 public:
  using HubEnv::HubEnv;
  LockState answer = LockState::taken;
  LockState try_lock(int, const std::string&) override { return answer; }
};

}  // namespace tern::test
