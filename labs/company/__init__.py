"""Norrmotor, the fictional carmaker of the labs: its data, seeded and synthetic."""

from labs.company.company import Company, Year

__all__ = ["Company", "Year"]
