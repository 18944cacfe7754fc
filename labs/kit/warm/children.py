"""What a fork of the kernels' server becomes: a kernel, or a program that a kernel starts."""

from collections.abc import Callable

import ipykernel.debugger
import ipykernel.kernelapp
import ipykernel.zmqshell  # noqa: F401  what a kernel has loaded when it begins, and no more

from labs.kit.warm import kernel, program
from labs.kit.warm.protocol import Request

kernel.note()
prepare = kernel.prepare


def become(request: Request, ready: Callable[[], None]) -> int:
    """Be what `request.argv` describes; its exit code. For the forked child only."""
    kernel.renew()
    role = program if request.argv[:1] and request.argv[0] in program.FORMS else kernel
    return role.become(request, ready)
