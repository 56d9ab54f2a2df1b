#!/usr/bin/env bash
# Measures the whole program, on loopback only; README.md beside this file says what the numbers mean.
#
#   benches/whole.sh                       every part
#   benches/whole.sh latency start         some: journey latency start memory replay binary
#
# Environment:
#   RUNS=5       runs of which median, least and most are printed
#   ROK_DEPLOY   the program (default: target/dist/rok-deploy of this repository)
#   ROK_PEERS    where tests/run has installed moto, ministack and the AWS CLI (default: .peers)
#   MANUAL_AWS   journey: a script that does the documented manual path at $AWS_ENDPOINT_URL and
#                prints JSON with `steps` (`name`, `median_s`); without it there is no comparison
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

repository=$PWD
runs=${RUNS:-5}
peers=${ROK_PEERS:-$repository/.peers}
program=$(realpath "${ROK_DEPLOY:-target/dist/rok-deploy}")
work=$(mktemp -d "${TMPDIR:-/tmp}/rok-whole.XXXXXX")
server=

stop_server() {
    [[ -z $server ]] && return
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}
finish() {
    stop_server
    rm -rf "$work"
}
trap finish EXIT

mkdir "$work/home"
cat >"$work/home/.gitconfig" <<'EOF'
[user]
	name = Operator
	email = operator@example.com
[init]
	defaultBranch = main
EOF

measure() { python3 "$repository/benches/measure.py" "$@"; }

# The program, in a clean place: arguments are NAME=VALUE, then the command.
clean() {
    env -i PATH="$PATH" HOME="$work/home" LANG=C.UTF-8 TERM=xterm-256color \
        XDG_STATE_HOME="$work/state" GIT_CONFIG_NOSYSTEM=1 AWS_EC2_METADATA_DISABLED=true "$@"
}

# ---- the journey against a local AWS server ----------------------------------------------------

start_server() {
    local name=$1 folder=$2 port health
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    mkdir -p "$folder"
    local environment=(env -i "PATH=$PATH" "HOME=$folder" PYTHONDONTWRITEBYTECODE=1)
    # Standard input stays open for as long as this script lives: the server's leash.
    if [[ $name == moto ]]; then
        health=/moto-api/data.json
        "${environment[@]}" "$peers/moto/bin/python" tests/peers/moto-server.py -H 127.0.0.1 -p "$port" \
            <"$work/leash" >"$folder/log" 2>&1 &
    else
        health=/_ministack/health
        "${environment[@]}" BIND_HOST=127.0.0.1 GATEWAY_PORT="$port" AUTH=true STATE_DIR="$folder/state" \
            MINISTACK_ACCOUNT_ID=123456789012 MINISTACK_REGION=us-west-2 IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 \
            AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
            "$peers/ministack/bin/python" tests/peers/ministack-irsa.py <"$work/leash" >"$folder/log" 2>&1 &
    fi
    server=$!
    endpoint=http://127.0.0.1:$port
    for _ in $(seq 200); do
        curl -fs "$endpoint$health" >/dev/null && return
        sleep 0.1
    done
    echo "whole.sh: $name does not answer:" >&2
    cat "$folder/log" >&2
    exit 1
}

# A cluster at the server, and a clone of a deployments repository with its remote: not timed.
prepare() {
    local folder=$1 aws trust
    aws=("${account[@]}" "$peers/awscli/bin/aws")
    trust='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"eks.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
    clean "${aws[@]}" iam create-role --role-name eks-cluster --assume-role-policy-document "$trust" >/dev/null
    clean "${aws[@]}" eks create-cluster --name arrikto-cluster --resources-vpc-config subnetIds=subnet-1,subnet-2 \
        --role-arn arn:aws:iam::123456789012:role/eks-cluster >/dev/null
    clean git init -q --bare "$folder/remote.git"
    clean git init -q "$folder/seed"
    cp -r templates/gitops/. "$folder/seed"
    clean git -C "$folder/seed" add -A
    clean git -C "$folder/seed" commit -qm "Deployments repository"
    clean git -C "$folder/seed" push -q "$folder/remote.git" main
    clean git clone -q "$folder/remote.git" "$folder/clone"
}

journey() {
    local name run folder begun ended
    mkfifo "$work/leash"
    exec 9<>"$work/leash"
    for name in moto ministack; do
        for ((run = 1; run <= runs; run++)); do
            folder=$work/$name/$run
            start_server "$name" "$folder"
            account=("AWS_ENDPOINT_URL=$endpoint" AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
                AWS_DEFAULT_REGION=us-west-2 AWS_PAGER=)
            prepare "$folder"
            begun=${EPOCHREALTIME/./}
            clean "${account[@]}" "$program" run --yes --no-cluster --state-dir "$folder/runs" \
                --set gitops_dir="$folder/clone" >"$folder/ours.log" 2>&1 ||
                { cat "$folder/ours.log" >&2; exit 1; }
            ended=${EPOCHREALTIME/./}
            echo "$((ended - begun))e-3" >>"$work/$name/ours"
            stop_server
            if [[ -n ${MANUAL_AWS:-} ]]; then
                start_server "$name" "$folder/manual"
                clean AWS_ENDPOINT_URL="$endpoint" AWS_CLI="$peers/awscli/bin/aws" J2="$peers/j2cli/bin/j2" \
                    RUNS=1 FORMAT=json "$MANUAL_AWS" 2>"$folder/manual.log" |
                    tr -d '\n' >>"$work/$name/manual" || { cat "$folder/manual.log" >&2; exit 1; }
                echo >>"$work/$name/manual"
                stop_server
            fi
        done
        if [[ -n ${MANUAL_AWS:-} ]]; then
            measure ratio "$name, whole" "$work/$name/ours" "$work/$name/manual"
            measure ratio "$name, without what a Pod does by hand" "$work/$name/ours" "$work/$name/manual" 'token|s3api'
        else
            echo "$name: $(tr '\n' ' ' <"$work/$name/ours")ms; MANUAL_AWS is not set, nothing to compare with"
        fi
    done
    start_server moto "$work/memory"
    account=("AWS_ENDPOINT_URL=$endpoint" AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
        AWS_DEFAULT_REGION=us-west-2 AWS_PAGER=)
    prepare "$work/memory"
    echo "moto, nothing left to change: $(clean "${account[@]}" python3 benches/measure.py run "$runs" -- \
        "$program" run --yes --no-cluster --state-dir {new} --set gitops_dir="$work/memory/clone")"
    stop_server
}

# ---- the practice cloud ------------------------------------------------------------------------

practice() { clean python3 benches/measure.py run "$runs" -- "$program" run --sandbox --yes --state-dir "$@"; }

latency() {
    local wait
    for wait in 0ms 100ms 200ms; do
        echo "practice cloud, $wait a request: $(practice {new} --latency "$wait")"
    done
    clean "$program" run --sandbox --yes --latency 100ms --state-dir "$work/latency" >/dev/null 2>&1
    measure levels "$work"/latency/runs/*/wire.jsonl
}

memory() {
    echo "practice cloud in the process: $(practice {new})"
}

start() {
    local program_runs=$((runs * 10))
    echo "--help: $(clean python3 benches/measure.py run "$program_runs" -- "$program" --help)"
    echo "/bin/true: $(clean python3 benches/measure.py run "$program_runs" -- /bin/true)"
    echo "first frame: $(clean python3 benches/measure.py frame "$program_runs" -- "$program" --state-dir {new})"
    echo "first frame, new practice cloud: $(clean python3 benches/measure.py frame "$program_runs" -- \
        "$program" --sandbox --state-dir {new})"
}

replay() {
    clean "$program" run --sandbox --yes --state-dir "$work/recorded" >/dev/null 2>&1
    measure journal "$work"/recorded/runs/*/journal.jsonl "$work/long.jsonl" 100000
    echo "100,000 events, $(($(stat -c %s "$work/long.jsonl") / 1000000)) MB"
    echo "replay --output json: $(clean python3 benches/measure.py run "$runs" -- \
        "$program" replay "$work/long.jsonl" --output json)"
    echo "first frame of the player: $(clean python3 benches/measure.py frame "$runs" -- \
        "$program" replay "$work/long.jsonl")"
}

binary() {
    echo "$(stat -c %s "$program") bytes; $(ldd "$program" 2>&1 | tr -s '\n\t' ', ')"
}

echo "$(date -u +%FT%TZ), $(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg), $("$program" --version), $runs runs"
(($# > 0)) || set -- binary start memory replay latency journey
for part in "$@"; do
    echo "-- $part"
    "$part"
done
echo "load $(cut -d' ' -f1-3 /proc/loadavg)"
