"""Norrmotor, the fictional carmaker of the labs: its data, seeded and synthetic."""
