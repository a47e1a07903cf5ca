"""Traffic for the pictures: downloads whose rates rise and fall, through a router.

usage: traffic.py serve | west | east
"""

import math
import socket
import sys
import threading
import time

PORTS = (443, 80, 5432)
# Client, server, port, Mbit/s on average, and the seconds in which the rate rises and falls once.
DOWNLOADS = {
    "west": [
        ("192.0.2.10", "203.0.113.80", 443, 24, 140),
        ("192.0.2.11", "203.0.113.80", 443, 9, 60),
        ("192.0.2.11", "203.0.113.81", 5432, 4, 200),
        ("192.0.2.12", "203.0.113.80", 80, 2, 35),
    ],
    "east": [
        ("198.51.100.20", "203.0.113.80", 443, 14, 90),
        ("198.51.100.21", "203.0.113.81", 5432, 6, 45),
        ("198.51.100.21", "203.0.113.80", 80, 1, 30),
    ],
}
# Seconds between two parts of a download.
PART = 0.05


def send(connection):
    """Sends as many bytes as each line requests."""
    with connection, connection.makefile("r") as lines:
        for line in lines:
            connection.sendall(bytes(int(line)))


def serve(port):
    with socket.create_server(("", port)) as listener:
        while True:
            threading.Thread(target=send, args=listener.accept()[:1], daemon=True).start()


def download(client, server, port, rate, period):
    time.sleep(1)
    with socket.create_connection((server, port), source_address=(client, 0)) as connection:
        while True:
            share = 1 + 0.6 * math.sin(2 * math.pi * time.monotonic() / period)
            left = int(rate * 1e6 / 8 * PART * share)
            connection.sendall(b"%d\n" % left)
            while left > 0:
                left -= len(connection.recv(left))
            time.sleep(PART)


what = sys.argv[1]
work = [(serve, (port,)) for port in PORTS] if what == "serve" else [(download, one) for one in DOWNLOADS[what]]
threads = [threading.Thread(target=target, args=args) for target, args in work]
for thread in threads:
    thread.start()
