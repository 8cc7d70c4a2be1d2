"""``edgeopt new``: a working solver, formulation or family of instances with its test, to be changed into one's own."""

from __future__ import annotations

import keyword
import re
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from ..model.errors import InvalidOptionError


class Kind(StrEnum):
    """What can be begun."""

    SOLVER = "solver"
    FORMULATION = "formulation"
    INSTANCES = "instances"


_REGISTERED = {
    Kind.SOLVER: '[project.entry-points."edgeopt.solvers"]  {module} = "{module}"',
    Kind.FORMULATION: "import it where it is used: nothing has to be registered",
    Kind.INSTANCES: '[project.entry-points."edgeopt.instances"]  {module} = "{module}:FAMILIES"',
}


def new(
    kind: Annotated[Kind, typer.Argument(help="solver, formulation or instances.")],
    name: Annotated[str, typer.Argument(help="Its name: letters, digits and hyphens, as in my-solver.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path(),
) -> None:
    """Write a working template and its test.

    \b
    Examples:
      edgeopt new solver my-solver
      edgeopt new formulation site-choice --out src/mypackage
      edgeopt new instances my-traffic
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise InvalidOptionError(f"name is {name!r}; expected lower-case letters, digits and hyphens, as in my-solver")
    module = name.replace("-", "_")
    words = {"NAME": name, "MODULE": module, "CLASS": "".join(part.capitalize() for part in name.split("-"))}
    files = {out / f"{module}.py": f"{kind}.txt", out / f"test_{module}.py": f"{kind}_test.txt"}
    if existing := [str(file) for file in files if file.exists()]:
        raise InvalidOptionError(f"{existing[0]} exists and is not written over; choose another name or folder")
    if not out.is_dir():
        raise InvalidOptionError(f"--out is {str(out)!r}; expected a folder that exists")
    templates = resources.files("edgeopt.testing") / "templates"
    for file, template in files.items():
        text = (templates / template).read_text(encoding="utf-8")
        file.write_text(re.sub("NAME|MODULE|CLASS", lambda found: words[found[0]], text), encoding="utf-8")
        typer.echo(f"wrote {file}")
    typer.echo(f"test it:     python -m pytest {out / f'test_{module}.py'}")
    typer.echo(f"register it: {_REGISTERED[kind].format(module=module)}")
