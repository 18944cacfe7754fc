"""The Kubernetes objects of a model server, as plain dictionaries.

The server runs without privileges on a read-only disk, calls nobody, and is told to stop
only after traffic has left it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PORT = 8000
REGISTRY = "/srv/registry"  # where the Containerfile puts it
USER = 10001  # any number that is no user of a node
LEAVE_SECONDS = 5  # until every node has heard that a pod takes no more requests
STOP_SECONDS = 45  # LEAVE_SECONDS, then the 30 s that the server takes at most, then some
START_SECONDS = 120  # for the imports and every model on a slow node
ARGUMENTS = "--registry $(REGISTRY) --models $(MODELS) --host 0.0.0.0"
PROBES = {"startupProbe": "/health", "livenessProbe": "/health", "readinessProbe": "/ready"}
SETTINGS = {
    "HOME": "/tmp",  # the user has no other, and no other place can be written
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "OMP_NUM_THREADS": "1",  # more threads than CPUs wait for each other
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True)
class Size:
    """How many pods an environment has, and what each may use."""

    fewest: int
    most: int
    cpu: str  # asked for; the limit is four times that, for starts and bursts
    memory: str  # asked for and limit: memory cannot be taken back


@dataclass(frozen=True)
class Server:
    """What the objects describe: `models` served from the folder `registry`."""

    name: str
    models: Sequence[str]
    image: str
    registry: str = REGISTRY
    claim: str | None = None
    port: int = PORT

    @property
    def labels(self) -> dict[str, str]:
        """By which the objects find the pods."""
        return {
            "app.kubernetes.io/name": self.name,
            "app.kubernetes.io/component": "model-server",
        }

    @property
    def settings(self) -> dict[str, str]:
        """The environment of the process."""
        return {"MODELS": ",".join(self.models), "REGISTRY": self.registry, **SETTINGS}


def base(server: Server, size: Size) -> dict[str, dict]:
    """Each object, under the name of its file."""
    return {
        "deployment": deployment(server, size),
        "service": service(server),
        "autoscaler": autoscaler(server, size),
        "disruption": disruption(server),
        "network": network(server),
        "config": config(server),
    }


def _object(version: str, kind: str, server: Server, **content) -> dict:
    metadata = {"name": server.name, "labels": server.labels}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def deployment(server: Server, size: Size) -> dict:
    """The pods; `replicas` is left out, because the autoscaler sets it."""
    digest = hashlib.sha256(json.dumps(server.settings).encode()).hexdigest()
    template = {
        "metadata": {
            "labels": server.labels,
            "annotations": {"config-sha256": digest},  # new settings make new pods
        },
        "spec": pod(server, size),
    }
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    spec = {"selector": {"matchLabels": server.labels}, "strategy": rolling, "template": template}
    return _object("apps/v1", "Deployment", server, spec=spec)


def pod(server: Server, size: Size) -> dict:
    """One pod: who it runs as, where, with which disks."""
    volumes = [{"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}}]
    if server.claim:
        claim = {"claimName": server.claim, "readOnly": True}
        volumes.append({"name": "registry", "persistentVolumeClaim": claim})
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": STOP_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": server.labels},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        "containers": [container(server, size)],
        "volumes": volumes,
    }


def container(server: Server, size: Size) -> dict:
    """The server's process: its command, port, probes, limits."""
    mounts = [{"name": "tmp", "mountPath": "/tmp"}]
    if server.claim:
        mounts.append({"name": "registry", "mountPath": server.registry, "readOnly": True})
    return {
        "name": "server",
        "image": server.image,
        "command": ["python", "-m", "labs.deployment.server"],
        "args": f"{ARGUMENTS} --port {server.port}".split(),
        "envFrom": [{"configMapRef": {"name": server.name}}],
        "ports": [{"name": "http", "containerPort": server.port, "protocol": "TCP"}],
        **probes(),
        "lifecycle": {"preStop": {"sleep": {"seconds": LEAVE_SECONDS}}},
        "resources": resources(size),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }


def probes() -> dict[str, dict]:
    """Started: it answers at all. Alive: restart it if not. Ready: send requests if so."""
    every = {"startupProbe": 2, "livenessProbe": 10, "readinessProbe": 2}
    failures = {"startupProbe": START_SECONDS // 2, "livenessProbe": 3, "readinessProbe": 2}
    return {
        probe: {
            "httpGet": {"path": path, "port": "http"},
            "periodSeconds": every[probe],
            "timeoutSeconds": 2,
            "failureThreshold": failures[probe],
        }
        for probe, path in PROBES.items()
    }


def resources(size: Size) -> dict:
    """Requests and limits of a container of that size."""
    limit = {"cpu": _times(size.cpu, 4), "memory": size.memory}
    return {"requests": {"cpu": size.cpu, "memory": size.memory}, "limits": limit}


def _times(cpu: str, factor: int) -> str:
    """`cpu`, in cores such as 2 or thousandths such as 250m, times `factor`."""
    thousandths = int(cpu[:-1]) if cpu.endswith("m") else round(1000 * float(cpu))
    return f"{factor * thousandths}m"


def service(server: Server) -> dict:
    """One address for all pods, inside the cluster."""
    port = {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}
    spec = {"type": "ClusterIP", "selector": server.labels, "ports": [port]}
    return _object("v1", "Service", server, spec=spec)


def autoscaler(server: Server, size: Size) -> dict:
    """As many pods as keep the CPU at 70 % of what they ask for."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": server.name}
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    spec = {
        "scaleTargetRef": target,
        "minReplicas": size.fewest,
        "maxReplicas": size.most,
        "metrics": [{"type": "Resource", "resource": cpu}],
    }
    return _object("autoscaling/v2", "HorizontalPodAutoscaler", server, spec=spec)


def disruption(server: Server) -> dict:
    """Maintenance of nodes takes one pod at a time."""
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": server.labels}}
    return _object("policy/v1", "PodDisruptionBudget", server, spec=spec)


def network(server: Server) -> dict:
    """Pods of the same namespace may call the server; the server calls nobody."""
    spec = {
        "podSelector": {"matchLabels": server.labels},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": "http"}]}],
        "egress": [],
    }
    return _object("networking.k8s.io/v1", "NetworkPolicy", server, spec=spec)


def config(server: Server) -> dict:
    """The settings that are no secrets."""
    return _object("v1", "ConfigMap", server, data=server.settings)


def size_patches(server: Server, size: Size) -> dict[str, Mapping]:
    """What differs from the base in an environment of that size."""
    limits = {"name": "server", "resources": resources(size)}
    return {
        "deployment": _patch(
            "apps/v1", "Deployment", server, {"template": {"spec": {"containers": [limits]}}}
        ),
        "autoscaler": _patch(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            server,
            {"minReplicas": size.fewest, "maxReplicas": size.most},
        ),
    }


def _patch(version: str, kind: str, server: Server, spec: Mapping) -> dict:
    metadata = {"name": server.name}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
