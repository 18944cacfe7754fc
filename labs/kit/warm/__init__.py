"""Warm kernels: a process that has imported the course's libraries once forks each kernel.

A kernel started the usual way spends seconds on the start of the interpreter and on
imports; a fork of a process that has done both is ready in a twentieth of a second.

`forkserver` is that process, `preload` what it imports, `kernel` what a fork becomes,
`protocol` what is said on its socket, `client` the other end of it, `starting` how a
server is begun and found again, `provisioner` the plug by which every Jupyter tool
uses it, `policy` when a kernel may be warm and what is said when it is not.
"""
