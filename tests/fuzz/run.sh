#!/usr/bin/env bash
# run.sh PROGRAM CORPUS SECONDS [GROWN] [-OPTION=...]: runs a libFuzzer program over CORPUS, which stays as it is. New inputs
# go to the folder GROWN, where a later run goes on from them; without it they are forgotten. An input that stops the
# program is kept beside it, and the last line says where.
set -uo pipefail
program=$1 corpus=$2 seconds=$3
shift 3
if [ ! -x "$program" ]; then
  echo "there is no $program: build it by cmake --preset fuzz && cmake --build --preset fuzz, as ./dev test does" >&2
  exit 1
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
grown=$scratch/grown
case "${1-}" in [!-]*) grown=$1; shift ;; esac
mkdir -p "$grown"
timeout --signal=KILL $((seconds + 180)) "$program" -max_total_time="$seconds" -timeout=60 -malloc_limit_mb=512 \
  -artifact_prefix="$program-" "$@" "$grown" "$corpus" 2>&1 | tee "$scratch/log"
ended=$?
if [ $ended != 0 ]; then
  kept=$(sed -n 's/.*Test unit written to //p' "$scratch/log" | tail -1)
  echo "$(basename "$program") ended with $ended; the input: ${kept:-none was written}; again by: $program ${kept-}"
fi
exit $ended
