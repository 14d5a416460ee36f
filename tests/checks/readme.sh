#!/bin/bash
# Every command and every program in README.md works: the blocks fenced as sh are run in order in the
# root of the tree with the built program on PATH (tools/test itself is left out: it is what runs
# this), the blocks fenced as cpp are compiled against the library and run.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$PWD/${1:-build/test}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 - "$work" <<'PY'
import pathlib, re, sys
blocks = re.findall(r"^```(sh|cpp)\n(.*?)^```$", pathlib.Path("README.md").read_text(), re.M | re.S)
out = pathlib.Path(sys.argv[1])
for i, (kind, body) in enumerate(blocks):
    (out / f"{i:02d}.{kind}").write_text(body)
print(f"{len(blocks)} blocks")
PY

mkdir -p "$work/include/tern"
echo "#include \"$PWD/models/tern.h\"" >"$work/include/tern/tern.h"
PATH=$build/tools:$PATH
export HF_HUB_OFFLINE=1   # no test leaves the machine
for block in "$work"/*.sh "$work"/*.cpp; do
  [ -f "$block" ] || continue
  echo "--- $(basename "$block")"
  case $block in
    *.sh) sed -E '/^tools\/test/d; /^bench\/compare/d; /^git clone/d; s,^build/tools/tern,tern,' "$block" >"$block.run"
          bash -euo pipefail "$block.run" </dev/null ;;
    *.cpp)
      g++ -std=c++20 -I"$work/include" "$block" "$build/libtern.a" \
        $(pkg-config --libs simdjson libpcre2-8) -pthread -o "$block.program"
      "$block.program" ;;
  esac
done
