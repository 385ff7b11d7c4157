# Starts daemons, waits for them, and stops them and nothing else.
# shellcheck shell=bash

# When a process began: ids come round again, but not with the same beginning.
birth() {
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    # Behind the name, which may hold anything.
    read -ra stat <<<"${stat##*) }"
    # One that has ended and waits for its parent to notice does not count.
    [[ ${stat[0]} != Z ]] || return 1
    printf '%s\n' "${stat[19]}"
}

# What goes before a command so that it sees nothing of the caller's environment. Python's warnings
# of what will change some day would fill the logs.
seal() {
    sealed=(env -i PATH="$PATH" HOME="$folder/home" TMPDIR="$folder/home" LANG=C.UTF-8
        PYTHONPATH="$here/driver" PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore)
}

# What happened when, for whoever wonders where the time went.
note() {
    printf '%s %s\n' "$(date +%T.%1N)" "$*" >>"$folder/log/timeline"
}

# launch NAME COMMAND... : as the leader of a session of its own, so that all of it can be stopped.
launch() {
    local name=$1
    shift
    note "$name starts"
    setsid "${sealed[@]}" "$@" </dev/null >"$folder/log/$name" 2>&1 &
    printf '%s %s\n' "$!" "$(birth "$!")" >"$folder/pid/$name"
    disown
}

# launch_api NAME PORT MODULE VARIABLE=VALUE...
# Of the servers for Python applications only uWSGI will do: Keystone reads the command line, and dies
# of gunicorn's options. The header tells clients that it takes one request on a connection. Each worker
# loads the application for itself: Nova's begins threads as it is loaded, and a worker that was forked
# after that waits for ever, now and then, for a lock that one of them held.
launch_api() {
    local name=$1 port=$2 module=$3
    shift 3
    launch "$name" "$@" "$venv/bin/uwsgi" --http-socket "$loopback:$port" --module "$module" \
        --callable application --home "$venv" --master --processes 1 --threads 4 --enable-threads \
        --die-on-term --need-app --lazy-apps --buffer-size 65535 --add-header "Connection: close"
}

# The id of a process that was started here and still runs.
running() {
    local pid born
    read -r pid born 2>/dev/null <"$folder/pid/$1" || return 1
    [[ $(birth "$pid") == "$born" ]] || return 1
    printf '%s\n' "$pid"
}

# await NAME PORT : until it listens, or has ended, or far too much time has passed.
await() {
    until_there "$1" "$2" listens
}

# await_api NAME PORT : until it answers. uWSGI listens long before the application is there.
await_api() {
    until_there "$1" "$2" answers
}

until_there() {
    local name=$1 port=$2 test=$3 end=$((SECONDS + 300))
    until "$test" "$port"; do
        running "$name" >/dev/null || broken "$name" "$name has ended before it was there"
        ((SECONDS < end)) || broken "$name" "nothing ${test} on port $port: $name"
        sleep 0.1
    done
    note "$name $test"
}

# broken LOG WHAT
broken() {
    tail -n 20 "$folder/log/$1" >&2
    fail "$2" "the logs are in $folder/log"
}

# halt SECONDS NAME... : asks, waits so long, and then does not ask.
halt() {
    local end=$((SECONDS + $1)) name pid
    shift
    for name in "$@"; do
        if pid=$(running "$name"); then
            kill -TERM "$pid" 2>/dev/null || true
        fi
    done
    for name in "$@"; do
        while pid=$(running "$name"); do
            if ((SECONDS >= end)); then
                kill -KILL -- "-$pid" 2>/dev/null || true
            fi
            sleep 0.05
        done
        rm -f "$folder/pid/$name"
    done
}

# The services first: they do not like to lose their database. It gets the time to close its files.
halt_all() {
    local name services=()
    for name in "$folder"/pid/*; do
        name=${name##*/}
        case $name in
            '*' | database | queue | queue-names | name-server) ;;
            *) services+=("$name") ;;
        esac
    done
    # Some wait a minute for requests that will not come.
    halt 2 "${services[@]}"
    halt 5 queue name-server
    halt 2 queue-names
    halt 60 database
}
