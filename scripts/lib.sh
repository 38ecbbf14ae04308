# Shared by the scripts here: packages, the virtual environment, Kafka's jars, and how stages report. Source it from the
# repository's root, with bash.
# shellcheck shell=bash

venv=${FRAMEHOP_VENV:-$PWD/.venv}
logs=$PWD/build/logs

# Thousands of interpreters start in one run of the tests: they keep what they compile, as they do for users.
unset PYTHONDONTWRITEBYTECODE

say() { printf '%s\n' "$*"; }
fail() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit 1
}

# ---------------------------------------------------------------- stages

failed_stages=()

# stage NAME COMMAND…: runs it with its output in a log, and prints one line with the time it took. A failure prints the
# end of the log and is remembered; the next stage runs all the same, so that one run shows everything.
stage() {
    local name=$1 started=${EPOCHREALTIME//[^0-9]/} status=0 log
    shift
    log=$logs/${name//[^A-Za-z0-9]/-}.log
    logged "$log" "$name" "$@"
    printf '%-24s %7s s  %s\n' "$name" "$(seconds_since "$started")" "$( ((status)) && echo FAILED || echo ok)"
    ((status)) || return 0
    tail -n 60 "$log" | sed 's/^/    /'
    say "    (all of it: ${log#"$PWD"/})"
    failed_stages+=("$name")
}

# logged LOG TITLE COMMAND…: all output goes to LOG; on a terminal one line shows what it is at and for how long. Leaves the exit
# status in `status`, its caller's variable: after `logged … || …` bash would ignore `set -e` inside COMMAND.
logged() {
    local log=$1 title=$2 ticker=''
    shift 2
    mkdir -p "$logs"
    : >"$log"
    if [[ -t 1 ]]; then
        tick "$log" "$title" &
        ticker=$!
    fi
    set +e
    (
        set -euo pipefail
        "$@"
    ) >"$log" 2>&1 </dev/null
    status=$?
    set -e
    if [[ -n $ticker ]]; then
        hush "$ticker"
        printf '\r\033[K'
    fi
}

# Ends one of the two below.
hush() { kill "$1" 2>/dev/null && wait "$1" 2>/dev/null || true; }

# Ends with the script as well: Ctrl-C does not reach what runs in the background.
tick() {
    local width started=$SECONDS
    width=$(tput cols 2>/dev/null || say 80)
    while kill -0 $$ 2>/dev/null; do
        printf '\r\033[K%.*s' "$((width - 1))" \
            "$(printf '%-22s %s  %s' "$2" "$(clock $((SECONDS - started)))" "$(tail -n 1 "$1" | tr -cd '[:print:]')")"
        sleep 0.5
    done
}

# Where no terminal is: a line now and then, so that nobody takes the silence for a hang. A sleep that outlives it must not hold the
# pipe that somebody reads to its end.
murmur() {
    local started=$SECONDS
    while sleep 15 &>/dev/null && kill -0 $$ 2>/dev/null; do
        say "$1 … $(clock $((SECONDS - started)))"
    done
}

# Seconds as minutes and seconds.
clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# run NAME COMMAND…: something that must work before anything else can. Says how long it took.
run() {
    local log=$logs/${1//[^A-Za-z0-9]/-}.log status=0 murmurer='' started=$SECONDS
    if [[ ! -t 1 ]]; then
        murmur "$1" &
        murmurer=$!
    fi
    logged "$log" "$@"
    [[ -z $murmurer ]] || hush "$murmurer"
    if ((!status)); then
        say "$1: $(clock $((SECONDS - started)))"
        return 0
    fi
    tail -n 30 "$log" >&2
    fail "$1 failed; all of its output is in ${log#"$PWD"/}"
}

# Takes a moment in microseconds. $EPOCHREALTIME's decimal point depends on the locale, hence without it.
seconds_since() {
    local tenths=$(((${EPOCHREALTIME//[^0-9]/} - $1) / 100000))
    printf '%d.%d' "$((tenths / 10))" "$((tenths % 10))"
}

# ---------------------------------------------------------------- apt

# The packages of these sections of the list.
needed_packages() {
    awk -v wanted="$*" '
        BEGIN { count = split(wanted, names, " "); for (i = 1; i <= count; i++) sections["[" names[i] "]"] }
        /^#/ { next }
        /^\[/ { inside = $0 in sections; next }
        inside' scripts/apt-packages.txt
}

missing_packages() {
    local -a needed
    mapfile -t needed < <(needed_packages "$@")
    # Those that it knows are in the answer even when it fails because of others.
    { dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${needed[@]}" 2>/dev/null || true; } |
        awk -v needed="${needed[*]}" '
            $1 == "installed" { installed[$2] }
            END { count = split(needed, names, " "); for (i = 1; i <= count; i++) if (!(names[i] in installed)) print names[i] }'
}

have() {
    local tool
    for tool; do
        command -v "$tool" >/dev/null || return 1
    done
}

# How to run a command as root, one word a line; nothing at all when that cannot be done.
root_prefix() {
    if ((EUID == 0)); then
        say env
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
        printf '%s\n' sudo env
    fi
}

# What shows that a section is there, where there is no apt to ask.
declare -A tools_of=([base]="" [build]="cmake ninja c++ pkg-config" [kafka]="java mvn openssl kcat" [cameras]="" [fuzz]="clang++")

# ensure_packages SECTION…
ensure_packages() {
    local section
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        for section; do
            # shellcheck disable=SC2086  # several words
            have ${tools_of[$section]} ||
                fail "no apt here, and tools are missing; install what Debian calls $(needed_packages "$@" | paste -sd ' ')"
        done
        return 0
    fi
    local -a missing prefix
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    mapfile -t prefix < <(root_prefix)
    ((${#prefix[@]})) || fail "packages are missing; run this, then start again:
    apt-get update && apt-get install --no-install-recommends -y ${missing[*]}"
    install_packages
}

# Uses `missing` and `prefix` of its caller.
install_packages() {
    local -a apt=("${prefix[@]}" DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
    say "apt packages to install: ${missing[*]}"
    [[ ${prefix[0]} != sudo ]] || sudo -v
    run "apt-get update" "${apt[@]}" update
    say "apt will download about $(apt_megabytes "${missing[@]}") MB"
    run "apt-get install" "${apt[@]}" install --no-install-recommends -y "${missing[@]}"
}

apt_megabytes() {
    apt-get install --no-install-recommends --print-uris -qq -y "$@" 2>/dev/null |
        awk '{ bytes += $3 } END { printf "%.0f", bytes / 1e6 }'
}

# ---------------------------------------------------------------- Python

is_usable_python() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local candidate
    if [[ -n ${PYTHON:-} ]]; then
        is_usable_python "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.11 or newer"
        say "$PYTHON"
        return
    fi
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if is_usable_python "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "needs Python 3.11 or newer; name one with PYTHON=/path/to/python3"
}

# A virtual environment knows its own path and its Python: moved or asked for another one, it is made anew.
ensure_venv() {
    local python made_for
    python=$(find_python)
    made_for="$venv $(version_of "$python")"
    if ! stamped venv "$made_for" || ! is_usable_python "$venv/bin/python"; then
        [[ ! -e $venv || -e $venv/pyvenv.cfg ]] || fail "$venv is there and is no virtual environment; move it away"
        run "python -m venv" "$python" -m venv --clear "$venv"
        stamp venv "$made_for"
    fi
    export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1
}

version_of() { "$1" -c 'import sys; print(sys.version)'; }

# ---------------------------------------------------------------- the package

# What the installed _core was made from. Python files are not in it: the install is editable.
core_stamp() {
    {
        version_of python
        find CMakeLists.txt pyproject.toml cpp src -type f -not -path 'cpp/tests/*' -not -path 'cpp/bench/*' \
            -not -path 'cpp/fuzz/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    } | sha256sum
}

requirements_stamp() {
    { say "$1" && version_of python && sha256sum pyproject.toml; } | sha256sum
}

# ensure_installed EXTRA MEGABYTES: the package and its extra are there, as pyproject.toml and the C++ sources are now.
ensure_installed() {
    local extra=$1 megabytes=$2 core requirements
    core=$(core_stamp)
    requirements=$(requirements_stamp "$extra")
    if ! stamped "requirements-$extra" "$requirements"; then
        say "installing framehop[$extra] into ${venv#"$PWD"/}: about $megabytes MB to download, then a minute of C++"
        run "pip install build tools" python -m pip install "scikit-build-core>=1.1" "pybind11>=3.1"
        run "pip install" python -m pip install "${editable[@]}" ".[$extra]"
    elif ! stamped core "$core"; then
        say "the C++ sources changed: building framehop again"
        run "pip install" python -m pip install --no-deps "${editable[@]}" .
    fi
    stamp "requirements-$extra" "$requirements"
    stamp core "$core"
}

editable=(--no-build-isolation "--config-settings=build-dir=build/{wheel_tag}" --editable)

stamped() { [[ $(cat "$venv/framehop-stamps/$1" 2>/dev/null) == "$2" ]]; }

stamp() {
    mkdir -p "$venv/framehop-stamps"
    say "$2" >"$venv/framehop-stamps/$1"
}

# The package, built and installed with what it needs.
ensure_framehop() {
    ensure_packages base build
    ensure_venv
    ensure_installed "$@"
}

# ---------------------------------------------------------------- Kafka

kafka_pom=scripts/kafka_cluster/pom.xml
kafka_version=$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' "$kafka_pom")
kafka_jars=${XDG_CACHE_HOME:-$HOME/.cache}/framehop/kafka-$kafka_version

# Kafka's jars, once for all checkouts. In a subshell for its trap; what appears under the name is always whole.
ensure_kafka() (
    local new
    [[ ! -d $kafka_jars ]] || return 0
    mkdir -p "${kafka_jars%/*}"
    new=$(mktemp -d "$kafka_jars.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    say "Maven will download Apache Kafka $kafka_version and its own plugins: about 60 MB"
    run "mvn kafka" mvn -B -C -f "$kafka_pom" \
        org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
        -DincludeScope=runtime "-DoutputDirectory=$new"
    mv -T "$new" "$kafka_jars" 2>/dev/null || [[ -d $kafka_jars ]] # somebody else was quicker
)

# What a broker's JVM has loaded by its end, kept as the JVM's own archive of classes: a start then takes three fifths of the work, and
# tests start brokers by the dozen. A JVM that cannot use the archive, as one of another version, goes without.
ensure_kafka_classes() (
    local archive=$kafka_jars/classes.jsa work
    [[ ! -e $archive ]] || return 0
    work=$(mktemp -d "$kafka_jars.XXXXXX")
    trap 'kafka_in "$work" kill &>/dev/null || true; rm -rf "$work"' EXIT
    run "kafka classes" archive_kafka_classes "$work"
    [[ ! -e $work/classes.jsa ]] || mv "$work/classes.jsa" "$archive"
)

# A broker that writes the archive as it ends.
archive_kafka_classes() {
    JAVA_TOOL_OPTIONS="-XX:+UseSerialGC -XX:ArchiveClassesAtExit=$1/classes.jsa" kafka_in "$1" start --port 0
    kafka_in "$1" stop
}

kafka_in() { python -m scripts.kafka_cluster --jars "$kafka_jars" "$2" --data "$1/data" "${@:3}"; }

# ---------------------------------------------------------------- DALI

# Where NVIDIA DALI lies, for this Python and these requirements: beside the virtual environment, as it is large and only one stage
# wants it.
dali_folder() {
    local key
    key=$({ python -c 'import sys; print(sys.implementation.cache_tag)' && cat scripts/dali-requirements.txt; } | sha256sum)
    say "${XDG_CACHE_HOME:-$HOME/.cache}/framehop/dali-${key:0:16}"
}

# Installs it once for all checkouts. In a subshell for its trap; what appears under the name is always whole.
ensure_dali() (
    local folder new
    folder=$(dali_folder)
    [[ ! -d $folder ]] || return 0
    mkdir -p "${folder%/*}"
    new=$(mktemp -d "$folder.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    say "pip will download NVIDIA DALI, to test it on the CPU: about 200 MB"
    run "pip install DALI" python -m pip install --no-deps --target "$new" -r scripts/dali-requirements.txt
    mv -T "$new" "$folder" 2>/dev/null || [[ -d $folder ]] # somebody else was quicker
)
