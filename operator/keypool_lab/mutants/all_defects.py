"""All defects that are sown."""

from keypool_lab.mutants.audit_defects import AUDIT_DEFECTS
from keypool_lab.mutants.defects import DEFECTS as OTHERS

DEFECTS = (*OTHERS, *AUDIT_DEFECTS)
