# Programs of Debian's packages, for scripts/test and scripts/bench, which source this: what the machine lacks is
# unpacked below target/debian, and nothing is installed. Who sources it sets `work`, a folder for what is to be gone at
# the end; what it does is told in `step`.
# shellcheck shell=bash

cache=$(readlink -m "${CARGO_TARGET_DIR:-target}")/debian
lists_are_new=

fail() {
    printf "scripts/${0##*/}: %s\n" "$@" >&2
    exit 1
}

# Unpacks a Debian package, and the libraries it needs that are not installed, into $cache/PACKAGE.
unpack() {
    local package=$1 part=$cache/$1.part names
    step="get $package from Debian"
    echo "== $step"
    local by_hand="sudo apt-get update && sudo apt-get install --no-install-recommends $package"
    command -v apt-get dpkg >/dev/null || fail "$package is not here and apt-get is neither; install it by hand"
    # Lists and downloads are our own: this needs no rights, and changes nothing outside target.
    local apt=(apt-get -q -o "Dir::State::Lists=$cache/lists" -o "Dir::Cache=$cache/apt" -o Debug::NoLocking=1)
    ((EUID != 0)) || apt+=(-o APT::Sandbox::User=root)
    rm -rf "$part"
    mkdir -p "$part/debs" "$cache/lists/partial" "$cache/apt/archives/partial"
    # The lists are fetched once.
    local update=("${apt[@]}" update)
    [[ -z $lists_are_new ]] || update=(true)
    if ! { "${update[@]}" && "${apt[@]}" --simulate install --no-install-recommends "$package"; } >"$part/log" 2>&1; then
        cat "$part/log" >&2
        fail "Debian's packages cannot be reached; type: $by_hand"
    fi
    lists_are_new=yes
    # The compiler that PostgreSQL may use for queries, and what its cluster scripts want, are not needed. SpamAssassin is
    # made of modules for Perl.
    local unneeded='|-perl$'
    [[ $package != spamassassin ]] || unneeded=
    names=$(awk '$1 == "Inst" {print $2}' "$part/log" |
        grep -E "^($package|lib[^ ]*|python3[^ ]*|postgresql-(client-)?[0-9]+|chromium(-common)?|dovecot-core)\$" |
        grep -Ev "^libllvm$unneeded")
    # shellcheck disable=SC2086  # The names are words.
    if ! (cd "$part/debs" && "${apt[@]}" download $names) >>"$part/log" 2>&1; then
        cat "$part/log" >&2
        fail "$package cannot be downloaded; type: $by_hand"
    fi
    for deb in "$part"/debs/*.deb; do
        dpkg -x "$deb" "$part/root"
    done
    rm -rf "${cache:?}/$package"
    mv "$part/root" "$cache/$package"
    rm -rf "$part"
}

# The folders of shared libraries below a folder of unpacked packages.
libraries() (
    shopt -s nullglob
    folders=("$1"/usr/lib/*-linux-gnu* "$1"/usr/lib/*-linux-gnu*/pulseaudio "$1"/lib/*-linux-gnu*)
    folders+=("$1"/usr/lib/postfix "$1"/usr/lib)
    IFS=:
    echo "${folders[*]}"
)

# Finds one of Postfix's programs and names it in the environment: smtp-sink in SMTP_SINK. As root they must be told whom
# to become, where they ask for it.
find_program() {
    local name=$1 found command=(exec) variable
    found=$(PATH=$PATH:/usr/sbin:/usr/local/sbin command -v "$name" || true)
    if [[ -z $found ]]; then
        [[ -d $cache/postfix ]] || unpack postfix
        found=$cache/postfix/usr/sbin/$name
        command+=(env "LD_LIBRARY_PATH=$(libraries "$cache/postfix")")
    fi
    command+=("$found")
    [[ $name != smtp-sink ]] || ((EUID != 0)) || command+=(-u nobody)
    variable=${name^^}
    variable=${variable//-/_}
    program "$work/$name" "${command[@]}"
    export "$variable=$work/$name"
}

# Makes a program of a command, to which arguments can be added.
program() {
    local path=$1
    shift
    printf '#!/usr/bin/env bash\n%s "$@"\n' "${*@Q}" >"$path"
    chmod 755 "$path"
}
