"""The manifests hold: by rule, by published schema, by kubectl, and run as a process."""

import copy
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from labs.deployment import containerfile, kubernetes, registry, rules

DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGE = f"models@{DIGEST}"
DATA = pd.DataFrame({"torque_nm": [38.0, 39.0, 41.0, 42.0]})


def files(**changed):
    return kubernetes.render("failures", **{"image": IMAGE, **changed})


def built(environment="production", **changed):
    return {one["kind"]: one for one in kubernetes.objects(files(**changed), environment)}


def container(objects):
    return objects["Deployment"]["spec"]["template"]["spec"]["containers"][0]


def test_what_is_rendered_is_valid_and_says_who_has_looked():
    found = kubernetes.validate(files())
    assert found.problems == ()
    assert "the published schemas of Kubernetes 1.37" in found.checks
    looked = any(check.startswith("kubectl") for check in found.checks)
    assert looked == bool(shutil.which("kubectl"))
    print(found)


def test_each_environment_has_its_size_and_the_image_of_its_digest():
    sizes = {}
    for environment in kubernetes.ENVIRONMENTS:
        objects = built(environment)
        scaled = objects["HorizontalPodAutoscaler"]["spec"]
        sizes[environment] = scaled["minReplicas"], scaled["maxReplicas"]
        assert container(objects)["image"] == IMAGE
    assert sizes == {"development": (1, 2), "staging": (2, 3), "production": (3, 10)}
    assert container(built("staging"))["resources"] == {
        "requests": {"cpu": "500m", "memory": "1Gi"},
        "limits": {"cpu": "2000m", "memory": "1Gi"},
    }


def kubectl_kustomizes():
    """Whether kubectl is here, and newer than 1.20, which knows no folders as resources."""
    if not shutil.which("kubectl"):
        return False
    version = ["kubectl", "version", "--client", "-o", "json"]
    done = subprocess.run(version, capture_output=True, text=True)
    return "kustomizeVersion" in done.stdout


def test_our_reading_of_the_overlays_is_that_of_kubectl_where_it_is_installed(tmp_path):
    kubernetes.write(files(claim="registry"), tmp_path)
    for environment in kubernetes.ENVIRONMENTS if kubectl_kustomizes() else ():
        overlay = tmp_path / "overlays" / environment
        done = subprocess.run(
            ["kubectl", "kustomize", overlay], capture_output=True, text=True, check=True
        )
        theirs = {one["kind"]: one for one in yaml.safe_load_all(done.stdout)}
        assert theirs == built(environment, claim="registry")
        assert "deprecated" not in done.stderr


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("models:1.2", "the image for staging is 'models:1.2', which names no digest.*models@sha"),
        ("models", "names no digest"),
        ("models@sha256:12", "the image for development is 'models@sha256:12'; pass NAME@sha256"),
        ("", "the image for development is ''; pass NAME@sha256"),
        ({"development": "models:dev", "staging": IMAGE}, "the image for production is ''"),
    ],
)
def test_an_image_that_may_change_is_refused_outside_development(image, why):
    with pytest.raises(ValueError, match=why):
        files(image=image)


def test_development_may_use_a_tag_and_images_keep_host_and_port():
    images = dict.fromkeys(kubernetes.ENVIRONMENTS, f"some.host:5000/team/models:3@{DIGEST}")
    images["development"] = "models:dev"
    assert container(built("development", image=images))["image"] == "models:dev"
    production = container(built("production", image=images))["image"]
    assert production == f"some.host:5000/team/models@{DIGEST}"


def test_nothing_is_made_up():
    text = "\n".join(files().values())
    assert "namespace" not in text
    hosts = re.findall(r"[\w-]+\.(?:io|com|local|org)\b", text)
    assert set(hosts) <= {"kubernetes.io", "k8s.io", "config.k8s.io"}


def test_names_that_kubernetes_refuses_are_refused_at_once():
    assert built(name="")["Service"]["metadata"]["name"] == "failures"
    assert "models: Torque_Fit" not in str(kubernetes.render("Torque_Fit", image=IMAGE))
    with pytest.raises(ValueError, match="'3-phase' cannot name a Service; pass name="):
        kubernetes.render("3 phase", image=IMAGE)
    with pytest.raises(ValueError, match="a name is not empty and has no comma"):
        kubernetes.render(["a,b"], image=IMAGE)


def spoil(path, value):
    """A change of one value in the objects, by kind and then by key or position."""

    def change(objects):
        *way, last = path
        place = objects
        for step in way:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value

    return change


POD = ("Deployment", "spec", "template", "spec")
BOX = (*POD, "containers", 0)
WRONG = {
    "a label": (
        ("Service", "spec", "selector", "app.kubernetes.io/name"),
        "failure",
        "Service selects .*'failure'",
    ),
    "a port": (
        ("Service", "spec", "ports", 0, "targetPort"),
        "htpp",
        "Service sends to port htpp",
    ),
    "another port": ((*BOX, "ports", 0, "containerPort"), 80, "is told to listen on 8000"),
    "a policy": (
        ("NetworkPolicy", "spec", "ingress", 0, "ports", 0, "port"),
        9,
        "NetworkPolicy opens port 9",
    ),
    "a probe": (
        (*BOX, "livenessProbe", "httpGet", "path"),
        "/healthz",
        "livenessProbe asks /healthz; the server answers it at /health",
    ),
    "no probe": ((*BOX, "readinessProbe"), None, "readinessProbe asks None"),
    "a quantity": (
        (*BOX, "resources", "limits", "memory"),
        "512MiB",
        "limits of memory is 512MiB, which is no quantity",
    ),
    "no limit": ((*BOX, "resources", "limits"), None, "limits of cpu is None"),
    "a low limit": (
        (*BOX, "resources", "limits", "memory"),
        "100Mi",
        "memory: 1Gi is asked for, 100Mi the limit",
    ),
    "a target": (
        ("HorizontalPodAutoscaler", "spec", "scaleTargetRef", "name"),
        "other",
        "scales Deployment other, not failures",
    ),
    "most": (
        ("HorizontalPodAutoscaler", "spec", "maxReplicas"),
        1,
        "at least 3 pods and at most 1",
    ),
    "a budget": (
        ("PodDisruptionBudget", "spec", "selector", "matchLabels"),
        {"app": "x"},
        "PodDisruptionBudget selects",
    ),
    "a setting": (("ConfigMap", "data", "MODELS"), None, r"uses \$\(MODELS\), which the Config"),
    "a mount": ((*POD, "volumes", 0, "name"), "temp", "mounts tmp, which is no volume"),
    "root": ((*POD, "securityContext", "runAsUser"), 0, "the container runs as root"),
    "a writable root": (
        (*BOX, "securityContext", "readOnlyRootFilesystem"),
        False,
        "can write to its root",
    ),
    "a short end": ((*POD, "terminationGracePeriodSeconds"), 10, "is killed after 10 s"),
    "a tag": ((*BOX, "image"), "models:1", "image models:1 has no digest"),
    "no object": (("NetworkPolicy",), None, "there is no NetworkPolicy"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_mistake_that_the_schemas_may_not_see_is_found_and_named(wrong):
    path, value, why = WRONG[wrong]
    objects = copy.deepcopy(built())
    spoil(path, value)(objects)
    found = rules.problems(list(objects.values()), "production")
    assert any(re.search(why, problem) for problem in found), found


def test_a_misspelt_key_is_found_by_the_published_schema(tmp_path):
    spoilt, folder = files(), tmp_path / "out"
    spoilt["base/service.yaml"] += "  sessionAffinitty: None\n"
    with pytest.raises(ValueError, match=r"Service spec: .*'sessionAffinitty' was unexpected"):
        kubernetes.write(spoilt, folder)
    spoilt["base/service.yaml"] = spoilt["base/service.yaml"].replace("targetPort", "target")
    with pytest.raises(ValueError, match=r"ports lead to the server\? 'targetPort' is missing"):
        kubernetes.write(spoilt, folder)
    assert not folder.exists()


def test_without_a_cluster_apply_says_what_to_do(tmp_path, monkeypatch):
    kubernetes.write(files(), tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(
        kubernetes.NoCluster, match=r"run: kubectl apply --server-side -k .*staging"
    ):
        kubernetes.apply(tmp_path, "staging")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(kubernetes.NoCluster, match="kubectl is not installed; where one is"):
        kubernetes.apply(tmp_path, "staging")
    with pytest.raises(ValueError, match="has no environment 'moon'; render it first"):
        kubernetes.apply(tmp_path, "moon")


# The image, its pods and its probes, without a cluster: the folder that the image is built
# from is the root of a process that runs the container's command in its environment.


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """What the Containerfile puts in the image, made from a registry that is then gone."""
    folder = tmp_path_factory.mktemp("image")
    client = registry.open_registry(folder / "registry")
    model = LogisticRegression().fit(DATA, [0, 0, 1, 1])
    words = {"owner": "line 4", "intended_use": "plan inspections", "dataset_name": "week 1"}
    logged = registry.log_model(model, data=DATA, target=[0, 0, 1, 1], name="failures", **words)
    version = registry.register(logged, "failures").version
    client.set_registered_model_alias("failures", "champion", version)
    built = containerfile.write(folder / "registry", folder / "built")
    shutil.rmtree(folder / "registry")
    return built


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def read_only(folder: Path) -> list[str]:
    """A prefix that makes `folder` read-only for a command, where this machine allows it."""
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    prefix = ["unshare", "--mount", "sh", "-c", mount, str(folder)]
    try:
        possible = subprocess.run([*prefix, "true"], capture_output=True).returncode == 0
    except OSError:
        possible = False
    return prefix if possible else []


@pytest.fixture(scope="module")
def pod(image):
    """The running server, and the objects that describe it."""
    objects = built("development", registry_at=str(image / "registry"), port=free_port())
    box, settings = container(objects), objects["ConfigMap"]["data"]
    words = [*box["command"], *box["args"]]
    words = [re.sub(r"\$\((\w+)\)", lambda name: settings[name[1]], word) for word in words]
    assert words[0] == "python"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(image), **settings}
    process = subprocess.Popen(
        [*read_only(image), sys.executable, *words[1:]],
        cwd=image,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield process, objects
    process.kill()
    process.communicate()


def ask(objects, probe):
    """The status that a probe gets, or 0 if nothing listens yet."""
    box = container(objects)
    ports = {port["name"]: port["containerPort"] for port in box["ports"]}
    get = box[probe]["httpGet"]
    return status(f"http://127.0.0.1:{ports[get['port']]}{get['path']}")


def status(url, body=None):
    headers = {"Content-Type": "application/json"}
    try:
        request = urllib.request.Request(url, body, headers)
        return urllib.request.urlopen(request, timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def wait_for(objects, probe, process):
    while ask(objects, probe) != 200:
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.1)


def test_the_container_starts_gets_ready_answers_and_ends_when_told(pod):
    process, objects = pod
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        wait_for(objects, probe, process)
    (port,) = objects["Service"]["spec"]["ports"]
    (box_port,) = container(objects)["ports"]
    assert port["targetPort"] == box_port["name"]
    url = f"http://127.0.0.1:{box_port['containerPort']}/models/failures/invocations"
    assert status(url, b'{"dataframe_records": [{"torque_nm": 41.5}]}') == 200
    assert status(url, b'{"dataframe_records": [{"torque": 41.5}]}') == 422
    process.send_signal(signal.SIGTERM)
    assert (
        process.wait(
            objects["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        )
        == 0
    )


def test_the_image_has_the_code_the_pins_and_the_registry(image):
    text = (image / "Containerfile").read_text()
    copied = re.findall(r"^COPY (\S+)", text, re.MULTILINE)
    assert all((image / name).exists() for name in copied)
    assert "USER 10001:10001" in text
    assert {path.name for path in (image / "labs").iterdir()} == {"__init__.py", "deployment"}
    pins = dict(line.split("==") for line in (image / "requirements.txt").read_text().split())
    assert {"mlflow", "fastapi", "uvicorn", "scikit-learn"} <= set(pins)
    assert "jupyterlab" not in pins


def test_a_folder_that_is_no_registry_or_is_there_already_is_refused(image, tmp_path):
    with pytest.raises(ValueError, match=r"holds no mlflow.db, so it is no registry"):
        containerfile.write(tmp_path, tmp_path / "built")
    with pytest.raises(FileExistsError, match="is there already; name a new folder"):
        containerfile.write(image / "registry", image)
