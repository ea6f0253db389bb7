"""MLflow's model registry, over SQLite or HTTP; fits ``packaging.registry.Registry``.

The one place that imports MLflow, and only when it is called.  MLflow is configured through environment variables and
talks on both streams: while a call runs, its variables are set (few retries, short timeouts, no telemetry) and its
chatter is caught; afterwards both are as they were.  Whatever goes wrong outside becomes ``WorldFailed``; no message
holds the user part of a URI.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from mlops_gitops.adapters.git_process import masked
from mlops_gitops.errors import Failure, Misused, Refused, WorldFailed
from mlops_gitops.packaging import derivation
from mlops_gitops.packaging.derivation import Change, DeleteAlias, DeleteTag, Registered, SetAlias, SetTag
from mlops_gitops.packaging.registry import Identity, Version, chosen

_SETTINGS: Final = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
_PASSED_ON: Final = ("MLFLOW_TRACKING_", "MLFLOW_S3_", "AWS_", "AZURE_", "GOOGLE_", "REQUESTS_CA_BUNDLE", "SSL_CERT_")
_VERSION: Final = re.compile(r"models:/(?P<name>[^/@]+)/(?P<version>[0-9]+)")
_LOGGED: Final = re.compile(r"models:/(?P<id>m-[0-9A-Za-z]+)")
_PAGE: Final = 1000
_LONGEST_NAME: Final = 320
_ONE_AT_A_TIME = threading.RLock()


class MlflowRegistry:
    """The registry behind one tracking URI."""

    def __init__(self, uri: str, *, environ: Mapping[str, str]) -> None:
        """``uri`` is ``sqlite:///…`` or ``http(s)://…``; ``environ`` supplies credentials under MLflow's own names."""
        if urlsplit(uri).scheme not in ("sqlite", "http", "https"):
            raise Misused(
                f"{masked(uri)!r} is no MLflow tracking URI that is supported",
                hint="give a sqlite:///… file or the http(s):// address of an MLflow server",
                code="mlflow-uri",
            )
        self._uri = uri
        self._environ = environ

    def __repr__(self) -> str:
        return f"MlflowRegistry({masked(self._uri)!r})"

    def find(self, name: str, identity: Identity) -> Version:
        """The version of ``name`` that holds the artifact.  ``Refused`` where none does."""
        with self._client() as client:
            client.get_registered_model(name)
            found = chosen(name, identity, [_version(one) for one in _versions(client, name)])
            return replace(found, trainer=_trainer(client, found.run))

    def download(self, uri: str, target: Path) -> None:
        """Fetch the files of ``models:/name/version`` into the empty folder ``target``, exactly as they were logged."""
        match = _VERSION.fullmatch(uri)
        if match is None:
            raise Misused(f"{uri!r} names no model version", hint="write models:/name/1", code="mlflow-uri")
        with self._client() as client, tempfile.TemporaryDirectory(dir=target.parent) as room:
            from mlflow.artifacts import download_artifacts

            # given models:/…, MLflow would ask the default registry, and add a file of its own to what it fetches
            source = client.get_model_version_download_uri(match["name"], match["version"])
            if logged := _LOGGED.fullmatch(source):
                source = client.get_logged_model(logged["id"]).artifact_location
            there = Path(
                download_artifacts(artifact_uri=source, dst_path=room, tracking_uri=self._uri, registry_uri=self._uri)
            )
            for entry in sorted(there.iterdir()) if there.is_dir() else [there]:
                entry.rename(target / entry.name)

    def state(self, names: Iterable[str]) -> Mapping[str, Registered]:
        """Aliases and tags of those of ``names`` that are registered."""
        with self._client() as client:
            return {name: found for name in sorted(set(names)) if (found := _state(client, name)) is not None}

    def apply(self, changes: Sequence[Change]) -> None:
        """Make the changes, in order.  What is gone already needs no deletion."""
        if not changes:
            return
        for change in changes:
            problem = derivation.alias_problem(change.alias) if isinstance(change, SetAlias) else None
            if problem is not None and isinstance(change, SetAlias):
                raise Refused(
                    f"MLflow does not accept the alias {change.alias!r}: {problem}",
                    hint="choose another alias under derived.mlflow in environment.yaml",
                    code="registry-alias",
                )
        with self._client() as client:
            for change in changes:
                _apply(client, change)

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        """An MLflow client, while MLflow is configured and silenced; its errors become ours."""
        self._check_file()
        with _configured(self._environ), _silenced():
            try:
                import mlflow
            except ImportError as error:
                raise WorldFailed(
                    "MLflow is not installed here", hint='pip install "mlops-gitops[mlflow]"', code="mlflow-missing"
                ) from error
            try:
                yield mlflow.MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)
            except Failure:
                raise
            except Exception as error:
                raise self._failed(error) from error

    def _check_file(self) -> None:
        """MLflow would create a database wherever a misspelt path points, and then say that it is empty."""
        parts = urlsplit(self._uri)
        if parts.scheme == "sqlite" and not Path(unquote(parts.path[1:])).is_file():
            raise WorldFailed(
                f"there is no MLflow database at {unquote(parts.path[1:]) or '(no path)'}",
                hint="check the tracking URI; four slashes start an absolute path: sqlite:////data/mlflow.db",
                code="mlflow-unreachable",
            )

    def _failed(self, error: Exception) -> Failure:
        status = str(getattr(error, "error_code", ""))
        told = masked(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__)[:300]
        where = masked(self._uri)
        if status in ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED") or "error code 401" in told:
            hint, code = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN", "denied"
        elif status == "PERMISSION_DENIED" or "error code 403" in told:
            hint, code = "ask for the right to edit this registered model", "denied"
        elif status in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "ENDPOINT_NOT_FOUND"):
            hint, code = "check the registered model's name and version in MLflow", "unknown"
        else:
            hint, code = "check that the MLflow server runs and can be reached from here, then try again", "unreachable"
        return WorldFailed(f"MLflow at {where} did not answer as hoped: {told}", hint=hint, code=f"mlflow-{code}")


def _version(found: Any) -> Version:
    return Version(name=found.name, version=str(found.version), run=found.run_id or None, source=found.source or "")


def _trainer(client: Any, run: str | None) -> str | None:
    """Who started the run, as MLflow's own tag says; ``None`` where it says nothing or the run is gone."""
    if run is None:
        return None
    try:
        tags = client.get_run(run).data.tags
    except Exception as error:
        if getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    return " ".join(str(tags.get("mlflow.user", "")).split())[:_LONGEST_NAME] or None


def _versions(client: Any, name: str) -> Iterator[Any]:
    token, quoted = None, name.replace("'", "\\'")
    while True:
        page = client.search_model_versions(f"name = '{quoted}'", max_results=_PAGE, page_token=token)
        yield from (found for found in page if found.name == name)
        token = page.token
        if not token:
            return


def _state(client: Any, name: str) -> Registered | None:
    try:
        model = client.get_registered_model(name)
    except Exception as error:
        if getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    tags = {str(found.version): dict(found.tags) for found in _versions(client, name)}
    return Registered({alias: str(version) for alias, version in model.aliases.items()}, tags)


def _apply(client: Any, change: Change) -> None:
    match change:
        case SetAlias(name, alias, version):
            client.set_registered_model_alias(name, alias, version)
        case DeleteAlias(name, alias):
            _gone(client.delete_registered_model_alias, name, alias)
        case SetTag(name, version, key, value):
            client.set_model_version_tag(name, version, key, value)
        case DeleteTag(name, version, key):
            _gone(client.delete_model_version_tag, name, version, key)


def _gone(delete: Callable[..., None], *what: str) -> None:
    """Delete something; that somebody else was faster is no failure."""
    try:
        delete(*what)
    except Exception as error:
        if getattr(error, "error_code", "") != "RESOURCE_DOES_NOT_EXIST":
            raise


@contextlib.contextmanager
def _configured(environ: Mapping[str, str]) -> Iterator[None]:
    """MLflow reads the process environment at each request; it is changed for the call, and put back."""
    passed = {name: value for name, value in environ.items() if name.startswith(_PASSED_ON)}
    wanted = {**passed, **_SETTINGS}
    wanted.pop("MLFLOW_TRACKING_URI", None)
    with _ONE_AT_A_TIME:
        before = {name: os.environ.get(name) for name in wanted}
        os.environ.update(wanted)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Logs, warnings and prints of MLflow, Alembic and urllib3 go nowhere while a call runs."""
    sink = io.StringIO()
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            contextlib.redirect_stdout(sink),
            contextlib.redirect_stderr(sink),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
