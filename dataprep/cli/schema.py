"""`dataprep schema`: the JSON Schema of a pipeline file."""

from __future__ import annotations

import json

import click


@click.command()
def schema() -> None:
    """Print the JSON Schema of pipeline files: completion and checks in editors.

    A file whose first line is `# yaml-language-server: $schema=pipeline.schema.json` is checked as you type.

    \b
    Example:
      dataprep schema > pipeline.schema.json
    """
    from dataprep.yaml_schema import yaml_schema

    click.echo(json.dumps(yaml_schema(), ensure_ascii=False, indent=1))
