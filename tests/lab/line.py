#!/usr/bin/python3
"""A real line: 50 ms and 1 % loss both ways (netem), which is down for a while in the middle.

The shipped dockd-uploader here, a stock @tus/server behind a veth pair in a network of its own. What
arrives is identical, and little is sent twice; rate and bytes are printed.
"""

import os
import pathlib
import shutil
import sys
import threading
import time

from probe import BUILD, HERE, Tally, shell

sys.path.insert(0, os.path.join(HERE, "..", "system"))
import fake_core as core  # noqa: E402
from servers import TusServer  # noqa: E402

MIB = 1 << 20
SIZE = 3 * MIB
IN_FLIGHT = MIB
t = Tally("line")


class FarServer(TusServer):
    HOST, WRAPPER = "10.77.0.2", ["ip", "netns", "exec", "far"]


shell("""
modprobe -a veth sch_netem
ip netns add far
ip link add near0 type veth peer name far0 netns far
ip addr add 10.77.0.1/24 dev near0
ip link set near0 up
ip netns exec far ip addr add 10.77.0.2/24 dev far0
ip netns exec far ip link set far0 up
ip netns exec far ip link set lo up
tc qdisc add dev near0 root netem delay 25ms loss 1%
ip netns exec far tc qdisc add dev far0 root netem delay 25ms loss 1%
""")
print("netem is on: %s" % shell("tc qdisc show dev near0"), flush=True)

folder = pathlib.Path("/run/line")
folder.mkdir()
program = shutil.copy2(os.path.join(BUILD, "dockd-uploader"), folder / "dockd-uploader")
clip = folder / "clip"
clip.write_bytes(os.urandom(SIZE))
with FarServer(folder / "held") as server, core.Core(folder, program) as uploader:
    uploader.open(core.TUS, server.url, stall_ms=60000, answer_ms=60000, chunk_min=256 << 10)
    began = time.monotonic()
    ready, down = threading.Event(), []

    def break_it():
        """Down once two fifths are there; up again after what a switch takes to come back."""
        while not ready.is_set():
            held = sum(len(data) for data in server.uploads().values())
            if held > SIZE * 2 // 5:
                down.append(held)
                shell("ip link set near0 down")
                ready.wait(4)
                shell("ip link set near0 up")
                return
            ready.wait(0.2)
    breaker = threading.Thread(target=break_it)
    breaker.start()
    created, sent, tries, address = [], 0, 0, ""
    while True:
        more, end = uploader.whole(clip, address=address, wait=200)
        created += more
        address = created[0].address if created else ""
        sent += end.sent
        if end.kind == "RECEIPT" or tries > 200:  # a hundred seconds, of which it is down for four
            break
        tries += 1
        ready.wait(0.5)
    ready.set()
    breaker.join()
    took = time.monotonic() - began
    held = list(server.uploads().values())
    print("%d bytes in %.1f s: %.0f kB/s; sent %d, %d tries more; %s" % (
        SIZE, took, SIZE / took / 1000, sent, tries, uploader.text().splitlines()[-1][:160]), flush=True)
    t.check("the line was down in the middle (%s)" % down, len(down) == 1)
    t.check("it ends with a receipt", end.kind == "RECEIPT", end)
    t.check("one upload was made", len(created) == 1 and len(held) == 1, len(held))
    t.check("what arrived is identical", held == [clip.read_bytes()])
    t.check("little was sent twice (%d)" % (sent - SIZE), sent <= SIZE + (tries + 1) * IN_FLIGHT)
t.finish()
