"""`holdfast operator`: the node in a cluster, or beside one.

Rules: SIGINT and SIGTERM end it in order, with exit status 0, and give the lease back; a lost lease ends it
with 7, so that whoever runs it starts it anew.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from importlib.util import find_spec

import click

from reconciler.cli import exits
from reconciler.cli.address import HOST_PORT
from reconciler.cli.everywhere import Verb
from reconciler.errors import Missing


@click.command(cls=Verb)
@click.option(
    "--data", metavar="DIR", help="Where the node keeps all its state; operators of one lease share it."
)
@click.option("--listen", type=HOST_PORT, metavar="HOST:PORT", help="Where the HTTP API listens.")
@click.option("-n", "--namespace", "namespaces", multiple=True, help="Only this one (repeatable); else all.")
@click.option("--no-leader-election", "alone", is_flag=True, help="Act without a lease: it is the only one.")
@click.option("--probe", type=HOST_PORT, metavar="HOST:PORT", help="Where a kubelet's probes are answered.")
def operator(
    data: str | None, listen: str | None, namespaces: tuple[str, ...], alone: bool, probe: str | None
) -> int:
    """Run the node as a Kubernetes operator: custom resources are its manifests.

    The cluster is that of KUBECONFIG, of the pod that it runs in, or of ~/.kube/config.
    """
    if find_spec("kopf") is None:
        remedy = "install it with its extra: pip install 'holdfast[operator]'"
        raise Missing("the operator needs kopf, which is not installed", remedy=remedy)
    from reconciler.runtime.operator import Operator, Terms
    from reconciler.runtime.probe import answering
    from reconciler.settings import load

    settings = load(data, {"api.listen": listen} if listen else None)

    async def live() -> None:
        one = Operator(settings, Terms(namespaces, elect=not alone), lambda text: click.echo(text, err=True))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, one.stopping.set)
        async with AsyncExitStack() as stack:
            if probe:
                await stack.enter_async_context(answering(probe, lambda: one.state))
            await one.run()

    asyncio.run(live())
    click.echo("stopped; the services go on: `holdfast down` stops them too", err=True)
    return exits.OK
