"""Build the wheels, install them as a user would, and use them: `check_wheels.py SCRATCH_FOLDER`.

Plain pip, a fresh virtual environment, no lock, so the newest versions that the ranges allow; and everything runs
outside the checkout, so that nothing is found there by accident.
"""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = [ROOT / "flowra_core", *sorted((ROOT / "flowra_plugins").glob("*/")), ROOT / "templates"]


def call(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run a command, show it and what it prints, and end the check where it fails."""
    done = subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.PIPE, text=True, check=False)
    print("$", *command, f"\n{done.stdout}", flush=True)
    if done.returncode != 0:
        sys.exit(f"exit code {done.returncode} from: {' '.join(map(str, command))}")
    return done.stdout


def build(dist: Path) -> list[Path]:
    """Build every distribution by way of its sdist, so that the sdist is whole too; return the wheels."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda project: call("uv", "build", "--quiet", "--out-dir", dist, project, cwd=dist), PROJECTS))
    return sorted(dist.glob("*.whl"))


def look_inside(wheel: Path) -> None:
    """Check that a wheel holds what its readers and Flowra look for."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = "".join(archive.read(name).decode() for name in names if name.endswith("/entry_points.txt"))
    [package] = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    wanted = {f"{package}/__init__.py", f"{package}/py.typed"}
    if "[flowra]" in entry_points:
        wanted.add(f"{package}/flowra-manifest.json")
    missing = wanted - names
    if not any(name.endswith("/licenses/LICENSE") for name in names):
        missing.add("LICENSE")
    if missing:
        sys.exit(f"{wheel.name} lacks {', '.join(sorted(missing))}")


def main(scratch: Path) -> None:
    """Build, install, use."""
    shutil.rmtree(scratch, ignore_errors=True)
    dist, away = scratch / "dist", scratch / "away"
    dist.mkdir(parents=True)
    away.mkdir()

    wheels = build(dist)
    for wheel in wheels:
        look_inside(wheel)

    venv.create(scratch / "venv", with_pip=True)
    commands = scratch / "venv" / "bin"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COVERAGE", "FLOWRA"))}
    env["PATH"] = f"{commands}{os.pathsep}{env['PATH']}"
    # What runs below is compiled then; all that numpy and its like hold would be compiled for nothing.
    call(commands / "pip", "install", "--quiet", "--no-compile", *wheels, cwd=away, env=env)
    call(commands / "pip", "check", cwd=away, env=env)
    call(commands / "pip", "list", "--format=freeze", cwd=away, env=env)

    for kind in ("CACHE", "CONFIG", "DATA", "STATE"):
        env[f"XDG_{kind}_HOME"] = str(scratch / "home" / kind.lower())
    flowra = commands / "flowra"
    version = call(flowra, "--version", cwd=away, env=env)
    packs = call(flowra, "pack", "list", cwd=away, env=env)
    shutil.copytree(ROOT / "examples", away / "examples")
    call(flowra, "run", "examples/faces.json", "--output", "results", cwd=away, env=env)

    built = next(wheel.name.split("-")[1] for wheel in wheels if wheel.name.startswith("flowra-"))
    if built not in version:
        sys.exit(f"flowra --version says {version!r}, and the wheel is {built}")
    if "image" not in packs:
        sys.exit("flowra pack list doesn't name the image pack")
    results = sorted(str(path.relative_to(away)) for path in (away / "results").rglob("*") if path.is_file())
    if not results:
        sys.exit("flowra run examples/faces.json wrote nothing into the folder of --output")
    print("results:", *results)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
