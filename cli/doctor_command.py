"""``onestroke doctor``: describe the installation and the machine for a bug report."""

from onestroke.cli.terminal import filter_native_logs, out

EXAMPLES = ("onestroke doctor", "onestroke doctor > report.txt")


def doctor() -> None:
    """Describe the installation and the machine for a bug report."""
    from onestroke.diagnosis import diagnose

    with filter_native_logs():
        facts = diagnose()
    width = max(map(len, facts))
    for name, fact in facts.items():
        out.print(f"{name:{width}}  {fact}")
