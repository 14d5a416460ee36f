#!/bin/bash
# A libhdf5 of another version than the headers' is passed over for one that fits, and named when
# none does. Usage: hdf5_version.sh BUILD
set -eu
test_hub=$(realpath "${1:-build/test}/tests/test_hub")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
real=$(/sbin/ldconfig -p | sed -n 's/.*libhdf5_serial\.so\.103 .*=> //p' | head -n 1)
[ -n "$real" ] || { echo "skipped: no libhdf5_serial.so.103 here"; exit 0; }
echo 'extern "C" int H5get_libversion(unsigned* a, unsigned* b, unsigned* c) { *a = 0, *b = 9, *c = 8; return 0; }' |
  c++ -shared -fPIC -x c++ - -o "$folder/libhdf5_serial.so.103"
read_keras() { LD_LIBRARY_PATH=$folder "$test_hub" -tc='Keras weights of every layout*' 2>&1; }

# The names that follow may be there as well: one that is loaded first hides them all.
for name in libhdf5.so.103 libhdf5.so.200 libhdf5_serial.so.310 libhdf5.so.310 libhdf5.so; do
  cp "$folder/libhdf5_serial.so.103" "$folder/$name"
done
! said=$(read_keras) || { echo "FAILED: read by a libhdf5 0.9.8"; exit 1; }
grep -q 'but there is 0\.9\.8' <<<"$said" || { echo "FAILED: $said"; exit 1; }
ln -sf "$real" "$folder/libhdf5.so"
said=$(read_keras) || { echo "FAILED: $said"; exit 1; }
