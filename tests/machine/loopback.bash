# Servers on this machine's loopback.
# shellcheck shell=bash

loopback=127.0.0.1

# Whether a port of this machine takes connections.
listens() {
    (: >"/dev/tcp/$loopback/$1") 2>/dev/null
}

# Whether an HTTP server on it gives answers.
answers() {
    (
        exec 7<>"/dev/tcp/$loopback/$1"
        printf 'GET / HTTP/1.0\r\n\r\n' >&7
        read -r -t 30 _ <&7
    ) 2>/dev/null
}

# A port that nothing listens on now.
free_port() {
    python3 -c '
import socket, sys
with socket.socket() as probe:
    probe.bind((sys.argv[1], 0))
    print(probe.getsockname()[1])' "$loopback"
}
