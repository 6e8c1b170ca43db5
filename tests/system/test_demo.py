"""make demo's own script, as a newcomer runs it: from plug-in to the light that ends it."""
import os
import pathlib
import shutil
import subprocess
import sys

from station import new_folder

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_demo():
    folder = new_folder("demo")
    done = subprocess.run([sys.executable, ROOT / "tests/demo/demo.py"], text=True, cwd=ROOT,
                          env={**os.environ, "TMPDIR": str(folder)}, timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-3000:]
    assert 'Proof reached: "local"' in done.stdout and "Findings: none" in done.stdout
    shutil.rmtree(folder)
