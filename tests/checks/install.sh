#!/bin/bash
# What `meson install` leaves behind is enough for a consumer: a small program built against the
# shared and the static library by pkg-config, by CMake, and with nothing but an include path.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$PWD/${1:-build/test}
data=$PWD/tests/data
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
DESTDIR='' meson install -C "$build" --no-rebuild --destdir "$prefix" >/dev/null
root=$prefix$(meson introspect "$build" --buildoptions |
  python3 -c 'import json,sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
lib=$(dirname "$(find "$prefix" -name 'libtern.a')")
export PKG_CONFIG_PATH=$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$prefix LD_LIBRARY_PATH=$lib

cat >"$prefix/consumer.cpp" <<'CPP'
#include <tern/tern.h>

#include <cstdio>
#include <string>

int main(int, char** argv) {
  const auto config = tern::AutoConfig::from_pretrained(argv[1]);
  const auto model = tern::AutoModel::from_pretrained(argv[1]);
  std::printf("%s %s %lld\n", tern::version(), config.model_type().c_str(),
              static_cast<long long>(model->hidden_size()));
  const auto tokenizer = tern::AutoTokenizer::from_json(
      R"({"model":{"type":"WordLevel","unk_token":"a","vocab":{"a":0}}})", "tokenizer.json");
  tern::TextStream stream(tokenizer);
  const std::string streamed = stream.push(0) + stream.finish();
  const auto chat = tern::ChatTemplate::from_text("<{{ messages[0].content }}>");
  const auto messages = tern::hub::Json::parse(R"([{"role":"user","content":"b"}])", "messages");
  const bool right = streamed == "a" && chat.render(messages).text == "<b>";
  return right && config.model_type() == "bert" ? 0 : 1;
}
CPP

echo "include path only"
g++ -std=c++20 -Wall -Wextra -Werror -I"$root/include" -c "$prefix/consumer.cpp" -o "$prefix/consumer.o"
echo "pkg-config, shared"
g++ -std=c++20 "$prefix/consumer.cpp" $(pkg-config --cflags --libs tern) -o "$prefix/shared"
"$prefix/shared" "$data/golden/bert"
echo "pkg-config, static"
g++ -std=c++20 "$prefix/consumer.o" "$lib/libtern.a" $(pkg-config --static --libs-only-l tern | sed 's/-ltern//') -o "$prefix/static"
! ldd "$prefix/static" | grep libtern
"$prefix/static" "$data/golden/bert"
echo "CMake"
cat >"$prefix/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.20)
project(consumer CXX)
find_package(tern 0.1 REQUIRED)
add_executable(shared consumer.cpp)
target_link_libraries(shared tern::tern)
add_executable(static consumer.cpp)
target_link_libraries(static tern::static)
CMAKE
cmake -S "$prefix" -B "$prefix/cmake" -DCMAKE_PREFIX_PATH="$root" -Dtern_DIR="$lib/cmake/tern" >/dev/null
cmake --build "$prefix/cmake" >/dev/null
"$prefix/cmake/shared" "$data/golden/bert" && "$prefix/cmake/static" "$data/golden/bert"
echo "the shared library exports tern's names only"
foreign=$(nm -D --defined-only -C "$lib/libtern.so" | awk '$2 ~ /[TBDR]/ {print $3}' |
  grep -vE '^(tern::|typeinfo|vtable|_init|_fini)' || true)
[ -z "$foreign" ] || { echo "$foreign"; exit 1; }
