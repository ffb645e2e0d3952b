"""Defects of the audit log: it would tell less, or more, than it may."""

from keypool_lab.mutants.defect import Defect

AUDIT_DEFECTS: tuple[Defect, ...] = (
    Defect(
        "an audit line that was changed is not found",
        "core/audit/verify.py",
        "if digest(line.told) != line.hash:",
        "if digest(line.told) == line.prev:",
        ("tests/unit/audit/test_verify.py",),
    ),
    Defect(
        "a leaked value that stands in an annotation is repeated in the audit log",
        "core/orders.py",
        'value = asked.shown(asked.remembered(request, pool.uid, names)) or ""',
        "value = request or str(names)",
        ("tests/unit/test_auditor.py",),
    ),
    Defect(
        "an autoscaler is named for a limit that somebody else changed",
        "cluster/askers.py",
        'if "f:key" in _below(each, "f:spec")',
        'if _below(each, "f:spec")',
        ("tests/unit/test_auditor.py",),
    ),
)
