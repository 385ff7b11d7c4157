# What the scripts of the tests share: how they speak, and where they keep what takes long to make.
# shellcheck shell=bash

# The lines of a script are for somebody who waits, so each tells when it was.
say() {
    printf '%s %s\n' "$(date +%H:%M:%S)" "$*" >&2
}

# One error, with what to do about it where that is known.
fail() {
    printf 'error: %s\n' "$1" >&2
    if [[ -n ${2:-} ]]; then
        printf 'help: %s\n' "$2" >&2
    fi
    exit 1
}

# Where what is installed for tests is kept from one run to the next.
cache_folder() {
    printf '%s/cloudbuilder-tests\n' "${XDG_CACHE_HOME:-$(echo ~)/.cache}"
}

# Forgets the caller's clouds and proxies: a test that met either would not be about loopback.
forget_the_caller() {
    local name
    for name in $(compgen -e); do
        case $name in
            OS_* | [Hh][Tt][Tt][Pp]_[Pp][Rr][Oo][Xx][Yy] | [Hh][Tt][Tt][Pp][Ss]_[Pp][Rr][Oo][Xx][Yy] | \
                [Aa][Ll][Ll]_[Pp][Rr][Oo][Xx][Yy] | [Ff][Tt][Pp]_[Pp][Rr][Oo][Xx][Yy] | [Nn][Oo]_[Pp][Rr][Oo][Xx][Yy])
                unset "$name"
                ;;
        esac
    done
}
