"""The second demo: a stock @tus/server with the receipt hook, cut off in the middle of an upload."""
import threading
import urllib.request

from servers import ReceiptServer
from station import Station, drop_programs


def with_tus_server(folder, bays, make_lamp, shift, run, compare):
    print("dockd with a stock @tus/server on this machine as the evidence server; etc/receipt-hook in\n"
          "front of it signs a receipt for what it has stored.")
    files = folder / "server"
    files.mkdir()
    server = ReceiptServer(files)
    server.start()
    station = Station(folder=folder, start=False, bays=bays, take_when="server", destinations=[{
        "name": "evidence", "driver": "tus", "url": server.url,
        "receipt-path": "/receipt", "receipt-keys": [server.vkey],
        "chunk-min": 1 << 18, "chunk-max": 1 << 20}])
    lamp = make_lamp(station)
    station.start()

    def held():
        return sum(p.stat().st_size for p in files.iterdir() if p.suffix != ".json")

    def cut():
        """Kills the server while it holds part of the clips, and starts it again."""
        pause = threading.Event()
        while held() < 8 << 20:
            pause.wait(0.001)
        server.kill()
        print(f"\n  --- the server is killed: it holds {held()} bytes; it is started again ---\n",
              flush=True)
        server.start()

    try:
        camera = station.camera("0001", shift(scale=5))
        good = run(station, lamp, camera, cut)
        print("\nWhat the camera holds, and whether the same bytes lie at the server:\n")
        missing = compare(camera, files)
        sent = sum(u["sent_bytes"] for u in station.ctl("status")["destinations"])
        size = sum(o["size"] for o in camera.objects().values())
        proofs = [station.ctl("clip", n)["uploads"][0] for n in range(1, 5)]
        with urllib.request.urlopen(proofs[0]["address"] + "/receipt") as answer:
            receipt = answer.read().decode()
    finally:
        station.close()
        server.kill()
        drop_programs()
    print("\nWhat the server signs for the first of them, read from its disk at this moment:\n")
    print("".join(f"    {line}\n" for line in receipt.splitlines()))
    print(f"Checked against the key in dockd.conf, the proof of each is: "
          f"{', '.join(p['level'] for p in proofs)}.")
    print("That is the proof that the gate asks for. Nothing was erased all the same: erase = \"never\"\n"
          "is the default.")
    print(f"\n{size} bytes of clips and logs; {sent} bytes of body were sent in all.")
    print(f"The evidence lies at the server, in {files}; the ledger in {folder}/state/ledger.")
    signed = all(p["level"] == "signed" for p in proofs)
    return 0 if good and signed and not missing else 1
