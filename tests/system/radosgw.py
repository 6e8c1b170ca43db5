"""Ceph's S3 gateway for the tests: one monitor, one store in memory, gateways in front; on loopback.

RadosGW.shared() gives all tests of a session (and all its xdist workers) the same store: the first
to ask starts a keeper, which ends the store when the session has ended, however that came about.
What is killed and started in a test is a gateway of its own, never the store, which forgets all.

    rgw = RadosGW.shared()
    bucket = rgw.bucket(lock=True)             # a new one, empty
    rgw.endpoint, rgw.ACCESS, rgw.SECRET       # "http://127.0.0.1:PORT", for the uploader
    rgw.client().get_object(Bucket=bucket, Key=key)        # python3-boto3: a client that is not ours
    with rgw.gateway() as g: g.endpoint, g.kill(), g.start()
"""
import fcntl
import itertools
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid

CONF = """[global]
fsid={fsid}
mon_host=[v2:127.0.0.1:{mon},v1:127.0.0.1:{mon1}]
mon_initial_members=a
keyring={folder}/keyring
auth_allow_insecure_global_id_reclaim=false
osd_pool_default_size=1
osd_pool_default_min_size=1
osd_pool_default_pg_num=1
osd_pool_default_pgp_num=1
osd_pool_default_pg_autoscale_mode=off
mon_warn_on_pool_no_redundancy=false
mon_allow_pool_size_one=true
osd_crush_chooseleaf_type=0
mon_max_pg_per_osd=1000
# Each pool that a gateway makes is a proposal: by default each waits for a second.
paxos_propose_interval=0.02
paxos_min_wait=0.01
osd_objectstore=memstore
memstore_device_bytes={memory}
osd_memory_target=939524096
run_dir={folder}/run
admin_socket={folder}/run/$name.$pid.asok
log_file={folder}/log/$name.$pid.log
mon_data={folder}/mon
osd_data={folder}/osd
ms_bind_ipv4=true
public_addr=127.0.0.1
mon_data_avail_crit=1
# A gateway that was killed is still told of changes, and waited for, until its watch has ended.
osd_client_watch_timeout=3
objecter_tick_interval=0.5
osd_class_load_list=*
osd_class_default_list=*
setuser_match_path={folder}
[client.rgw.a]
rgw_thread_pool_size=32
rgw_data={folder}/rgw
rgw_dns_name=localhost
rgw_enable_usage_log=false
rgw_lifecycle_work_time=00:00-00:01
# One that was killed while it completed an upload leaves that locked: ten minutes unless told.
rgw_mp_lock_max_time=10
"""
SHARED = pathlib.Path(tempfile.gettempdir())  # as it is before a session has one of its own (conftest.py)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def until(condition, what, wait=60, every=0.02):
    end = time.monotonic() + wait
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"radosgw: {what}: not within {wait} s")
        select.select([], [], [], every)


def end(process, number=signal.SIGKILL):
    if process and process.poll() is None:
        process.send_signal(number)
        process.wait()


class Gateway:
    """One radosgw in front of the store; may be killed and started again on the same port."""

    def __init__(self, rgw, port=0, wrapper=(), **settings):
        self.rgw, self.port, self.wrapper = rgw, port or free_port(), list(wrapper)
        self.settings = {"rgw_frontends": f"beast endpoint=127.0.0.1:{self.port}", **settings}
        self.process = None

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def answers(self):
        try:
            urllib.request.urlopen(self.endpoint, timeout=5).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            if self.process.poll() is not None:
                raise RuntimeError(f"radosgw has ended; see {self.rgw.folder}/log") from None
            return False
        return True

    def start(self):
        self.process = self.rgw.spawn(
            *self.wrapper, "radosgw", "-n", "client.rgw.a", "-f",
            *(f"--{k}={v}" for k, v in self.settings.items()))
        until(self.answers, "gateway")
        return self

    def kill(self):
        end(self.process)
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()


class RadosGW:
    ACCESS, SECRET, REGION = "DOCK", "DOCKSECRET", "us-east-1"
    names = itertools.count(1)

    def __init__(self, folder, memory=2 << 30):
        self.folder = pathlib.Path(folder)
        self.memory = memory
        self.conf = self.folder / "ceph.conf"
        self.daemons = []
        self.main = None

    @property
    def endpoint(self):
        return json.loads((self.folder / "ready").read_text())["endpoint"]

    @property
    def port(self):
        return int(self.endpoint.rsplit(":", 1)[1])

    # -- the store --

    def run(self, *command, **how):
        done = subprocess.run([command[0], "-c", str(self.conf), *map(str, command[1:])],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, **how)
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def spawn(self, *command):
        at = next(i for i, word in enumerate(command) if word in ("radosgw", "ceph-mon", "ceph-osd"))
        command = [*command[:at + 1], "-c", str(self.conf), *command[at + 1:]]
        with open(self.folder / "log" / f"{command[at]}.out", "ab") as out:
            return subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    def start(self):
        f = self.folder
        for name in ("mon", "osd", "rgw", "run", "log"):
            (f / name).mkdir(parents=True)
        fsid, mon, mon1 = str(uuid.uuid4()), free_port(), free_port()
        self.conf.write_text(CONF.format(folder=f, fsid=fsid, mon=mon, mon1=mon1, memory=self.memory))
        ring = [str(f / "keyring"), "--gen-key"]
        for name, caps in (("mon.", ("mon", "allow *")),
                           ("client.admin", ("mon", "allow *", "osd", "allow *", "mgr", "allow *")),
                           ("osd.0", ("mon", "allow profile osd", "osd", "allow *")),
                           ("client.rgw.a", ("mon", "allow rw", "osd", "allow rwx"))):
            self.run("ceph-authtool", *ring, *(["--create-keyring"] if name == "mon." else []),
                     "-n", name, *(w for i in range(0, len(caps), 2)
                                   for w in ("--cap", caps[i], caps[i + 1])))
        self.run("monmaptool", "--create", "--fsid", fsid, "--addv", "a",
                 f"[v2:127.0.0.1:{mon},v1:127.0.0.1:{mon1}]", f / "monmap")
        self.run("ceph-mon", "-i", "a", "--mkfs", "--monmap", f / "monmap", "--keyring", f / "keyring")
        try:
            self.daemons.append(self.spawn("ceph-mon", "-i", "a", "-f"))
            self.run("ceph", "osd", "create", timeout=60)
            self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", str(uuid.uuid4()))
            self.daemons.append(self.spawn("ceph-osd", "-i", "0", "-f"))
            until(lambda: "1 up" in self.run("ceph", "osd", "stat", timeout=60), "store", every=0.1)
            self.main = Gateway(self).start()
            self.admin("user", "create", "--uid=dock", "--display-name=dock",
                       f"--access-key={self.ACCESS}", f"--secret-key={self.SECRET}")
        except BaseException:
            self.stop()
            raise
        new = f / "ready.new"
        new.write_text(json.dumps({"endpoint": self.main.endpoint}))
        new.rename(f / "ready")
        return self

    def stop(self):
        if self.main:
            self.main.kill()
        for daemon in reversed(self.daemons):
            end(daemon)
        self.daemons = []

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- one store for a session --

    @classmethod
    def shared(cls):
        """The session's store; started when it is first asked for."""
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        session = os.getppid() if worker else os.getpid()
        folder = SHARED / f"dockd-radosgw-{session}"
        with open(f"{folder}.lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            rgw = cls(folder)
            if not (folder / "ready").exists():
                shutil.rmtree(folder, ignore_errors=True)
                keeper = subprocess.Popen(
                    [sys.executable, __file__, "--keep", str(folder), str(session)],
                    stdin=subprocess.DEVNULL, start_new_session=True)
                until(lambda: (folder / "ready").exists() or keeper.poll() is not None, "start", 120)
                if keeper.poll() is not None:
                    raise RuntimeError(f"radosgw did not start: see {folder}/log "
                                       "(tests/setup.sh server?)")
        return rgw

    @classmethod
    def keep(cls, folder, session):
        """The keeper: until the session's process is no more."""
        watched = os.pidfd_open(session)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            with cls(folder):
                select.select([watched], [], [])
        finally:
            pathlib.Path(f"{folder}.lock").unlink(missing_ok=True)

    # -- for tests --

    def gateway(self, **how):
        """Another gateway to the same store: with rgw.gateway() as g. wrapper: words before it."""
        return Gateway(self, **how)

    def admin(self, *words):
        """radosgw-admin; what it prints, parsed."""
        out = self.run("radosgw-admin", "-n", "client.rgw.a", *words, timeout=60)
        return json.loads(out) if out.strip().startswith(("{", "[")) else out

    def client(self, access=None, secret=None, endpoint=None, service="s3", token=None):
        """python3-boto3's client: no part of dockd."""
        import boto3
        from botocore.config import Config
        return boto3.client(
            service, endpoint_url=endpoint or self.endpoint, region_name=self.REGION,
            aws_access_key_id=access or self.ACCESS, aws_secret_access_key=secret or self.SECRET,
            aws_session_token=token,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 5}))

    STS = {"rgw_s3_auth_use_sts": "true", "rgw_sts_key": "abcdefghijklmnop"}

    def session_keys(self, gateway):
        """Keys that hold for an hour, with a session token, of rgw.gateway(**rgw.STS)."""
        self.admin("caps", "add", "--uid=dock", "--caps=user-policy=*;roles=*")
        allowed = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["sts:*"], "Resource": ["*"]}]}
        self.client(service="iam", endpoint=gateway.endpoint).put_user_policy(
            UserName="dock", PolicyName="sts", PolicyDocument=json.dumps(allowed))
        sts = self.client(service="sts", endpoint=gateway.endpoint)
        keys = sts.get_session_token()["Credentials"]
        return keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]

    def more_keys(self, name):
        """Another pair of keys of the same user, as a secrets file."""
        self.admin("key", "create", "--uid=dock", "--key-type=s3", f"--access-key={name}",
                   f"--secret-key=S{name}")
        return f"access-key: {name}\nsecret-key: S{name}\n"

    def drop_keys(self, name):
        self.admin("key", "rm", "--uid=dock", "--key-type=s3", f"--access-key={name}")

    def rot(self, bucket, key):
        """Changes the first byte of an object where the store has it, behind the gateway's back."""
        pool = ("-p", "default.rgw.buckets.data")
        mark = self.admin("bucket", "stats", f"--bucket={bucket}")["id"]
        for name in self.run("rados", *pool, "ls").split():
            if not name.startswith(mark) or key not in name:
                continue
            at = self.folder / f"rot.{os.getpid()}"
            self.run("rados", *pool, "get", name, at)
            data = at.read_bytes()
            if data:
                at.write_bytes(bytes([data[0] ^ 1]))
                self.run("rados", *pool, "put", name, at, "--offset", "0")
                at.unlink()
                return
        raise AssertionError(f"nothing to rot of {bucket}/{key}")

    def bucket(self, lock=False, name=None):
        """A new, empty bucket's name; lock: with object lock (and so versions)."""
        name = name or f"b{os.getpid()}-{next(self.names)}"
        self.client().create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
        return name

    def objects(self, bucket):
        """Every version of every key, and how many uploads are not whole: ([(key, version)], n)."""
        s3 = self.client()
        versions = [(v["Key"], v["VersionId"]) for page in
                    s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
                    for v in page.get("Versions", [])]
        return versions, len(s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []))

    def fetch(self, bucket, key, version=None):
        """The bytes of an object, fetched by a client that is not ours."""
        more = {"VersionId": version} if version else {}
        return self.client().get_object(Bucket=bucket, Key=key, **more)["Body"].read()


if __name__ == "__main__" and sys.argv[1:2] == ["--keep"]:
    RadosGW.keep(sys.argv[2], int(sys.argv[3]))
