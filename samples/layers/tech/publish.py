"""The command `cws publish`, which publishes a version of a layer."""

from pathlib import Path

import boto3
import click


@click.command()
@click.argument("name")
@click.argument("archive", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--description", default="", help="What the layer contains.")
@click.option("--public", is_flag=True, help="Let all AWS accounts use this version.")
def publish(name: str, archive: Path, description: str, public: bool) -> None:
    """Publish a zip file as a new version of the layer NAME, and print its ARN."""
    client = boto3.client("lambda")
    version = client.publish_layer_version(
        LayerName=name, Description=description, Content={"ZipFile": archive.read_bytes()}
    )
    if public:
        client.add_layer_version_permission(
            LayerName=name,
            VersionNumber=version["Version"],
            StatementId="public",
            Action="lambda:GetLayerVersion",
            Principal="*",
        )
    click.echo(version["LayerVersionArn"])
