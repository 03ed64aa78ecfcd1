"""Serves moto on a free port of 127.0.0.1, says which, and ends when its standard input does."""

import sys
import threading

from moto.dynamodb.responses import DynamoHandler
from moto.server import ThreadedMotoServer

# Moto looks at an item and writes it in two steps, and a transaction that fails puts back a copy of the whole table:
# of requests at the same time, conditions would not hold, and writes would be lost.
one_at_a_time = threading.RLock()
handle = DynamoHandler.call_action


def call_action(self):
    with one_at_a_time:
        return handle(self)


DynamoHandler.call_action = call_action

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
