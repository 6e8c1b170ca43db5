"""The second demo: a stock @tus/server that is cut off in the middle of an upload."""
import threading

from servers import TusServer
from station import Station, drop_programs


def with_tus_server(folder, bays, make_lamp, shift, run, compare):
    print("dockd with a stock @tus/server on this machine as the evidence server.")
    files = folder / "server"
    files.mkdir()
    server = TusServer(files)
    server.start()
    station = Station(folder=folder, start=False, bays=bays, take_when="server", destinations=[{
        "name": "evidence", "driver": "tus", "url": server.url, "read-back": True,
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
    finally:
        station.close()
        server.kill()
        drop_programs()
    print(f"\n{size} bytes of clips and logs; {sent} bytes of body were sent in all.")
    print(f"The evidence lies at the server, in {files}; the ledger in {folder}/state/ledger.")
    return 0 if good and not missing else 1
