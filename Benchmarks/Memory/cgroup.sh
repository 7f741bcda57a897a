# A memory cgroup for the scripts beside this file, which source it (as root): `limit BYTES`, `peak`, `inside COMMAND...`, and `forget MODEL`.
# The folder $folder and the group are removed when the script ends.
folder=$(mktemp -d)
if [ -d /sys/fs/cgroup/memory ]; then
  group=/sys/fs/cgroup/memory/qpeft-$$ limit_file=memory.limit_in_bytes peak_file=memory.max_usage_in_bytes
else
  group=/sys/fs/cgroup/qpeft-$$ limit_file=memory.max peak_file=memory.peak
fi
mkdir "$group"
trap 'rmdir "$group"; rm -rf "$folder"' EXIT

# Sets the limit and lets the peak begin again, where the system can.
limit() {
  echo "$1" > "$group/$limit_file"
  echo 0 > "$group/$peak_file" 2>/dev/null || true
}

# Peak since then, in MiB.
peak() { echo $(($(cat "$group/$peak_file") >> 20)); }

# Runs a command in the group.
inside() { (echo $BASHPID > "$group/cgroup.procs" && exec "$@"); }

# Weights that another program read before would not be charged to the group.
forget() { for file in "$1"/*.safetensors; do dd if="$file" iflag=nocache count=0 status=none; done; }

# rows COUNT LETTERS: rows of letters without a repeated word.
rows() {
  for row in $(seq "$1"); do
    printf '{"text": "%s"}\n' "$(head -c $(($2 * 8)) /dev/urandom | base64 -w0 | tr -dc a-z | head -c "$2")"
  done > "$folder/rows.jsonl"
}
