# SPDX-License-Identifier: Apache-2.0
"""Builds the extension with the project's own CMake, so that it is compiled in one way only. FIRN_PYTHON_BUILD names a directory to build
in (default: one of setuptools); FIRN_PYTHON_EXTENSION names an extension that was built already, which is taken as it is. If there is a program
program/firn (scripts/package puts it there), the wheel installs it beside Python's own."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from distutils.command.build_scripts import build_scripts

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build/wheel"
WORK.mkdir(parents=True, exist_ok=True)


class CMakeBuild(build_ext):
    def build_extension(self, extension):
        to = Path(self.get_ext_fullpath(extension.name))
        to.parent.mkdir(parents=True, exist_ok=True)
        built = os.environ.get("FIRN_PYTHON_EXTENSION")
        if not built:
            build = Path(os.environ.get("FIRN_PYTHON_BUILD") or Path(self.build_temp) / "cmake").resolve()
            options = ["-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DFIRN_TESTS=OFF", "-DFIRN_PYTHON=ON"]
            if shutil.which("cmake") is None:
                raise SystemExit("cmake is missing, and perhaps more that firn is built with: scripts/deps installs it")
            subprocess.run(["cmake", "-S", str(ROOT), "-B", str(build), *options], check=True)
            subprocess.run(["cmake", "--build", str(build), "--target", "firn_python"], check=True)
            built = build / "bindings/python/package/firn/_firn.abi3.so"
        shutil.copyfile(built, to)
        subprocess.run(["strip", "--strip-unneeded", str(to)], check=True)


class CopyPrograms(build_scripts):
    """The original takes a script for text."""

    def run(self):
        self.mkpath(self.build_dir)
        for program in self.scripts:
            to = Path(self.build_dir) / Path(program).name
            shutil.copyfile(program, to)
            to.chmod(0o755)


def version():
    text = (ROOT / "include/firn/types.h").read_text(encoding="utf-8")
    return re.search(r'#define FIRN_VERSION "([^"]+)"', text).group(1)


setup(
    version=version(),
    ext_modules=[Extension("firn._firn", sources=[], py_limited_api=True)],
    scripts=["program/firn"] if Path(__file__).with_name("program").is_dir() else [],
    cmdclass={"build_ext": CMakeBuild, "build_scripts": CopyPrograms},
    # Nothing is written into the sources.
    options={
        "bdist_wheel": {"py_limited_api": "cp39"},
        "build": {"build_base": str(WORK)},
        "egg_info": {"egg_base": str(WORK)},
    },
)
