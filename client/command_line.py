"""What all commands share: exit codes, how a failure is told, and what is printed for people and for programs."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from rich.table import Table
from typer.core import TyperGroup

from client.completion import job_ids
from client.errors import TuneyardError, UnreadableInput
from client.printing import print_error, print_table

FAILED = 1
USAGE = 2
INTERRUPTED = 130
T = TypeVar("T", bound=BaseModel)

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of a job: ftjob-…", autocompletion=job_ids)]
SpecFile = Annotated[str, typer.Argument(help="JSON file with the spec of a job, or - for stdin")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]


class Commands(TyperGroup):
    """Tells an expected failure in one block; exits with 2 where what the user gave cannot be used, else with 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except TuneyardError as error:
            print_error(error)
            raise typer.Exit(USAGE if isinstance(error, UnreadableInput) else FAILED) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(INTERRUPTED) from error


def tell(result: BaseModel | Sequence[BaseModel], words: str | Table, *, as_json: bool) -> None:
    """Print a result: one line of JSON for programs, words or a table for people."""
    if as_json:
        typer.echo(json.dumps(to_jsonable_python(result), ensure_ascii=False))
    elif isinstance(words, str):
        typer.echo(words)
    elif not words.rows:
        typer.echo("There are none")
    else:
        print_table(words)


def tell_each(results: Iterable[T], words: Callable[[T], str], *, as_json: bool) -> None:
    """Print what comes one after the other, each as soon as it is there: a line of JSON, or of words."""
    for one in results:
        typer.echo(one.model_dump_json() if as_json else words(one))
