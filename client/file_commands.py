"""Commands about what is uploaded: datasets and images."""

import json
from pathlib import Path
from typing import Annotated

import typer

from client import tables, transfers
from client.command_line import AsJson, tell, tell_each
from client.printing import moment, size, stderr
from client.views import Dataset, Images, Row

app = typer.Typer()
datasets = typer.Typer(no_args_is_help=True, help="Uploaded rows.")
images = typer.Typer(no_args_is_help=True, help="Images that rows may name.")
app.add_typer(datasets, name="datasets")
app.add_typer(images, name="images")

DatasetId = Annotated[str, typer.Argument(metavar="DATASET", help="Id of a dataset: file-…")]
ImagesId = Annotated[str, typer.Argument(metavar="IMAGES", help="Id of uploaded images: file-…")]


@app.command()
def upload(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="JSONL, JSON, Parquet, WebDataset, or a zip of one")
    ],
    images: Annotated[
        str | None, typer.Option(help="Images that the rows name: a zip, a folder, or the id of uploaded ones")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Upload a dataset; every row is checked before it is taken."""
    with ctx.obj() as tuneyard:
        dataset = transfers.upload(tuneyard, file, images)
    tell(dataset, f"{dataset.id}  {dataset.num_rows} rows, {dataset.num_images} images", as_json=as_json)


@datasets.command("list")
def list_datasets(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show every dataset, newest first."""
    with ctx.obj() as tuneyard:
        found = list(tuneyard.datasets.list())
    tell(found, tables.datasets(found), as_json=as_json)


@datasets.command("show")
def show_dataset(ctx: typer.Context, dataset_id: DatasetId, *, as_json: AsJson = False) -> None:
    """Show one dataset."""
    with ctx.obj() as tuneyard:
        found = tuneyard.datasets.retrieve(dataset_id)
    rows = (("form", found.form), ("rows", str(found.num_rows)), *_facts(found))
    tell(found, tables.facts((("dataset", found.id), *rows)), as_json=as_json)


@datasets.command("preview")
def preview_rows(
    ctx: typer.Context,
    dataset_id: DatasetId,
    place: Annotated[int, typer.Option(min=0, help="Byte of the rows: the first row behind it comes first")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Most rows; fewer come where they are large")] = 10,
    *,
    as_json: AsJson = False,
) -> None:
    """Show rows as they are trained on, addresses in place of their images."""
    with ctx.obj() as tuneyard:
        found = tuneyard.datasets.preview(dataset_id, place=place, limit=limit)
    tell_each(found.data, _row, as_json=as_json)
    if found.has_more:
        stderr().print(f"{found.num_bytes:,} bytes in all; go on: --place {found.next_place}")


@datasets.command("delete")
def delete_dataset(ctx: typer.Context, dataset_id: DatasetId) -> None:
    """Delete a dataset, unless a job that has not ended needs it."""
    with ctx.obj() as tuneyard:
        tuneyard.datasets.delete(dataset_id)
    typer.echo(f"{dataset_id} is deleted")


@datasets.command("download")
def download_rows(
    ctx: typer.Context,
    dataset_id: DatasetId,
    output: Annotated[
        Path | None, typer.Option(help="File for the rows; by default one named like the dataset")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Download rows as they are trained on: JSONL in OpenAI's chat format, images in it."""
    path = output or Path(f"{dataset_id}.jsonl")
    with ctx.obj() as tuneyard:
        found = tuneyard.datasets.retrieve(dataset_id)
        with transfers.bar(f"downloading {dataset_id}", None) as on_bytes:
            tuneyard.datasets.download(dataset_id, path, on_bytes)
    tell(found, str(path), as_json=as_json)


@images.command("upload")
def upload_images(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(exists=True, help="An image, a zip of images, or a folder of them")],
    *,
    as_json: AsJson = False,
) -> None:
    """Upload images apart from the rows that name them."""
    with ctx.obj() as tuneyard:
        found = transfers.upload_images(tuneyard, path)
    tell(found, f"{found.id}  {found.num_images} images", as_json=as_json)


@images.command("list")
def list_images(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show all uploaded images, newest first."""
    with ctx.obj() as tuneyard:
        found = list(tuneyard.images.list())
    tell(found, tables.images(found), as_json=as_json)


@images.command("delete")
def delete_images(ctx: typer.Context, images_id: ImagesId) -> None:
    """Delete uploaded images; rows that were uploaded with them have copies of their own."""
    with ctx.obj() as tuneyard:
        tuneyard.images.delete(images_id)
    typer.echo(f"{images_id} is deleted")


@images.command("show")
def show_images(ctx: typer.Context, images_id: ImagesId, *, as_json: AsJson = False) -> None:
    """Show uploaded images."""
    with ctx.obj() as tuneyard:
        found = tuneyard.images.retrieve(images_id)
    tell(found, tables.facts((("images", found.id), *_facts(found))), as_json=as_json)


def _row(row: Row) -> str:
    return f"{row.place}  {json.dumps(row.row, ensure_ascii=False)}"


def _facts(found: Dataset | Images) -> tuple[tuple[str, str], ...]:
    return (
        ("file", found.filename),
        ("images", str(found.num_images)),
        ("size", size(found.num_bytes)),
        ("SHA-256", found.sha256),
        ("uploaded", moment(found.created_at)),
    )
