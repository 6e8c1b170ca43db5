"""What the tests know of dockd/base/proto.h without a copy of it."""
import pathlib
import re

HEADER = pathlib.Path(__file__).resolve().parents[2] / "dockd/base/proto.h"
VERSION = int(re.search(r"#define PROTO_VERSION (\d+)", HEADER.read_text()).group(1))
