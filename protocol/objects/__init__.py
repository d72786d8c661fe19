"""What people sign: one envelope for all, one module per kind, and the agreement they add up to."""
