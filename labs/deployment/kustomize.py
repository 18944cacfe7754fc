"""What `kubectl kustomize` makes of our overlays, in Python, for machines without kubectl.

It knows what `kubernetes.render` writes and no more: resources, patches and images.
"""

import posixpath
from collections.abc import Mapping
from typing import Any

import yaml


def build(files: Mapping[str, str], folder: str) -> list[dict]:
    """The objects of the kustomization in `folder`, with its patches and images."""
    kustomization = yaml.safe_load(files[f"{folder}/kustomization.yaml"])
    objects: list[dict] = []
    for resource in kustomization["resources"]:
        path = posixpath.normpath(posixpath.join(folder, resource))
        objects += [yaml.safe_load(files[path])] if path in files else build(files, path)
    for patch in kustomization.get("patches", []):
        change = yaml.safe_load(files[f"{folder}/{patch['path']}"])
        objects = [merged(one, change) if _same(one, change) else one for one in objects]
    for image in kustomization.get("images", []):
        _replace_image(objects, image)
    return objects


def merged(before: Any, change: Any) -> Any:
    """`change` laid over `before`; of lists, items with the same `name` are merged."""
    if isinstance(before, dict) and isinstance(change, dict):
        both = {key: merged(before.get(key), value) for key, value in change.items()}
        return {**before, **both}
    if _is_named(before) and _is_named(change):
        changes = {item["name"]: item for item in change}
        return [merged(item, changes.get(item["name"], {})) for item in before]
    return change


def _is_named(value: Any) -> bool:
    items = value if isinstance(value, list) else []
    return bool(items) and all(isinstance(item, dict) and "name" in item for item in items)


def _same(one: Mapping, other: Mapping) -> bool:
    return one["kind"] == other["kind"] and one["metadata"]["name"] == other["metadata"]["name"]


def _replace_image(objects: list[dict], image: Mapping) -> None:
    for one in objects:
        for container in _containers(one):
            if container["image"] == image["name"]:
                container["image"] = image.get("newName", image["name"]) + (
                    f"@{image['digest']}" if "digest" in image else f":{image['newTag']}"
                )


def _containers(one: Mapping) -> list[dict]:
    if one["kind"] != "Deployment":
        return []
    return one["spec"]["template"]["spec"]["containers"]
