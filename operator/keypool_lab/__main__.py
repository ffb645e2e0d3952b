"""`python -m keypool_lab`: keypool on one machine."""

import typer

from keypool_lab.commands.bench import bench
from keypool_lab.commands.bench_relay import bench_relay
from keypool_lab.commands.binaries import binaries
from keypool_lab.commands.controlplane import controlplane
from keypool_lab.commands.demo import demo
from keypool_lab.commands.gateways import gateways
from keypool_lab.commands.mutants import mutants
from keypool_lab.commands.up import down, up

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for command in (demo, up, down, bench, bench_relay, mutants, binaries, gateways, controlplane):
    app.command()(command)

if __name__ == "__main__":
    app(prog_name="python -m keypool_lab")
