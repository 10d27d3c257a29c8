"""`dataprep`: the commands, each in a file of its own, found by file name and loaded when called."""

from __future__ import annotations

import importlib
import keyword
import os
import sys
from pathlib import Path

import click

from dataprep import __version__
from dataprep.errors import DataprepError, did_you_mean

_HERE = Path(__file__).parent
_ORDER = (
    "run", "plan", "stages", "schema", "manifest", "explain", "dropped", "models", "train-tokenizer",
    "train-classifier", "tokenize", "mix", "trace", "export-tokens", "pretrain", "report",
    "evaluate", "generate", "export", "import", "sample-web", "task",
)  # fmt: skip


class Commands(click.Group):
    """The file system is the registry: `cli/sample_web.py` holds `dataprep sample-web`, `cli/import_.py` `import`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        stems = (p.stem for p in _HERE.glob("*.py") if p.stem not in ("__init__", "main", "progress"))
        names = [stem.removesuffix("_").replace("_", "-") for stem in stems]
        return sorted(names, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        word = name.replace("-", "_") + "_" * keyword.iskeyword(name)
        command = getattr(importlib.import_module(f"dataprep.cli.{word}"), word)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            ctx.fail(f"no command '{args[0]}'{did_you_mean(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
def dataprep() -> None:
    """Raw text in, a clean and accounted-for language-model pretraining corpus out.

    \b
    Example:
      dataprep run pipelines/web.yaml
    """


def main() -> None:
    """Entry point: one line for every error a user can act on; exit codes 0, 1 (failed), 2 (bad usage)."""
    try:
        dataprep.main(prog_name="dataprep", standalone_mode=False)
        sys.stdout.flush()  # now, so that a reader who has gone is met below and not when Python shuts down
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
    except click.exceptions.Exit as leave:
        sys.exit(leave.exit_code)
    except click.ClickException as error:
        click.echo(f"error: {_usage(error)}", err=True)
        sys.exit(2)
    except DataprepError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; finished tasks are kept: type the same command again to go on", err=True)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has gone, as in `| head`. Nothing is left to tell it, and Python must not try.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # a file or a store that went away while we worked
        click.echo(f"error: {error.filename or 'input or output'}: {error.strerror or error}", err=True)
        sys.exit(1)
    except Exception as error:
        if not type(error).__module__.startswith(("botocore.", "aiobotocore.", "aiohttp.")):
            raise  # a defect of ours
        click.echo(f"error: object store: {' '.join(str(error).split())}", err=True)
        sys.exit(1)


def _usage(error: click.ClickException) -> str:
    """One line: which command, what is wrong, where to look."""
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    inside = context.command_path.removeprefix("dataprep").strip()
    return f"{inside}{': ' if inside else ''}{message}; see `{context.command_path} --help`"
