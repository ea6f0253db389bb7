"""What the demo does, in order: the path of four releases of one model, as data.

Ada writes the model.  Katherine looks after the environments.  Grace and Katherine may approve.  CI tests and signs.
The people are not real; the flights, the models, the repositories, the signatures and the registry are.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from mlops_gitops import canonical, times
from mlops_gitops.demo.folder import Folder
from mlops_gitops.demo.lock import locked
from mlops_gitops.demo.walk import Command, Deed, Step

HERE = Path(__file__).parent
MODEL = "flight-delays"
SCRIPTS = ("README.md", "prepare.py", "train.py")
SIGNERS = ("ci", "grace", "katherine")
ENVIRONMENTS = ("dev", "staging", "prod")

_PROJECT = """\
apiVersion: mlops-gitops/v1
kind: Project
spec:
  environments: {environments}
  branch: main
  mlflow: {{trackingUri: "{tracking}"}}
"""
_IGNORED = """\
models/*/artifact/
models/*/data/
__pycache__/
"""


@dataclass(frozen=True, slots=True)
class Story:
    """The steps of one demo in one folder; ``now`` is the clock that the commands use."""

    folder: Folder
    now: Callable[[], datetime]
    _moments: dict[str, str] = field(default_factory=dict)

    def steps(self) -> tuple[Step, ...]:
        """All steps, in order."""
        return (
            *self._foundations(),
            *self._first_release(),
            *self._challenger(),
            *self._worse(),
            *self._leak(),
            *self._back(),
            *self._looking(),
        )

    def opening(self) -> str:
        """What stands before the first step."""
        exports = "\n".join(
            f"  $ export {name}={shlex.quote(value)}" for name, value in environment(self.folder).items()
        )
        return (
            f"Everything happens in {self.folder.root}.\n"
            "Each line that begins with $ is what you could type yourself, with this in the environment:\n"
            f"  $ export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH\n"
            f"{exports}"
        )

    def ending(self, seconds: float) -> str:
        """What stands after the last step: where to look."""
        root = self.folder.root
        return f"""
Done in {seconds:.0f} s.  What to look at:
  {self.folder.models}
      the model repository: `git log -p models/{MODEL}/model.yaml` shows what each release changed
  {self.folder.platform}
      a clone of the environment repository, {self.folder.environments.as_uri()}
      `git log --stat` shows one commit for each promotion
      receipts/prod/{MODEL}/ says why each was allowed, evidence/ holds every signed statement
      `kubectl kustomize environments/prod/{MODEL}` is what a cluster would run
  the model registry, with its aliases champion and challenger:
      mlflow ui --backend-store-uri {shlex.quote(self.folder.tracking)}
Go on in {self.folder.models}, with the variables from the top: lift the hold with
`mlops-gitops control`, promote again, or break a file in a clone, push it, and run `mlops-gitops verify`.
`mlops-gitops demo {shlex.quote(str(root))}` starts afresh."""

    def _foundations(self) -> tuple[Step, ...]:
        root, platform, models = self.folder.root, self.folder.platform, self.folder.models
        bare = str(self.folder.environments)
        return (
            Step(
                "Keys for CI and for two people",
                "Nothing moves without a signature.  A private key stays with its owner; the public keys go into the "
                "environment repository, with what each may sign.",
                tuple(Command(("mlops-gitops", "init", "key", name, "--directory", "keys"), root) for name in SIGNERS),
            ),
            Step(
                "The environment repository",
                "It says what each environment demands.  dev takes whatever passes its gates.  staging wants model "
                "tests and a comparison with what runs there.  prod wants two signed approvals as well.  A change to "
                "a model cannot lower this bar: it is kept elsewhere.",
                (
                    Command(("mlops-gitops", "init", "environments", "environments"), root),
                    Deed("Katherine writes the three policies, and who may sign what", self._policies),
                    Command(("mlops-gitops", "validate"), platform),
                    *_started(platform, "katherine"),
                    *_committed(platform, "Policies, and who may sign what"),
                    Command(("git", "init", "--quiet", "--bare", "--initial-branch=main", bare), platform, quiet=True),
                    Command(
                        ("git", "remote", "add", "origin", self.folder.environments.as_uri()), platform, quiet=True
                    ),
                    Command(("git", "push", "--quiet", "--set-upstream", "origin", "main"), platform, quiet=True),
                ),
            ),
            Step(
                "The model repository and its data",
                "flight-delays: one hour before departure, will this flight arrive more than 15 minutes late?  The "
                "records are the 336,776 flights that left New York in 2013.",
                (
                    Deed("Ada writes prepare.py, train.py and mlops-gitops.yaml", self._scripts),
                    *_started(models, "ada"),
                    Command(
                        ("mlflow", "experiments", "create", "-n", MODEL, "-l", self.folder.artifacts.as_uri()), models
                    ),
                    Command(("python", "prepare.py"), self.folder.model),
                ),
            ),
        )

    def _first_release(self) -> tuple[Step, ...]:
        return (
            self._training("1.0.0", "The first release", "A first model, from the timetable and the weather."),
            self._release(
                "1.0.0",
                "CI scans the model file, tests the data and the model as model.yaml demands, signs what it found, and "
                "writes the release and its evidence into the environment repository.",
            ),
            Step("Into dev, which is automatic", "", (self._promote("--all"),)),
            Step(
                "Into staging",
                "Nothing runs there yet, so there is nothing to compare with.",
                (self._into("staging"),),
            ),
            Step(
                "Into prod?  Not yet",
                "prod wants two people to say yes, one of them from the group risk.",
                (self._into("prod", expected=4),),
            ),
            Step(
                "Two people approve, and it may",
                "An approval is evidence like any other, signed with a person's key.  It counts for this release and "
                "this environment only.",
                (*self._approvals("looks right to me", "calibrated enough for the desk"), self._into("prod")),
            ),
        )

    def _challenger(self) -> tuple[Step, ...]:
        return (
            self._training("1.1.0", "A challenger", "It adds the plane, more weather, and what is late right now."),
            self._release(
                "1.1.0", "The challenger and the champion answer for the same flights; the comparison is signed too."
            ),
            Step(
                "It replaces 1.0.0, for the reason that the evidence gives",
                "",
                (
                    self._promote("--all"),
                    self._into("staging"),
                    *self._approvals("better where it matters", "the comparison convinces me"),
                    self._into("prod"),
                ),
            ),
        )

    def _worse(self) -> tuple[Step, ...]:
        return (
            self._training(
                "1.2.0",
                "A release that is worse",
                "It does without the live feed of delays.  And a filter of a trial run was left in the entry point, so "
                "it was trained on the winter only.  Its own thresholds it passes.",
            ),
            self._release("1.2.0", "Only the comparison can tell.", expected=1),
            Step(
                "dev takes it; staging does not",
                "The answer is no, with the number and the line.",
                (self._promote("--all"), self._into("staging", expected=1)),
            ),
        )

    def _leak(self) -> tuple[Step, ...]:
        return (
            self._training(
                "1.3.0",
                "A release that is too good",
                "It adds block_time_ratio: how long the trip takes against the timetable.  Harmless?  It is computed "
                "from the arrival of the very flight that is predicted.",
            ),
            self._release("1.3.0", "The leakage test asks what each feature can do alone.", expected=1),
            Step(
                "Refused everywhere",
                "",
                (self._promote("--all"), self._into("prod", "1.3.0", expected=1)),
            ),
        )

    def _back(self) -> tuple[Step, ...]:
        reason = "late flights are missed since noon"
        return (
            Step(
                "Rollback in prod",
                "The old release must still be there, be the same, and load.  The same commit writes a hold.",
                (
                    Deed("note the time, for later", self._remember),
                    Command(
                        ("mlops-gitops", "rollback", MODEL, "--in", "prod", "--reason", reason, "--by", "grace"),
                        self.folder.models,
                    ),
                ),
            ),
            Step(
                "Forward again?  The hold refuses",
                "staging still runs 1.1.0, so automation would move it forward.  A person has to lift the hold.",
                (self._into("prod", expected=1),),
            ),
        )

    def _looking(self) -> tuple[Step, ...]:
        at, platform = self.folder.models, self.folder.platform
        return (
            Step("What runs where", "", (Command(("mlops-gitops", "status"), at),)),
            Step(
                "What ran where before the rollback",
                "Git remembers; there is no other store.",
                (Command(lambda: ("mlops-gitops", "status", "--at", self._moments["before"]), at),),
            ),
            Step("How it came there", "", (Command(("mlops-gitops", "history", MODEL), at),)),
            Step("Why it does not move", "", (Command(("mlops-gitops", "explain", MODEL, "prod"), at),)),
            Step(
                "Is all of that true?",
                "Every receipt, signature, chain and decision is checked again, from git alone.",
                (Command(("mlops-gitops", "verify"), at), Command(("git", "pull", "--quiet"), platform, quiet=True)),
            ),
        )

    # --- the pieces of steps ------------------------------------------------------------------------------------------

    def _training(self, version: str, title: str, words: str) -> Step:
        return Step(
            f"{title}: {version} is trained",
            words,
            (
                Deed(f"Ada writes models/{MODEL}/model.yaml, version {version}", lambda: self._manifest(version)),
                Command(("python", *_arguments(version)), self.folder.model),
                *_committed(self.folder.models, f"{MODEL} {version}"),
            ),
        )

    def _release(self, version: str, words: str, *, expected: int = 0) -> Step:
        at = self.folder.models
        return Step(
            f"{version} is tested and released",
            words,
            (Command(("mlops-gitops", "validate"), at), Command(("mlops-gitops", "release", MODEL), at, expected)),
        )

    def _promote(self, *words: str, expected: int = 0) -> Command:
        return Command(("mlops-gitops", "promote", *words), self.folder.models, expected)

    def _into(self, environment: str, release: str = "", *, expected: int = 0) -> Command:
        named = ("--release", release) if release else ()
        return self._promote(MODEL, "--to", environment, *named, expected=expected)

    def _approvals(self, grace: str, katherine: str) -> tuple[Command, ...]:
        said = {"grace": grace, "katherine": katherine}
        approve = ("mlops-gitops", "approve", MODEL, "--to", "prod")
        return tuple(
            Command((*approve, "--comment", words, "--key", f"file2:../keys/{name}.pem"), self.folder.models)
            for name, words in said.items()
        )

    # --- what people do with an editor --------------------------------------------------------------------------------

    def _policies(self) -> None:
        for name in ENVIRONMENTS:
            target = self.folder.platform / "environments" / name / "environment.yaml"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(HERE / "platform" / f"{name}.yaml", target)
            (target.parent / "policy_tests.yaml").unlink(missing_ok=True)  # those of the policy that was replaced
        text = (HERE / "platform" / "signers.yaml").read_text(encoding="utf-8")
        for name in SIGNERS:
            keyid, public = _public_key(self.folder.keys / f"{name}.pub.yaml")
            text = text.replace(f"{name.upper()}_KEYID", keyid).replace(f"{name.upper()}_PUBLIC", public)
        target = self.folder.platform / "trust" / "signers.yaml"
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def _scripts(self) -> None:
        self.folder.model.mkdir(parents=True)
        for name in SCRIPTS:
            shutil.copyfile(HERE / "flights" / name, self.folder.model / name)
        (self.folder.model / "requirements.lock").write_text(locked(), encoding="utf-8")
        (self.folder.models / ".gitignore").write_text(_IGNORED, encoding="utf-8")
        project = _PROJECT.format(environments=self.folder.environments.as_uri(), tracking=self.folder.tracking)
        (self.folder.models / "mlops-gitops.yaml").write_text(project, encoding="utf-8")

    def _manifest(self, version: str) -> None:
        text = (HERE / "flights" / f"model-{version}.yaml").read_text(encoding="utf-8")
        for name in ("train", "test"):
            digest = canonical.sha256((self.folder.model / "data" / f"{name}.parquet").read_bytes())
            text = text.replace(f"{name.upper()}_SHA256", digest)
        (self.folder.model / "model.yaml").write_text(text, encoding="utf-8")

    def _remember(self) -> None:
        # git counts in seconds: one second earlier is before the rollback even if that takes no time at all
        self._moments["before"] = times.format_instant(self.now() - timedelta(seconds=1))


def environment(folder: Folder) -> dict[str, str]:
    """The environment variables of every command of the demo."""
    return {
        "MG_KEY": f"file2:{folder.keys / 'ci.pem'}",
        "MG_CACHE": str(folder.cache),
        "MLFLOW_TRACKING_URI": folder.tracking,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        "PYTHONHASHSEED": "0",
        "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin while they wait slow a busy machine down threefold
    }


def _arguments(version: str) -> tuple[str, ...]:
    """What stands behind ``python`` in the entry point of a release, so that the demo trains what the manifest says."""
    text = (HERE / "flights" / f"model-{version}.yaml").read_text(encoding="utf-8")
    words = re.search(r"^    entrypoint: \[python, (.*)\]$", text, re.MULTILINE)
    if words is None:
        raise ValueError(f"model-{version}.yaml has no entry point that the demo can show")
    return tuple(word.strip(' "') for word in words[1].split(","))


def _started(at: Path, who: str) -> tuple[Command, ...]:
    """A new git repository in which one person works."""
    return (
        Command(("git", "init", "--quiet", "--initial-branch=main"), at, quiet=True),
        Command(("git", "config", "user.name", f"{who.title()} Example"), at, quiet=True),
        Command(("git", "config", "user.email", f"{who}@example.com"), at, quiet=True),
    )


def _committed(at: Path, message: str) -> tuple[Command, ...]:
    return (
        Command(("git", "add", "--all"), at, quiet=True),
        Command(("git", "commit", "--quiet", "--message", message), at, quiet=True),
    )


def _public_key(path: Path) -> tuple[str, str]:
    """Id and public part, from the file that ``init key`` leaves for ``trust/``."""
    import yaml

    (key,) = yaml.safe_load(path.read_text(encoding="utf-8"))
    return key["keyid"], key["keyval"]["public"]
