"""Options in a TOML file.

Flows in: a file whose keys are the long options without their dashes, or the options of a run. Flows out: defaults for
the command line, or such a file. Options that may be given several times are tables (`[bounds]` with the line
`mean = "3:6km/s"`) or arrays (`fixed = ["theta"]`).
"""

from __future__ import annotations

import os
import reprlib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
import tomli_w
from click.core import ParameterSource

from ndfit.atomic import refuse_existing, replacing
from ndfit.cli.bad_input import BadInput, suggestion
from ndfit.cli.messages import reason
from ndfit.kinds import no_file
from ndfit.options import ALSO
from ndfit.run.checkpoint import OPTIONS, is_unused
from ndfit.untrusted import shortened

__all__ = ["check_output", "keep_beside", "load_into", "means_what_it_meant", "options_beside", "save"]

# Of the run, not of the fit.
_NOT_SAVED = frozenset({"config", "save_config", "overwrite", "quiet"})

_LARGEST = 2**16  # bytes
_LARGEST_NUMBER = 10**30

_GIVEN = (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP)


def load_into(context: click.Context, parameter: click.Parameter, path: Path | None) -> None:
    """Make the options of a file the defaults of a command.

    Raises
    ------
    BadInput
        The file is missing or no TOML, or has a key that is no option.
    """
    if path is None:
        return
    options = {option.name: option for option in context.command.params if option.name not in _NOT_SAVED}
    keys = {_key(str(name)): option for name, option in options.items()}
    defaults = {}
    for key, value in _read(path).items():
        if key not in keys:
            raise BadInput(f"{path} has the key '{shortened(key)}', which is no option. {suggestion(key, keys)}")
        defaults[str(keys[key].name)] = _as_option(path, key, value, keys[key])
    context.default_map = defaults


def save(path: Path, context: click.Context, overwrite: bool, follow: bool = True) -> None:
    """Write the options that were given, by the command line or by a file; see `ndfit.atomic.replacing`.

    Raises
    ------
    BadInput
        The file cannot be written.
    """
    table: dict[str, Any] = {}
    for option in context.command.params:
        name = str(option.name)
        if name not in _NOT_SAVED and context.get_parameter_source(name) in _GIVEN:
            table[_key(name)] = _as_toml(context.params[name])
    if not means_what_it_meant(context):
        table.setdefault("guess", ALSO)
    try:
        with replacing(path, overwrite, follow=follow) as partial:
            partial.write_text(tomli_w.dumps(table), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"The options cannot be written to {path}: {reason(error)}.") from error
    except UnicodeEncodeError as error:
        line = shortened(error.object[: error.end].rpartition("\n")[2])
        raise BadInput(
            f"The options cannot be written to {path}: TOML is UTF-8, and what '{line}' begins with is not. "
            "If it is the name of a file, give it another one."
        ) from error


def means_what_it_meant(context: click.Context) -> bool:
    """Whether options come from a file that does not say how to guess, as those of version 0.1.

    There, starting values were guessed where none was given and the model could be guessed, and else not at all.
    """
    source = context.get_parameter_source("guess")
    return bool(context.default_map is not None and source not in _GIVEN)


def options_beside(folder: Path) -> Path:
    """Where the options of a run are, given the folder of its checkpoint."""
    return folder / OPTIONS


def keep_beside(folder: Path | None, context: click.Context) -> None:
    """Write the options of a run into the folder of its checkpoint, where that is new."""
    if folder is None or not is_unused(folder):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"The folder {folder} cannot be made: {error.strerror or error}.") from error
    save(options_beside(folder), context, overwrite=True, follow=False)


def check_output(path: Path | None, overwrite: bool) -> None:
    """Check that an output may be written.

    Raises
    ------
    BadInput
        It exists and may not be replaced, or its folder does not exist or cannot be written to.
    """
    if path is None:
        return
    if os.path.lexists(path) and not overwrite:
        raise BadInput(f"{path} exists already: give --overwrite to replace it, or choose another name.")
    try:
        refuse_existing(path.absolute(), overwrite)
    except FileNotFoundError:
        target = Path(os.path.realpath(path)) if path.is_symlink() else path.absolute()
        raise BadInput(f"The folder {target.parent} for {target.name} does not exist: make it first.") from None
    except OSError as error:
        raise BadInput(f"{shortened(str(path))} cannot be written: {error.strerror or error}.") from error


def _read(path: Path) -> Mapping[str, Any]:
    if no_file(path):
        raise BadInput(f"{path} is {no_file(path)}, and a file with options is needed.")
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise BadInput(f"{path} has more than {_LARGEST} bytes, which options do not need.")
        return tomllib.loads(content.decode("utf-8"))
    except FileNotFoundError:
        raise BadInput(f"There is no file {path}.") from None
    except RecursionError:
        raise BadInput(f"{path} cannot be read as TOML: it is nested too deep.") from None
    except ValueError as error:
        raise BadInput(f"{path} cannot be read as TOML: {shortened(str(error))}.") from error


def _as_option(path: Path, key: str, value: Any, option: click.Parameter) -> Any:
    """What click takes as the default of an option: text, a flag, or several of them."""
    several = isinstance(option, click.Option) and option.multiple
    if isinstance(value, Mapping) and several:
        return [f"{name}={_text(path, key, entry)}" for name, entry in value.items()]
    if isinstance(value, list) and several:
        return [_text(path, key, entry) for entry in value]
    if isinstance(value, bool) and isinstance(option, click.Option) and option.is_flag:
        return value
    return [_text(path, key, value)] if several else _text(path, key, value)


def _text(path: Path, key: str, value: Any) -> str:
    if isinstance(value, str) and "\0" in value:
        raise BadInput(f"{path}: the text of '{key}' has a null character in it.")
    if isinstance(value, int) and abs(value) >= _LARGEST_NUMBER:
        raise BadInput(f"{path}: the number of '{key}' is too large.")
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise BadInput(f"{path}: '{key}' should be text or a number, got {reprlib.repr(value)}.")


def _as_toml(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if not isinstance(value, tuple):
        return value
    pairs = [entry.partition("=") for entry in value]
    return _table(pairs) if all(equals for _, equals, _ in pairs) else list(value)


def _table(pairs: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    return {name.strip(): value.strip() for name, _, value in pairs}


def _key(name: str) -> str:
    return name.replace("_", "-")
