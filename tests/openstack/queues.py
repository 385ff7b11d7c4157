"""Waits until somebody listens to each of some queues: queues.py HOST PORT QUEUE...

What is sent to a service before it listens is lost, and its sender waits for a minute.
"""

import sys
import time

import amqp

PATIENCE = 300


def listened_to(connection, queue):
    channel = connection.channel()
    try:
        return channel.queue_declare(queue, passive=True).consumer_count > 0
    except amqp.NotFound:
        return False
    finally:
        # One that was refused is closed already.
        if channel.is_open:
            channel.close()


def main(host, port, *queues):
    end = time.monotonic() + PATIENCE
    with amqp.Connection(f"{host}:{port}", userid="guest", password="guest") as connection:
        for queue in queues:
            while not listened_to(connection, queue):
                if time.monotonic() > end:
                    sys.exit(f"nobody listens to {queue} after {PATIENCE} seconds")
                time.sleep(0.1)


main(*sys.argv[1:])
