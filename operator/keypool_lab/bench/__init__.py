"""How fast is keypool, and what does it cost? Load on a real control plane, seen from outside the operator."""
