"""``init``: the first files of a model, an environment repository, workflows, or a key.

What is written passes ``validate``.  Nothing that a person wrote is ever overwritten: where one file is in the way, no
file is written.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from mlops_gitops.canonical import JSON
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused, Refused, WorldFailed

EXAMPLE = """
mlops-gitops init model flight-delays
mlops-gitops init environments ../environments --environment dev --environment prod
mlops-gitops init workflows
mlops-gitops init workflows --ref 9a1e0c55d2f34b6788aa0b1c2d3e4f5061728394
mlops-gitops init key ada --directory ~/keys
"""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_ENVIRONMENTS = ("dev", "staging", "prod")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the things that can be begun."""
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    model = _add(what, "model", "a manifest, a training script and example data that pass validate")
    model.add_argument("name", metavar="NAME", help="the model's name")
    model.add_argument("--directory", default="models", help="folder of the models (default: models)")
    environments = _add(what, "environments", "an environment repository: policies, signers and a README")
    environments.add_argument("directory", metavar="DIR", help="where to write it")
    environments.add_argument(
        "--environment", action="append", dest="names", metavar="NAME", help="in order (default: dev, staging, prod)"
    )
    workflows = _add(what, "workflows", "GitHub workflows: short files that call those of this project")
    workflows.add_argument(
        "--for",
        dest="kind",
        choices=("model", "environments"),
        help="what the repository holds (default: environments where there is trust/signers.yaml, else model)",
    )
    workflows.add_argument(
        "--uses",
        metavar="OWNER/NAME",
        default="mlops-gitops/mlops-gitops",
        help="where the reusable workflows are, if you keep a copy (default: %(default)s)",
    )
    workflows.add_argument("--ref", default="v1", help="their tag or, so that nobody can move it, commit (default: v1)")
    key = _add(what, "key", "an ed25519 key pair: NAME.pem stays private, NAME.pub.yaml goes into trust/signers.yaml")
    key.add_argument("name", metavar="NAME", help="the signer's name")
    key.add_argument("--directory", default=".", help="where to write the two files (default: here)")


def _add(what: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str) -> argparse.ArgumentParser:
    parser = what.add_parser(name, help=about, description=f"Write {about}.", allow_abbrev=False)
    parser.add_argument("--format", choices=("text", "json"), default=argparse.SUPPRESS, help="how to print")
    return parser


def run(arguments: argparse.Namespace, world: World) -> int:
    """Write the files and say which."""
    match arguments.what:
        case "model":
            from mlops_gitops.manifests.starters import model

            written = _write(model.files(_name(arguments.name), folder=arguments.directory), world.cwd)
            next_step = "\n".join(model.steps(arguments.name, folder=arguments.directory))
        case "environments":
            from mlops_gitops.manifests.starters import environments

            names = [_name(one) for one in arguments.names or _ENVIRONMENTS]
            if len(set(names)) < len(names):
                raise Misused("an environment is named twice", hint="name each environment once", code="name")
            written = _write(environments.files(names), world.cwd / arguments.directory)
            next_step = f"read {arguments.directory}/README.md"
        case "workflows":
            written, next_step = _workflows(arguments, world.cwd)
        case _:
            return _key(_name(arguments.name), world.cwd / arguments.directory, arguments.format, world)
    if arguments.format == "json":
        world.print(json.dumps(_document(written, next_step, world.cwd), indent=2))
    else:
        world.print("\n".join(f"wrote {_shown(one, world.cwd)}" for one in written) or "everything is there already")
        world.print(_next(next_step.splitlines()))
    return 0


def _workflows(arguments: argparse.Namespace, root: Path) -> tuple[list[Path], str]:
    """Write the callers that are missing, and those that an earlier version wrote and nobody has edited since."""
    from mlops_gitops.manifests.starters import workflows

    for option, pattern, wanted in (("uses", _REPOSITORY, "OWNER/NAME"), ("ref", _REF, "a tag or a commit id")):
        if pattern.fullmatch(getattr(arguments, option)) is None:
            raise Misused(f"--{option} is {getattr(arguments, option)!r}", hint=f"write it as {wanted}", code="usage")
    there = (root / "trust" / "signers.yaml").exists()
    kind: workflows.Kind = arguments.kind or ("environments" if there else "model")
    wanted_files = workflows.files(kind, uses=arguments.uses, ref=arguments.ref)
    known = {root / path: text for path, text in wanted_files.items() if not _differs(root / path, text)}
    stale = [one for path in wanted_files if _untouched(one := root / path) and one not in known]
    _free([one for path in wanted_files if (one := root / path) not in known and one not in stale], root)
    for file in stale:
        file.unlink()
    written = _write({path: text for path, text in wanted_files.items() if root / path not in known}, root)
    where = {"model": "release", "environments": "promotion"}[kind]
    return written, f"make the GitHub environment `{where}`, for `main` alone, with the secrets that the files name"


def _differs(file: Path, text: str) -> bool:
    return file.is_symlink() or not file.is_file() or file.read_bytes() != text.encode()


def _untouched(file: Path) -> bool:
    """Whether a file is as `init workflows` wrote it once."""
    from mlops_gitops.manifests.starters import workflows

    return not file.is_symlink() and file.is_file() and workflows.untouched(file.read_text("utf-8", "replace"))


def _next(steps: list[str]) -> str:
    return f"next: {steps[0]}" if len(steps) == 1 else "\n  ".join(["next, in order:", *steps])


def _key(name: str, folder: Path, form: str, world: World) -> int:
    """Make a key pair.  The private key is written for its owner only, and never printed."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from securesystemslib.signer import CryptoSigner

    private_file, public_file = folder / f"{name}.pem", folder / f"{name}.pub.yaml"
    _free([private_file, public_file], world.cwd)
    signer = CryptoSigner.generate_ed25519()
    key = signer.public_key
    snippet = (
        "# An entry for `keys:` of a signer in trust/signers.yaml.\n"
        f'- keyid: "{key.keyid}"\n'
        f"  keytype: {key.keytype}\n"
        f"  scheme: {key.scheme}\n"
        f'  keyval: {{public: "{key.keyval["public"]}"}}\n'
    )
    secret = signer._private_key  # noqa: SLF001 - securesystemslib offers no other way to keep it
    private = secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _create(private_file, private, mode=0o600)
    _create(public_file, snippet.encode(), mode=0o644)
    if _may_be_committed(private_file, world.environ):
        world.note(
            f"warning: this folder is in a git repository, and {private_file.name} is not ignored there: "
            "keep private keys outside, for example --directory ~/keys"
        )
    uri = f"file2:{_shown(private_file, world.cwd)}"
    if form == "json":
        next_step = f"add the key to a signer in trust/signers.yaml, and sign with --key {uri}"
        made: dict[str, JSON] = {"uri": uri, "key": {"keyid": key.keyid, **key.to_dict()}}
        world.print(json.dumps(_document([private_file, public_file], next_step, world.cwd, **made), indent=2))
    else:
        world.print(snippet.rstrip("\n"))
        world.note(f"wrote {_shown(private_file, world.cwd)} (private: keep it out of git) and {public_file.name}")
        world.note(f"next: paste the above into trust/signers.yaml, and sign with --key {uri}")
    return 0


def _may_be_committed(file: Path, environ: Mapping[str, str]) -> bool:
    """Whether ``git add`` would take the file: it lies in a work tree that does not ignore it."""
    folder = file.parent.resolve()
    if not any((one / ".git").exists() for one in (folder, *folder.parents)):
        return False
    from mlops_gitops.adapters.git_process import run_git

    told = {name: value for name, value in environ.items() if name not in {"GIT_DIR", "GIT_WORK_TREE"}}
    try:
        asked = ["-C", str(folder), "check-ignore", "--quiet", "--", file.name]
        return run_git(asked, environ=told, check=False).returncode != 0
    except WorldFailed:  # no git here to ask; the folder may still be committed from elsewhere
        return True


def _document(written: list[Path], next_step: str, root: Path, *, uri: JSON = None, key: JSON = None) -> JSON:
    names: list[JSON] = [_shown(one, root) for one in written]
    return {"result": "written", "written": names, "next": next_step, "uri": uri, "key": key}


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise Misused(
            f"{text!r} cannot be a name",
            hint="a name is lower-case letters, digits and hyphens, at most 63 of them",
            code="name",
        )
    return text


def _write(files: Mapping[str, str], root: Path) -> list[Path]:
    """Write all files, or none where one of them is there already."""
    targets = {root / path: text for path, text in files.items()}
    _free(list(targets), root)
    for file, text in targets.items():
        _create(file, text.encode(), mode=0o644)
    return list(targets)


def _free(files: list[Path], root: Path) -> None:
    there = [one for one in files if os.path.lexists(one)]
    if there:
        named = ", ".join(_shown(one, root) for one in there)
        raise Refused(
            f"already there: {named}",
            hint="move away what is there or choose another name; nothing was written",
            code="exists",
        )


def _create(file: Path, data: bytes, *, mode: int) -> None:
    """Create a file that must not be there yet, not even as a link that came in between."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
    except FileExistsError as error:
        raise Refused(f"{file} exists already", hint="move it away or choose another name", code="exists") from error
    except OSError as error:
        raise WorldFailed(
            f"{file} cannot be written: {error.strerror}", hint="check the folder and its permissions", code="disk"
        ) from error


def _shown(file: Path, root: Path) -> str:
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)
