#!/bin/bash
# Fails on any #include that the dependency table of the architecture does not allow.
set -uo pipefail
cd "$(dirname "$0")/../.."
bad=0

# forbid FOLDERS PATTERN REASON: lines matching PATTERN under FOLDERS, minus "path:" prefixes in $4.
forbid() {
  local found
  found=$(grep -rnE "$2" --include='*.h' --include='*.cpp' --include='*.inc' --include='*.cu' $1 |
    { [ -n "${4:-}" ] && grep -vE "$4" || cat; })
  [ -z "$found" ] && return
  echo "$3:"
  echo "$found"
  bad=1
}

up='#include "(\.\./)+'
forbid kernels "${up}(engine|hub|models|tools)/" "kernels/ depends on nothing"
forbid kernels '#include <(vector|string|algorithm|memory|functional|array|span|mutex|thread)>' \
  "kernels/: no std templates in ISA files" '^kernels/(text|[a-z0-9_]+/[a-z0-9_]+\.cpp|isa)' 
forbid engine "${up}(hub|models|tools)/" "engine/ may include kernels/ only"
forbid engine/base "${up}(kernels|hub|models|tools)/|#include \"\.\./[a-z_]+\.h\"" "engine/base/ stands alone"
forbid hub "${up}(kernels|models|tools)/|${up}engine/[a-z_]+\.h\"|${up}engine/cpu" "hub/ may include engine/base/ only"
forbid models "${up}kernels/" "models/ may include kernels/text, image, signal only" 'kernels/(text|image|signal)/'
forbid tools "${up}kernels/" "tools/ may not include kernels/"
forbid 'hub engine models tools kernels' '#include [<"]simdjson' "simdjson is included in hub/formats/json.cpp only" '^hub/formats/json\.cpp:'
forbid 'hub engine models tools kernels' '#include <curl/' "libcurl is included in hub/http.cpp only" '^hub/http\.cpp:'
forbid 'hub engine models tools kernels' '#include <hdf5' "libhdf5 is included in hub/formats/hdf5_library.cpp only" '^hub/formats/hdf5_library\.cpp:'
forbid 'hub engine models tools kernels' '#include <CLI/' "CLI11 is included in one file of tools/ only" '^tools/options\.(cpp|h):'
forbid 'hub engine models tools kernels' '#include <regex>' "std::regex overflows the stack on long input"
exit $bad
