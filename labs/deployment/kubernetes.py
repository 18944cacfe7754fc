"""Manifests of a model server for Kubernetes: rendered, validated, applied.

A base and an overlay for each environment, as Kustomize reads them. Nothing is made up:
the image is an argument, and the namespace is that of whoever applies them.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from labs.deployment import rules
from labs.deployment.kustomize import build
from labs.deployment.manifests import PORT, REGISTRY, Server, Size, base, size_patches

ENVIRONMENTS = {
    "development": Size(1, 2, "250m", "1Gi"),
    "staging": Size(2, 3, "500m", "1Gi"),
    "production": Size(3, 10, "500m", "1Gi"),
}
IMAGE = re.compile(r"([a-z0-9][\w.:/-]*?)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?")
NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")  # of a Service: RFC 1035
SCHEMA_VERSION = "1.37"  # of Kubernetes
WAIT_SECONDS = 300  # for kubectl to see every new pod ready


class NoCluster(RuntimeError):
    """kubectl is missing or knows no cluster; the manifests are ready for one that does."""


@dataclass(frozen=True)
class Validation:
    """What is wrong, if anything, and who has looked."""

    problems: tuple[str, ...]
    checks: tuple[str, ...]

    def __str__(self) -> str:
        found = "\n".join(f"  {problem}" for problem in self.problems)
        verdict = f"{len(self.problems)} problems\n{found}" if self.problems else "no problem"
        return f"checked by {', '.join(self.checks)}: {verdict}"


def render(
    models: str | Sequence[str],
    *,
    image: str | Mapping[str, str],
    registry_at: str = REGISTRY,
    claim: str | None = None,
    name: str = "",
    port: int = PORT,
    environments: Mapping[str, Size] = ENVIRONMENTS,
) -> dict[str, str]:
    """The files of a server of `models`: their text by their path.

    `image` is one for all environments, or one for each. The registry lies in the
    container's folder `registry_at`: it is part of the image, or, if `claim` names a
    PersistentVolumeClaim, of that volume, and then the pods follow its aliases. Raises
    ValueError if an image has no digest outside development, or a name cannot be used.
    """
    names = [models] if isinstance(models, str) else list(models)
    images = {env: image if isinstance(image, str) else image.get(env, "") for env in environments}
    parsed = {env: _image(text, env) for env, text in images.items()}
    server = Server(_name(name, names), names, "model-server", registry_at, claim, port)
    size = next(iter(environments.values()))
    files = {f"base/{file}.yaml": one for file, one in base(server, size).items()}
    resources = [path.removeprefix("base/") for path in files]
    files["base/kustomization.yaml"] = _kustomization(resources)
    for env, size in environments.items():
        files |= _overlay(server, env, size, parsed[env])
    return {path: yaml.safe_dump(one, sort_keys=False) for path, one in files.items()}


def write(files: Mapping[str, str], folder: Path | str) -> Path:
    """Write the files of `render` to `folder`. Raises ValueError if they are not valid."""
    found = validate(files)
    if found.problems:
        raise ValueError(str(found))
    folder = Path(folder)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def read(folder: Path | str) -> dict[str, str]:
    """The files that `write` has written, with whatever was edited since."""
    paths = sorted(Path(folder).rglob("*.yaml"))
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in paths}


def objects(files: Mapping[str, str], environment: str) -> list[dict]:
    """The objects of one environment, as Kustomize puts them together."""
    return build(files, f"overlays/{environment}")


def validate(files: Mapping[str, str]) -> Validation:
    """Hold each environment against our rules, the published schemas, and kubectl.

    The schemas need the package kubernetes-validate. `checks` names what there was.
    """
    checks, found = ["our rules"], []
    environments = [path.split("/")[1] for path in files if path.startswith("overlays/")]
    for env in dict.fromkeys(environments):
        built = objects(files, env)
        found += [f"{env}: {problem}" for problem in _schema_problems(built, checks)]
        found += [f"{env}: {problem}" for problem in rules.problems(built, env)]
        found += [f"{env}: {problem}" for problem in _kubectl_problems(built, checks)]
    return Validation(tuple(found), tuple(checks))


def apply(folder: Path | str, environment: str, *, namespace: str = "") -> str:
    """Apply an environment to the cluster that kubectl is set up for; what kubectl said.

    Returns when all pods are ready. Raises NoCluster if there is no kubectl or no
    cluster, RuntimeError with its words if the cluster refuses.
    """
    overlay = Path(folder) / "overlays" / environment
    if not overlay.is_dir():
        raise ValueError(f"{folder} has no environment {environment!r}; render it first")
    by_hand = f"where one is configured, run: kubectl apply --server-side -k {overlay}"
    if not shutil.which("kubectl"):
        raise NoCluster(f"kubectl is not installed; {by_hand}")
    if _kubectl("config", "current-context").returncode:
        raise NoCluster(f"kubectl is set up for no cluster; {by_hand}")
    place = ["--namespace", namespace] if namespace else []
    done = _kubectl("apply", "--server-side", "-k", str(overlay), *place)
    if done.returncode:
        raise RuntimeError(f"the cluster did not take {overlay}: {done.stderr.strip()}")
    (name,) = (
        one["metadata"]["name"]
        for one in objects(read(folder), environment)
        if one["kind"] == "Deployment"
    )
    wait = f"--timeout={WAIT_SECONDS}s"
    rolled = _kubectl("rollout", "status", f"deployment/{name}", wait, *place)
    if rolled.returncode:
        raise RuntimeError(
            f"{name} is applied, but not ready: {rolled.stderr.strip()}; "
            f"look with: kubectl describe deployment {name}"
        )
    return done.stdout + rolled.stdout


def _overlay(server: Server, env: str, size: Size, image: Mapping) -> dict[str, dict]:
    folder = f"overlays/{env}"
    patches = size_patches(server, size)
    content = _kustomization(["../../base"])
    content |= {"patches": [{"path": f"{kind}.yaml"} for kind in patches]}
    content |= {"images": [{"name": server.image, **image}]}
    files = {f"{folder}/{kind}.yaml": patch for kind, patch in patches.items()}
    return {f"{folder}/kustomization.yaml": content, **files}


def _kustomization(resources: list[str]) -> dict:
    kind = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return {**kind, "resources": resources}


def _image(text: str, env: str) -> dict[str, str]:
    """The parts of an image's name, as a kustomization has them."""
    found = IMAGE.fullmatch(text)
    if not found:
        raise ValueError(f"the image for {env} is {text!r}; pass NAME@sha256:DIGEST")
    name, tag, digest = found.groups()
    if not digest and env != "development":
        raise ValueError(
            f"the image for {env} is {text!r}, which names no digest, and what a tag names may "
            f"change; pass {name}@sha256:..., as the registry said when the image was pushed"
        )
    version = {"digest": digest} if digest else {"newTag": tag or "latest"}
    return {"newName": name, **version}


def _name(name: str, models: Sequence[str]) -> str:
    if bad := [model for model in models if not re.fullmatch(r"[^,$]+", model)]:
        raise ValueError(f"models has {bad[0]!r}; a name is not empty and has no comma and no $")
    name = name or (re.sub(r"[^a-z0-9]+", "-", models[0].lower()) if len(models) == 1 else "models")
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a Service; pass name=, such as 'failures'")
    return name


def _schema_problems(built: list[dict], checks: list[str]) -> list[str]:
    try:
        import kubernetes_validate
    except ImportError:
        return []
    _add(checks, f"the published schemas of Kubernetes {SCHEMA_VERSION}")
    found = []
    for one in built:
        try:
            kubernetes_validate.validate(one, SCHEMA_VERSION, strict=True)
        except kubernetes_validate.ValidationError as error:
            place = ".".join(str(part) for part in error.path)
            found.append(f"{one['kind']} {place}: {error.message}")
    return found


def _kubectl_problems(built: list[dict], checks: list[str]) -> list[str]:
    """Whether kubectl's own types take the Deployment; it can do so without a cluster."""
    if not shutil.which("kubectl"):
        return []
    _add(checks, "kubectl, which decoded the Deployments")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "deployment.yaml"
        pods = [one for one in built if one["kind"] == "Deployment"]
        file.write_text(yaml.safe_dump_all(pods), encoding="utf-8")
        done = _kubectl("set", "env", "--local", "-f", str(file), "DECODED=yes", "-o", "name")
    return [] if done.returncode == 0 else [f"kubectl: {done.stderr.strip()}"]


def _kubectl(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["kubectl", *arguments], capture_output=True, text=True)


def _add(checks: list[str], name: str) -> None:
    if name not in checks:
        checks.append(name)
