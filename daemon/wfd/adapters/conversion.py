"""Files that git converts: which of them are as they were checked out, and the blobs of the rest.

What a blob and its attributes come to is asked of git itself, by checking out beside the
workspace. So a file is compared with what it was, and not with what git would make of it now.
"""

import hashlib
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import anyio.to_thread

from wfd.adapters import plain_files
from wfd.adapters.attributes import Attributes
from wfd.adapters.encodings import in_utf8, is_utf8_instead
from wfd.adapters.git import Git, on_a_line
from wfd.adapters.lines import spliced

_AT_ONCE = 1000  # files that are checked out beside the workspace
_MAX_BYTES = 512 << 20  # of one file; a larger one is taken as git makes it
_MAX_LINES_BYTES = 64 << 20  # the same where it is looked into line by line


@dataclass(frozen=True)
class Change:
    """A tracked path whose file may not be what the index says."""

    path: bytes
    mode: bytes  # in the index
    new_mode: bytes
    sha: str  # in the index
    is_gone: bool

    @property
    def was_gitlink(self) -> bool:
        return self.mode == b"160000"

    @property
    def is_file(self) -> bool:
        return self.mode.startswith(b"100") and self.new_mode.startswith(b"100")


@dataclass(frozen=True)
class Conversion:
    git: Git  # with the work tree and its index, which is that of the commit before
    root: Path
    beside: Path  # a place on the same disk, out of the agent's reach, for folders of its name

    async def unchanged(
        self, changes: Sequence[Change], altered: Collection[bytes] | None = None
    ) -> set[bytes]:
        """The paths whose files are their blobs, or what a checkout makes of these.

        `altered` are those of which a checkout may make something else; all of them for None.
        """
        same = await anyio.to_thread.run_sync(self._equal_to_blobs, changes)
        others = (one for one in changes if one.path not in same)
        rest = (one for one in others if altered is None or one.path in altered)
        while some := list(islice(rest, _AT_ONCE)):
            with self._folder() as folder:
                there = Path(folder)
                await self._check_out([change.path for change in some], there)
                same |= await anyio.to_thread.run_sync(self._equal_in, there, some)
        return same

    def is_one_of(self, path: bytes, shas: Iterable[str]) -> bool:
        """Whether a file has just the bytes of one of the blobs."""
        return any(self._is_blob(path, sha) for sha in shas)

    def is_utf8_instead(self, path: bytes, encoding: str) -> bool:
        """Whether a file has UTF-8 where it should have characters of two or four bytes."""
        return is_utf8_instead(self._read(path) or b"", encoding)

    async def hashed(self, paths: Sequence[bytes]) -> dict[bytes, str]:
        """The blobs that git would make of files, by name; nothing is stored."""
        files = [path for path in paths if (self.root / os.fsdecode(path)).is_file()]
        said = await self.git.feed(map(on_a_line, files), "hash-object", "--stdin-paths",
                                   end=b"\n")  # fmt: skip
        return dict(zip(files, said.out.decode().split(), strict=True))

    async def mend(
        self, changes: Mapping[bytes, Change], attributes: Mapping[bytes, Attributes], top: str
    ) -> list[tuple[bytes, str, bytes]]:
        """Better blobs for changed files than those that the index has by now.

        Only for old blobs that git would not have made: mode, object and path of each.
        """
        told = {path: attributes.get(path, Attributes()) for path in changes}
        paths = iter(await anyio.to_thread.run_sync(self._odd, told))
        made: list[tuple[bytes, str, bytes]] = []
        while some := list(islice(paths, _AT_ONCE)):
            shas = {path: changes[path].sha for path in some}
            blobs = await self._contents(shas.values())
            odd = {path: blobs[sha] for path, sha in shas.items() if _is_odd(blobs.get(sha))}
            if odd:
                made += await self._mended(odd, told, top)
        return made

    async def as_they_are(self, paths: Sequence[bytes]) -> dict[bytes, str]:
        """The names of blobs with the files' own bytes, stored."""
        if not paths:
            return {}
        said = await self.git.feed(map(on_a_line, paths), "hash-object", "-w", "--no-filters",
                                   "--stdin-paths", end=b"\n")  # fmt: skip
        return dict(zip(paths, said.out.decode().split(), strict=True))

    async def _mended(
        self, odd: Mapping[bytes, bytes], told: Mapping[bytes, Attributes], top: str
    ) -> list[tuple[bytes, str, bytes]]:
        said = await self.git.run(
            "diff-index", "--cached", "--raw", "--no-renames", "--no-abbrev", "-z", top
        )
        entries = iter(said.names)
        staged = {
            path: (head.split()[1], head.split()[3].decode())
            for head, path in zip(entries, entries, strict=True)
            if path in odd and head.split()[1].startswith(b"100")
        }
        cleaned = await self._contents(sha for _, sha in staged.values())
        better: dict[bytes, bytes] = {}
        with self._folder() as folder:
            await self._check_out(list(staged), Path(folder), top)
            for path, (_, sha) in staged.items():
                encoding = told[path].encoding
                was = in_utf8(_file(Path(folder), path) or b"", encoding)
                now = in_utf8(self._read(path) or b"", encoding)
                if was is None or now is None or sha not in cleaned:
                    continue
                splice = partial(spliced, has_ident=told[path].ident)
                new = await anyio.to_thread.run_sync(splice, odd[path], was, now, cleaned[sha])
                if new != cleaned[sha]:
                    better[path] = new
        shas = await self._store(better)
        return [(staged[path][0], sha, path) for path, sha in shas.items()]

    def _folder(self) -> tempfile.TemporaryDirectory[str]:
        """One that goes with the workspace if this life of the daemon ends before it is empty."""
        return tempfile.TemporaryDirectory(dir=self.beside.parent, prefix=f"{self.beside.name}-")

    async def _check_out(self, paths: Sequence[bytes], folder: Path, top: str = "") -> None:
        """Fill an empty folder as a checkout of the staged commit, or of `top`, would."""
        files = folder / "files"
        files.mkdir()
        git = self.git.at(files, GIT_WORK_TREE=str(files))
        if top:
            git = git.at(files, GIT_INDEX_FILE=str(folder / "index"))
            await git.run("read-tree", top)
        await git.feed(paths, "checkout-index", "--force", "--quiet", "-z", "--stdin")

    async def _contents(self, shas: Iterable[str]) -> dict[str, bytes]:
        """The blobs by name, but for those that are too large to look into."""
        wanted = sorted(set(shas))
        said = await self.git.feed((sha.encode() for sha in wanted), "cat-file", "--batch-check",
                                   end=b"\n")  # fmt: skip
        rows = (line.split() for line in said.out.decode().splitlines())
        small = [row[0] for row in rows if row[1] == "blob" and int(row[2]) <= _MAX_LINES_BYTES]
        said = await self.git.feed((sha.encode() for sha in small), "cat-file", "--batch",
                                   end=b"\n")  # fmt: skip
        return dict(_batch(said.out))

    async def _store(self, blobs: Mapping[bytes, bytes]) -> dict[bytes, str]:
        if not blobs:
            return {}
        with self._folder() as folder:
            for number, data in enumerate(blobs.values()):
                Path(folder, str(number)).write_bytes(data)
            there = self.git.at(Path(folder), GIT_WORK_TREE=folder)
            names = (b"%d" % number for number in range(len(blobs)))
            said = await there.feed(names, "hash-object", "-w", "--no-filters", "--stdin-paths",
                                    end=b"\n")  # fmt: skip
        return dict(zip(blobs, said.out.decode().split(), strict=True))

    def _odd(self, told: Mapping[bytes, Attributes]) -> list[bytes]:
        """The files that may have lines of which git would make others."""
        files = ((path, one, self._read(path, _MAX_LINES_BYTES)) for path, one in told.items())
        return [path for path, one, data in files if data and _is_odd(in_utf8(data, one.encoding))]

    def _equal_to_blobs(self, changes: Sequence[Change]) -> set[bytes]:
        return {change.path for change in changes if self._is_blob(change.path, change.sha)}

    def _is_blob(self, path: bytes, sha: str) -> bool:
        data = self._read(path)
        return data is not None and _blob_name(data, sha) == sha

    def _equal_in(self, folder: Path, changes: Sequence[Change]) -> set[bytes]:
        return {
            change.path
            for change in changes
            if (data := _file(folder, change.path)) is not None and data == self._read(change.path)
        }

    def _read(self, path: bytes, max_bytes: int = _MAX_BYTES) -> bytes | None:
        """A plain file of the workspace; None for anything else, or if it is too large."""
        try:
            return plain_files.read(self.root, os.fsdecode(path), max_bytes)
        except OSError:
            return None


def _is_odd(data: bytes | None) -> bool:
    return data is not None and (b"\r\n" in data or b"$Id:" in data)


def _blob_name(data: bytes, like: str) -> str:
    """What git calls a blob with this content, in the hash that `like` is of."""
    new = hashlib.sha1 if len(like) == 40 else hashlib.sha256
    return new(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _file(folder: Path, path: bytes) -> bytes | None:
    try:
        return plain_files.read(folder / "files", os.fsdecode(path), _MAX_BYTES * 2)
    except OSError:
        return None


def _batch(out: bytes) -> Iterator[tuple[str, bytes]]:
    """What `cat-file --batch` prints."""
    at = 0
    while at < len(out):
        end = out.index(b"\n", at)
        sha, _, size = out[at:end].decode().split()
        yield sha, out[end + 1 : end + 1 + int(size)]
        at = end + 2 + int(size)
