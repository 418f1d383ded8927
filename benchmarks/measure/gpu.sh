#!/usr/bin/env bash
# On a machine with one GPU and no network: measure, and train the paper's UNet while time is left.
#
#   python benchmarks/measure/gpu_pack.py      # before, where there is a network and the data
#   bash benchmarks/measure/gpu.sh             # there, in the checkout; results in $OUT or build/out
#
# SECONDS_LEFT=560 is all it takes; PACK=build/gpu is what was packed. PARTS="unet prediction" for
# some parts alone. See benchmarks/measure/gpu.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
pack=${PACK:-build/gpu}
site=$(mktemp -d)
if [ -f "$pack/site.tar.xz" ]; then tar -xJf "$pack/site.tar.xz" -C "$site"; fi
export PYTHONPATH="$PWD/src:$site${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
exec "${PYTHON:-python3}" benchmarks/measure/gpu.py --pack "$pack" --out "${OUT:-build/out}" \
  --seconds "${SECONDS_LEFT:-560}" ${PARTS:+--parts $PARTS} ${TINY:+--tiny}
