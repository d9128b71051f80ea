# SPDX-License-Identifier: Apache-2.0
"""tests/crash/mounted.py: file systems in files, mounted, for the tests beside it that need disks of their own. They need root
and loop devices, and call enter_own_namespace() first."""
import os
import subprocess
import sys
import time


def quiet(*command):
    try:
        return subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, "", f"there is no {command[0]}")


def enter_own_namespace():
    """Starts this program again in a mount namespace of its own: a namespace that another process makes meanwhile would hold
    a copy of every mount that it can see, and the disk could not be taken away. Where there can be none (in a chroot whose
    root is no mount point) the program says so and ends."""
    if os.environ.get("FIRN_TEST_NAMESPACE") != "1":
        environment = dict(os.environ, FIRN_TEST_NAMESPACE="1")
        command = ["unshare", "--mount", "--propagation", "private"]
        tried = quiet(*command, "true")
        if tried.returncode != 0:
            print(f"SKIPPED: disks in a mount namespace of their own: {tried.stderr.strip()}")
            sys.exit(0)
        os.execvpe(command[0], [*command, sys.executable, *sys.argv], environment)


class Disk:
    """A file system of one kind and size: tmpfs, or any that has a mkfs in a file. `error` says why there is none."""

    def __init__(self, kind, mib, place):
        self.kind = kind
        self.mib = mib
        self.root = os.path.join(place, f"{kind}{mib}")
        self.image = self.root + ".image"
        self.is_mounted = False
        self.error = ""
        os.makedirs(self.root, exist_ok=True)
        if kind != "tmpfs":
            with open(self.image, "wb") as file:
                file.truncate(mib << 20)
            made = quiet("mkfs." + kind, "-q", self.image)
            if made.returncode != 0:
                self._failed(made)
                return
        self.mount()

    def _failed(self, done):
        self.error = (done.stderr.strip() or "it could not be mounted").splitlines()[0]

    def mount(self):
        if self.kind == "tmpfs":
            done = quiet("mount", "-t", "tmpfs", "-o", f"size={self.mib}m", "firn", self.root)
        else:
            done = quiet("mount", "-o", "loop", self.image, self.root)
        self.is_mounted = done.returncode == 0
        if not self.is_mounted:
            self._failed(done)
        return self.is_mounted

    def unmount(self):
        for _ in range(50):
            if quiet("umount", self.root).returncode == 0:
                self.is_mounted = False
                return
            time.sleep(0.1)
        raise RuntimeError(f"could not unmount {self.root}")

    def remove(self):
        """Its file goes, too."""
        if self.is_mounted:
            self.unmount()
        if os.path.exists(self.image):
            os.remove(self.image)
