#!/usr/bin/env bash
# Run the grids that are left, in this order, at the lowest priority; each finished cell is committed by itself.
# Start it in a clone of its own at a fixed commit, where the code does not move, with the set's folder beside it:
#   git clone . ../queue && cd ../queue && SAYWHERE="python -m saywhere" bash benchmarks/measure/queue.sh
# Arguments name what runs, each a grid and a seed: "lungs_networks 1" "lungs_networks 2". Without any, the cells that are missing.
# A finished cell is never run again, and a killed one goes on from its last checkpoint: start it anew whenever it was ended.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
SAYWHERE=${SAYWHERE:-.venv/bin/saywhere}
idle=$(command -v chrt >/dev/null && echo "chrt --idle 0" || echo "nice -n 19")
queue=("$@")
[ $# -gt 0 ] || queue=("lungs_networks 1" "lungs_networks 2")
commit_cells() {
  for cell in $(git ls-files --others --modified --exclude-standard benchmarks/results); do
    git add "$cell" && git commit --quiet --message "Keep a cell: $(basename "$(dirname "$cell")"), $(basename "$cell" .json)" --only "$cell"
  done
}
for entry in "${queue[@]}"; do
  read -r table seed <<<"$entry"
  $idle $SAYWHERE experiment "benchmarks/grids/$table.toml" --seed "$seed" &
  running=$!
  while kill -0 "$running" 2>/dev/null; do sleep 60; commit_cells; done
  wait "$running" || echo "$entry: some cells failed" >&2
  commit_cells
done
