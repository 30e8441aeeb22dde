#!/bin/bash
# start.sh VENV PORT SCRIPT.py CHAT_TEMPLATE.jinja [more launch_server arguments]
# RIG_FLAGS, when set (also to nothing), stands instead of parsers and reports: for a server that is set up wrong.
# Starts the real SGLang server with the scripted model; prints its pid when /health answers (40 to 50 s on a quiet machine, at most 400 s). Log: VENV/sglang.PORT.log
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$(cd "$1" && pwd) port=$2 script=$(realpath "$3") template=$(realpath "$4")
shift 4
# One thread each: two that share two cores with other servers wait for each other by spinning (6 tokens a second).
export OMP_NUM_THREADS=1
export SGLANG_EXTERNAL_MODEL_PACKAGE=scripted_models SGL_SCRIPT=$script SGL_SCRIPT_TOKENIZER=$venv/scripted-r1
"$venv/bin/python" "$here/serve_cpu.py" --device cpu --model-path "$venv/scripted-r1" --load-format dummy \
  --attention-backend torch_native --host 127.0.0.1 --port "$port" --mem-fraction-static 0.1 --max-total-tokens 65536 \
  --disable-overlap-schedule --sleep-on-idle --skip-server-warmup --stream-interval 1 \
  --chat-template "$template" ${RIG_FLAGS---reasoning-parser deepseek-r1 --tool-call-parser deepseekv3 \
  --enable-cache-report --enable-metrics} "$@" >"$venv/sglang.$port.log" 2>&1 &
pid=$!
for _ in $(seq 800); do
  kill -0 "$pid" 2>/dev/null || break
  curl -sf "127.0.0.1:$port/health" >/dev/null && { echo "$pid"; exit 0; }
  sleep 0.5
done
tail -20 "$venv/sglang.$port.log" >&2
exit 1
