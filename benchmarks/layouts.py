"""What the layout of the environment repository costs git: a folder for each model, or files side by side.

The same files in two layouts, 10,000 models in 5 environments, without content of ours.  For one more promotion:
``rev-list``, as a stock server runs it before it takes a push, and what writes, packs and unpacks the commit.  Told is
the processor time, the least of some runs.

    .venv/bin/python benchmarks/layouts.py [--short] [--write]
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from grounds.environments import ENVIRONMENTS, name_of
from grounds.timing import Line, Report, best, parsed, plain, processor_time

COMMAND = ".venv/bin/python benchmarks/layouts.py"
EVIDENCE = 4


def main() -> int:
    arguments = parsed(__doc__ or "")
    models, repeat = (20, 1) if arguments.short else (10_000, 7)
    report = Report("layouts", COMMAND)
    for words, between in (("a folder for each model", "/"), ("files side by side", "-")):
        with tempfile.TemporaryDirectory() as temporary:
            place = Layout(Path(temporary) / "layout.git", between)
            place.write("main", (path for number in range(models) for path in place.paths(name_of(number))))
            place.git("repack", "-adq")
            for bitmap in place.folder.rglob("*.bitmap"):  # neither a cache nor every server has one
                bitmap.unlink()
            folders = place.git("ls-tree", "-r", "-d", "--name-only", "main").count(b"\n")
            spent = [place.promotion(f"new-{number}", Path(temporary)) for number in range(repeat)]
            report.add(Line(f"{words}: folders of {models:,} models", f"{folders:,}"))
            report.time(f"{words}: the walk of the server", best(walk for walk, _ in spent))
            report.time(f"{words}: write, pack and unpack", best(rest for _, rest in spent))
    return report.end(arguments)


class Layout:
    """A bare repository in which the parts of a path below an environment are joined in one way."""

    def __init__(self, folder: Path, between: str) -> None:
        self.folder, self.between = folder, between
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(folder)], check=True)

    def paths(self, model: str) -> Iterator[str]:
        """Every file of a model that runs everywhere."""
        release, one = digest(model), self.between
        yield f"releases/{model}{one}{release}.yaml"
        yield from (f"evidence/{release}{one}{digest(model, kind)}.json" for kind in range(EVIDENCE))
        for env in ENVIRONMENTS:
            yield from self.moved(model, env)

    def moved(self, model: str, env: str) -> Iterator[str]:
        """What a promotion into an environment writes."""
        one = self.between
        yield f"environments/{env}/{model}{one}release.yaml"
        yield f"environments/{env}/{model}{one}kustomization.yaml"
        yield f"receipts/{env}/{model}{one}{digest(model, env)}.json"

    def promotion(self, model: str, beside: Path) -> tuple[float, float]:
        """The processor time of the walk, and of everything else, for one more commit."""
        start = processor_time()
        self.write("next", self.moved(model, "dev"), base="main")
        asked = b"next\n^main\n"
        pack = self.git("pack-objects", "--revs", "--thin", "--stdout", "--delta-base-offset", "-q", stdin=asked)
        rest, start = processor_time() - start, processor_time()
        self.git("rev-list", "--objects", "--stdin", "--quiet", stdin=asked)
        walk = processor_time() - start
        other = Layout(beside / f"{model}.git", self.between)
        (other.folder / "objects" / "info" / "alternates").write_text(f"{self.folder / 'objects'}\n")
        start = processor_time()
        other.git("unpack-objects", "-q", stdin=pack)
        return walk, rest + processor_time() - start

    def write(self, branch: str, paths: Iterable[str], *, base: str = "") -> None:
        """A commit with these files, each with some bytes of its own."""
        parts = [b"commit refs/heads/%b\ncommitter A <a@example.com> 1700000000 +0000\ndata 2\nx\n" % branch.encode()]
        parts += [b"from refs/heads/%b^0\n" % base.encode()] if base else []
        for path in paths:
            data = (digest(path) * 8).encode()
            parts.append(b"M 100644 inline %b\ndata %d\n%b\n" % (path.encode(), len(data), data))
        self.git("fast-import", "--quiet", "--force", stdin=b"".join(parts))

    def git(self, *words: str, stdin: bytes | None = None) -> bytes:
        """Plain git there."""
        argv = ["git", "--git-dir", str(self.folder), *words]
        return subprocess.run(argv, input=stdin, env=plain(), stdout=subprocess.PIPE, check=True).stdout


def digest(*words: object) -> str:
    """As good as any digest for what is measured: 64 characters that cannot be guessed."""
    return hashlib.sha256(repr(words).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
