"""Which workspaces lie on the disk, whatever the store says of them."""

import re
from pathlib import Path

from wfd.domain.ids import AssignmentId, NamespaceId
from wfd.ports import OnDisk

_NAME = re.compile(r"A([0-9]{1,15})(?:-(J[0-9]{1,15}))?(?:\..*)?")  # what is beside one counts, too


def workspaces_on_disk(state_dir: Path) -> list[OnDisk]:
    found: dict[tuple[int, int, str], OnDisk] = {}
    for path in sorted((state_dir / "ns").glob("*/A*")):
        name, namespace = _NAME.fullmatch(path.name), path.parent.name
        if name is None or not (namespace.isascii() and namespace.isdigit()):
            continue
        of, lane = int(name[1]), name[2] or "main"
        place = OnDisk(NamespaceId(int(namespace)), AssignmentId(of), lane, path)
        found.setdefault((int(namespace), of, lane), place)
    return list(found.values())
