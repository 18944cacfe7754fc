"""What the published schemas cannot see: whether the objects agree with each other.

A typing error in a label gives a valid Service that reaches no pod. Each rule takes the
objects of one environment, by kind, and yields what is wrong with them.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from labs.deployment.manifests import LEAVE_SECONDS, PROBES

Objects = Mapping[str, dict]  # by kind
QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|Ki|M|Mi|G|Gi|T|Ti)?")
UNITS = {"m": Decimal("0.001"), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
UNITS |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, None: 1}
DIGEST = re.compile(r".+@sha256:[0-9a-f]{64}")


def problems(objects: list[dict], environment: str) -> list[str]:
    """What is wrong with the objects of `environment`, a sentence each."""
    kinds = {one["kind"]: one for one in objects}
    missing = [kind for kind in NEEDED if kind not in kinds]
    if missing:
        return [f"there is no {', '.join(missing)}"]
    found = [problem for rule in RULES for problem in _asked(rule, kinds)]
    if environment != "development" and not DIGEST.fullmatch(_container(kinds)["image"]):
        found.append(f"image {_container(kinds)['image']} has no digest: its tag may move")
    return found


def _asked(rule, kinds: Objects) -> list[str]:
    try:
        return list(rule(kinds))
    except (KeyError, IndexError) as error:  # of a value that every rule counts on
        about = rule.__name__.strip("_").replace("_", " ")
        return [f"{about}? {error} is missing, so nobody can tell"]


def quantity(text: object) -> Decimal | None:
    """A Kubernetes quantity such as 250m or 1Gi as a number; None if it is none."""
    found = QUANTITY.fullmatch(str(text))
    return Decimal(found[1]) * UNITS[found[2]] if found else None


def _template(objects: Objects) -> dict:
    return objects["Deployment"]["spec"]["template"]


def _container(objects: Objects) -> dict:
    return _template(objects)["spec"]["containers"][0]


def _selectors_find_the_pods(objects: Objects) -> Iterator[str]:
    labels = _template(objects)["metadata"]["labels"].items()
    spec = {kind: one.get("spec", {}) for kind, one in objects.items()}
    selectors = {
        "Deployment": spec["Deployment"]["selector"]["matchLabels"],
        "Service": spec["Service"]["selector"],
        "PodDisruptionBudget": spec["PodDisruptionBudget"]["selector"]["matchLabels"],
        "NetworkPolicy": spec["NetworkPolicy"]["podSelector"]["matchLabels"],
    }
    for constraint in _template(objects)["spec"].get("topologySpreadConstraints", []):
        selectors[f"spread over {constraint['topologyKey']}"] = constraint["labelSelector"][
            "matchLabels"
        ]
    for who, selector in selectors.items():
        if not selector.items() <= labels:
            yield f"{who} selects {selector}, which no pod carries"


def _ports_lead_to_the_server(objects: Objects) -> Iterator[str]:
    container = _container(objects)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    known = {*ports, *ports.values()}
    for port in objects["Service"]["spec"]["ports"]:
        if port["targetPort"] not in known:
            yield f"Service sends to port {port['targetPort']}, which the container has not"
    for rule in objects["NetworkPolicy"]["spec"]["ingress"]:
        for port in rule["ports"]:
            if port["port"] not in known:
                yield f"NetworkPolicy opens port {port['port']}, which the container has not"
    told = container["args"][container["args"].index("--port") + 1]
    if int(told) not in ports.values():
        yield f"the server is told to listen on {told}, the container has {known}"


def _probes_ask_what_the_server_answers(objects: Objects) -> Iterator[str]:
    container = _container(objects)
    ports = {port["name"] for port in container["ports"]}
    for probe, path in PROBES.items():
        asked = container.get(probe, {}).get("httpGet", {})
        if asked.get("path") != path:
            yield f"{probe} asks {asked.get('path')}; the server answers it at {path}"
        if asked.get("port") not in ports:
            yield f"{probe} asks on port {asked.get('port')}, which the container has not"


def _limits_are_set(objects: Objects) -> Iterator[str]:
    given = _container(objects).get("resources", {})
    for what in ("cpu", "memory"):
        amounts = {kind: given.get(kind, {}).get(what) for kind in ("requests", "limits")}
        numbers = {kind: quantity(amount) for kind, amount in amounts.items()}
        for kind, amount in amounts.items():
            if numbers[kind] is None:
                yield f"{kind} of {what} is {amount}, which is no quantity such as 250m or 1Gi"
        if None not in numbers.values() and numbers["requests"] > numbers["limits"]:
            yield f"{what}: {amounts['requests']} is asked for, {amounts['limits']} the limit"


def _targets_exist(objects: Objects) -> Iterator[str]:
    name = objects["Deployment"]["metadata"]["name"]
    scaled = objects["HorizontalPodAutoscaler"]["spec"]
    target = scaled["scaleTargetRef"]
    if (target["kind"], target["name"]) != ("Deployment", name):
        yield f"HorizontalPodAutoscaler scales {target['kind']} {target['name']}, not {name}"
    if scaled["minReplicas"] > scaled["maxReplicas"]:
        yield f"at least {scaled['minReplicas']} pods and at most {scaled['maxReplicas']}"
    volumes = {volume["name"] for volume in _template(objects)["spec"].get("volumes", [])}
    for mount in _container(objects).get("volumeMounts", []):
        if mount["name"] not in volumes:
            yield f"the container mounts {mount['name']}, which is no volume of the pod"


def _settings_exist(objects: Objects) -> Iterator[str]:
    container, config = _container(objects), objects["ConfigMap"]
    for source in container.get("envFrom", []):
        if source["configMapRef"]["name"] != config["metadata"]["name"]:
            yield f"the container takes its settings from {source['configMapRef']['name']}"
    for name in re.findall(r"\$\((\w+)\)", " ".join(container["args"])):
        if name not in config["data"]:
            yield f"the command uses $({name}), which the ConfigMap does not set"


def _nothing_is_privileged(objects: Objects) -> Iterator[str]:
    pod = _template(objects)["spec"].get("securityContext", {})
    inside = _container(objects).get("securityContext", {})
    wanted = {
        "runs as root": pod.get("runAsNonRoot") is True and pod.get("runAsUser") != 0,
        "has no seccomp profile": pod.get("seccompProfile", {}).get("type") == "RuntimeDefault",
        "can write to its root": inside.get("readOnlyRootFilesystem") is True,
        "can gain privileges": inside.get("allowPrivilegeEscalation") is False,
        "keeps capabilities": inside.get("capabilities", {}).get("drop") == ["ALL"],
    }
    yield from (f"the container {what}" for what, kept in wanted.items() if not kept)


def _it_may_finish(objects: Objects) -> Iterator[str]:
    seconds = _template(objects)["spec"].get("terminationGracePeriodSeconds", 30)
    if seconds < LEAVE_SECONDS + 30:
        yield f"a pod is killed after {seconds} s, and may need {LEAVE_SECONDS + 30}"


RULES = (
    _selectors_find_the_pods,
    _ports_lead_to_the_server,
    _probes_ask_what_the_server_answers,
    _limits_are_set,
    _targets_exist,
    _settings_exist,
    _nothing_is_privileged,
    _it_may_finish,
)
NEEDED = (
    "Deployment",
    "Service",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "ConfigMap",
)
